import AnomalyDetection
import AttackPatterns
import EventStore
import Events
import FeatureExtraction
import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

/// A temporary directory, removed with the last reference.
final class Scratch: Sendable {
    let path = NSTemporaryDirectory() + "lztest-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func store() throws -> EventStore { try EventStore(path: path + "/lazaret.db") }

    /// Changes the file behind the store's back.
    func tamper(_ statements: String) throws {
        try Namespace.command(["sqlite3", path + "/lazaret.db", statements])
    }
}

func entry(_ number: Int) -> AuditEntry {
    AuditEntry(
        time: Timestamp(second: number), actor: "test", action: "fence",
        subject: "10.0.0.\(number)", detail: "why \(number)")
}

func rule(
    _ text: String, state: QuarantineRule.State = .active,
    expires: Timestamp = Timestamp(nanoseconds: 5)
) -> QuarantineRule {
    QuarantineRule(
        id: "q1", target: target(text), state: state, created: Timestamp(nanoseconds: 1),
        expires: expires, level: 2,
        reason: "fan-out", eventID: "e1", features: "peers=40", workload: "web", isForced: true,
        packets: .max, bytes: 7)
}

/// An alert on `web`.
func event(_ identifier: String, time: Int64, padding: Int = 0) -> StoredEvent {
    var alert = Event.Alert(
        identifier: identifier, looksLike: .beacon, severity: .low, offender: IPAddress(v4: 1),
        workload: "web", scale: .short, score: 1)
    alert.reasons = [Event.Alert.Reason(text: String(repeating: "x", count: padding))]
    return StoredEvent(
        RenderedEvent(Event(time: Timestamp(nanoseconds: time), .alert(alert))),
        recorded: Timestamp(nanoseconds: 7))
}

func statistics(time: Int64, padding: Int = 0) -> StoredStatistics {
    var statistics = Event.Statistics(uptimeSeconds: Int(time))
    statistics.flow = [String(repeating: "x", count: padding): 1]
    return StoredStatistics(
        RenderedEvent(Event(time: Timestamp(nanoseconds: time), .stats(statistics))))
}

func incident(_ identifier: String, start: Int, end: Int, padding: Int = 0) -> StoredIncident {
    StoredIncident(
        IncidentSummary(
            eventID: identifier, offender: "10.0.0.1", workload: "web", start: start, end: end,
            patterns: [], summary: String(repeating: "x", count: padding), score: 1, pValue: 0,
            threshold: 0.75, baseline: "web", windows: 1, decision: .watch, reasons: []))
}

struct EventStoreTests {
    @Test func incidentsAreFilteredByEndsPatternStateAndSeverity() throws {
        let store = try Scratch().store()
        func summary(_ number: Int, _ change: (inout IncidentSummary) -> Void = { _ in }) {
            var summary = IncidentSummary(
                eventID: "i\(number)", offender: "10.0.0.\(number % 250)", workload: "web",
                start: 1000 + number / 7, end: 2000, patterns: ["beacon"], summary: "", score: 1,
                pValue: 0, threshold: 0.75, baseline: "web", windows: 1, decision: .watch,
                reasons: [])
            change(&summary)
            incidents.append(StoredIncident(summary))
        }
        var incidents: [StoredIncident] = []
        for number in 0..<1500 { summary(number) }
        summary(1500) {
            $0.workload = "Worker"
            $0.severity = .high
            $0.patterns = ["syn_flood", "port_scan"]
            $0.target = AttackTarget(address: IPAddress(v4: 0x0A3C_0305), workload: "db")
            $0.targets = [(0x0A3C_0305, "db"), (0x0A3C_0309, "vault")].map {
                AttackTarget.Host(address: IPAddress(v4: $0), workload: $1)
            }
            $0.targetCount = 2
        }
        // As an earlier version wrote it.
        var old = StoredIncident(
            IncidentSummary(
                eventID: "old", offender: "10.1.1.1", workload: "old", start: 5, end: 6,
                patterns: ["verticalScan"], summary: "", score: 1, pValue: 0, threshold: 0.75,
                baseline: "web", windows: 1, decision: .quarantine, reasons: []))
        old.json = old.json.replacingOccurrences(of: "\"severity\":3,", with: "")
        var broken = old
        (broken.id, broken.json) = ("broken", "{")
        try store.record(incidents: incidents + [old, broken])
        try store.record(
            Triage(.benign, comment: "", actor: "root", time: Timestamp(nanoseconds: 1)), of: "i3")

        func found(_ limit: Int = 2000, _ change: (inout IncidentFilter) -> Void) throws -> [String]
        {
            var filter = IncidentFilter()
            change(&filter)
            return try store.incidents(limit: limit, matching: filter).map(\.id)
        }
        // Each once and in order, whatever has the same second.
        let all = try found { $0.pattern = "beacon" }
        #expect(all.count == 1500 && Set(all).count == 1500 && all.last == "i6")
        #expect(try found(3) { $0.pattern = "beacon" } == Array(all.prefix(3)))
        #expect(try found { $0.pattern = "port_scan" } == ["i1500", "old"])
        for text in ["WORK", "db (10.60", "VAULT", "10.60.3.9"] {
            #expect(try found { $0.text = text } == ["i1500"], "\(text)")
        }
        #expect(try found { $0.severity = .high } == ["i1500"])
        #expect(try found { $0.severity = .medium } == ["old"])
        #expect(try found { $0.state = .benign } == ["i3"])
        #expect(
            try found {
                $0.state = .benign
                $0.severity = .high
            }.isEmpty)
        #expect(try found { _ in }.count == 1503)
    }

    @Test func minutesAreReplacedAndForgotten() throws {
        let store = try Scratch().store()
        let first = StoredMinutes(
            evidence: [
                .init(minute: 10, workload: "web", share: 5),
                .init(minute: 11, workload: "web", share: 6),
            ], rates: [.init(second: 600, packets: 1, bits: 2, verdicts: 3)])
        try store.record(first, evidenceSince: 0, ratesSince: 0)
        func minutes(until now: Int64 = 10_000) throws -> StoredMinutes {
            try store.minutes(evidenceSince: 0, ratesSince: 0, until: now)
        }
        #expect(try minutes() == first)
        // The clock was set back to minute 10.
        #expect(try minutes(until: 610).evidence == Array(first.evidence.prefix(1)))
        let second = StoredMinutes(
            evidence: [.init(minute: 11, workload: "web", share: 50)],
            rates: [.init(second: 610, packets: 7, bits: 8, verdicts: 9)])
        try store.record(second, evidenceSince: 11, ratesSince: 610)
        #expect(try minutes() == second)
    }

    @Test func theStoreIsReadableByItsOwnerOnly() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        try store.write([rule("10.0.0.1")], [entry(1)])
        for name in try FileManager.default.contentsOfDirectory(atPath: scratch.path) {
            let mode = try FileManager.default.attributesOfItem(
                atPath: scratch.path + "/" + name)[.posixPermissions]
            #expect(mode as? Int == 0o600, "\(name)")
        }
    }

    @Test func fencesAreReadAsTheyWereWritten() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        let fence = rule("10.0.0.2")
        try store.write([fence, rule("10.0.0.3", state: .ended)], [])
        #expect(try store.openRules() == [fence])
        #expect(try store.endedRules(limit: 10).map(\.target) == [target("10.0.0.3")])
        try store.write([rule("10.0.0.2", state: .ended)], [])
        #expect(try scratch.store().openRules().isEmpty)
    }

    @Test func writesByOthersAreNoticedAndOurOwnAreNot() throws {
        let scratch = try Scratch()
        let (one, two) = (try scratch.store(), try scratch.store())
        try one.write([], [entry(1)])
        #expect(try !one.hasChangedElsewhere())
        try two.write([], [entry(2)])
        #expect(try one.hasChangedElsewhere() && !one.hasChangedElsewhere())
        #expect(try one.verifyAudit().records == 2)
    }

    @Test func aWholeTrailIsVerified() throws {
        let store = try Scratch().store()
        #expect(try store.verifyAudit().records == 0)
        for number in 1...20 { try store.write([], [entry(number)]) }
        let report = try store.verifyAudit()
        #expect(report.problems.isEmpty && report.records == 20 && report.head.count == 64)
        let tail = try store.auditTail(limit: 3)
        #expect(tail.map(\.number) == [18, 19, 20] && tail.last?.hash == report.head)
        #expect(try store.audit(after: 5, limit: 2).map(\.entry) == [entry(6), entry(7)])
        #expect(try store.verifyAudit(expecting: tail[0].hash).problems.isEmpty)
        #expect(
            try store.verifyAudit(expecting: "00").problems == [.notInTrail(hash: "00")])
    }

    @Test(
        .needs("sqlite3"),
        arguments: [
            ("UPDATE audit SET detail = 'x' WHERE number = 7", [.changed(number: 7)]),
            ("UPDATE audit SET time = time + 1 WHERE number = 1", [.changed(number: 1)]),
            (
                "UPDATE audit SET actor = 'testf', action = 'ence' WHERE number = 20",
                [.changed(number: 20)]
            ),
            (
                "UPDATE audit SET hash = '00' WHERE number = 9",
                [.changed(number: 9), .changed(number: 10)]
            ),
            ("DELETE FROM audit WHERE number = 7", [.missing(first: 7, last: 7)]),
            ("DELETE FROM audit WHERE number < 4", [.missing(first: 1, last: 3)]),
            ("DELETE FROM audit WHERE number > 17", [.missing(first: 18, last: 20)]),
            ("DELETE FROM audit", [.missing(first: 1, last: 20)]),
            (
                """
                DELETE FROM audit WHERE number = 20; UPDATE audit_ends SET last = 19
                """, [.wrongEnd(number: 19)]
            ),
            (
                "INSERT INTO audit SELECT 21, time, actor, action, subject, detail, hash "
                    + "FROM audit WHERE number = 20",
                [.added(number: 21), .changed(number: 21)]
            ),
        ] as [(String, [AuditProblem])])
    func tamperingIsFound(statement: String, problems: [AuditProblem]) throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        try store.write([], (1...20).map(entry))
        try scratch.tamper(statement)
        #expect(try store.verifyAudit().problems == problems)
    }

    @Test func pruningLeavesAVerifiableTrail() throws {
        let store = try Scratch().store()
        try store.write([], (1...20).map(entry))
        let anchor = try store.audit(after: 14, limit: 1)[0].hash
        try store.pruneAudit(keeping: 5, time: Timestamp(nanoseconds: 99))
        let report = try store.verifyAudit(expecting: anchor)
        #expect(report.problems.isEmpty && report.first == 16 && report.records == 6)
        #expect(try store.auditTail(limit: 1)[0].entry.detail.contains(anchor))
        #expect(report.pruning?.number == 21 && report.isPrunedSinceExpected)
        // The next pruning removes the record of the last one, and adds its own.
        try store.write([], (21...40).map(entry))
        try store.pruneAudit(keeping: 5, time: Timestamp(nanoseconds: 100))
        let again = try store.verifyAudit()
        #expect(again.problems.isEmpty && again.first == 37 && again.pruning?.number == 42)
    }

    @Test(.needs("sqlite3"))
    func aFrontThatWasCutIsFoundThoughTheNotedStartFollowsIt() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        try store.write([], (1...20).map(entry))
        let head = try store.verifyAudit().head
        try scratch.tamper(
            """
            UPDATE audit_ends SET first = 4, before = (SELECT hash FROM audit WHERE number = 3);
            DELETE FROM audit WHERE number < 4
            """)
        #expect(try store.verifyAudit(expecting: head).problems == [.wrongStart(number: 4)])
        // Pruning does not hide it.
        try store.pruneAudit(keeping: 10, time: Timestamp(nanoseconds: 99))
        #expect(try store.verifyAudit(expecting: head).problems == [.wrongStart(number: 4)])
    }

    @Test func eventsAndModelsAreKeptWithinBounds() throws {
        let store = try Scratch().store()
        let events = (1...10).map {
            event("e\($0)", time: Int64($0))
        }
        try store.record(events: events)
        try store.record(incidents: [
            incident("e1", start: 0, end: 1), incident("e9", start: 1, end: 9),
        ])
        // Nanoseconds for events; for incidents, the seconds of their end.
        #expect(
            try store.prune(
                before: Timestamp(nanoseconds: 5), largerThan: 1 << 30,
                now: Timestamp(nanoseconds: 1)) == 4)
        #expect(try store.incidents(limit: 9).map(\.id) == ["e9", "e1"])
        #expect(try store.event(id: "e4") == nil && store.event(id: "e5") == events[4])
        #expect(events[4].kind == "alert" && events[4].subject == "web")
        #expect(try store.events(limit: 2).map(\.id) == ["e10", "e9"])
        #expect(try store.events(limit: 1, before: Timestamp(nanoseconds: 9)).map(\.id) == ["e8"])
        for (number, isActive) in [(1, true), (2, false), (3, true)] {
            try store.record(
                model: StoredModel(
                    id: "m\(number)", created: Timestamp(nanoseconds: Int64(number)), path: "/m",
                    note: "",
                    isActive: isActive))
        }
        #expect(try store.models().map(\.isActive) == [true, false, false])
        try store.set("a", to: "1")
        try store.set("a", to: "2")
        #expect(try store.setting("a") == "2" && store.setting("b") == nil)
    }

    @Test func theOldestEntriesArePrunedAndFencesAreKept() throws {
        let store = try Scratch().store()
        try store.write([rule("10.0.0.1")], [entry(1)])
        for block in 0..<10 {
            try store.record(
                events: (0..<1000).map {
                    event("e\(block)-\($0)", time: Int64(block * 1000 + $0), padding: 1000)
                })
        }
        #expect(
            try store.prune(
                before: Timestamp(nanoseconds: 0), largerThan: 4 << 20,
                now: Timestamp(nanoseconds: 1)) >= 6000)
        #expect(try store.event(id: "e0-0") == nil)
        #expect(try store.event(id: "e9-999") != nil)
        #expect(try store.openRules().count == 1 && store.verifyAudit().records == 1)
        try store.prune(before: Timestamp(second: 2000), largerThan: 0, now: .epoch)
        #expect(try store.events(limit: 1).isEmpty && store.incidents(limit: 1).isEmpty)
        let counters = (1...3).map { statistics(time: Int64($0)) }
        try store.record(statistics: counters)
        #expect(try store.statistics(limit: 2).map(\.time.nanoseconds) == [3, 2])
        #expect(try store.statistics(limit: 9, before: Timestamp(nanoseconds: 2)) == [counters[0]])
        try store.prune(
            before: Timestamp(nanoseconds: 3), largerThan: 1 << 30, now: Timestamp(nanoseconds: 1))
        #expect(try store.statistics(limit: 9) == [counters[2]])
        try store.prune(
            before: Timestamp(nanoseconds: 0), largerThan: 0, now: Timestamp(nanoseconds: 1))
        #expect(try store.statistics(limit: 9).isEmpty)
        #expect(try store.damage() == nil)
    }

    /// The size of the pages in use, as SQLite reports it.
    private func liveBytes(_ scratch: Scratch) throws -> Int {
        let words = try Namespace.command([
            "sqlite3", scratch.path + "/lazaret.db",
            "PRAGMA page_count; PRAGMA freelist_count; PRAGMA page_size",
        ]).split(separator: "\n").compactMap { Int($0) }
        return (words[0] - words[1]) * words[2]
    }

    @Test(.needs("sqlite3"))
    func theNewestOfEachKindAreKeptWithinTheSizeLimit() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        try store.write([rule("10.0.0.1")], (1...4000).map(entry))
        try store.record(
            incidents: (0..<4000).map {
                incident("i\($0)", start: $0, end: $0, padding: 1000)
            })
        try store.record(
            events: (0..<1000).map {
                event("e\($0)", time: Int64($0), padding: 1000)
            })
        try store.record(
            statistics: (0..<200).map { statistics(time: Int64($0), padding: 1000) })
        for _ in 0..<2 {
            try store.prune(
                before: Timestamp(nanoseconds: 0), largerThan: 1 << 20,
                now: Timestamp(nanoseconds: 7))
            #expect(try liveBytes(scratch) <= 1 << 20)
            #expect(try store.incidents(limit: 1).map(\.id) == ["i3999"])
            #expect(try store.events(limit: 1).map(\.id) == ["e999"])
            #expect(try store.statistics(limit: 1).map(\.time.nanoseconds) == [199])
            // Existing entries are pruned by their shares: no kind is emptied for another.
            let left = try [store.incidents(limit: 9999).count, store.events(limit: 9999).count]
            #expect(left[0] > 300 && left[1] > 75 && (3...4).contains(left[0] / left[1]), "\(left)")
            let report = try store.verifyAudit()
            #expect(report.problems.isEmpty && report.records > 1000, "\(report)")
            #expect(try store.auditTail(limit: 1)[0].entry.action == "prune")
            #expect(try store.openRules().count == 1)
        }
        // The second pruning had nothing to do.
        #expect(try store.audit(limit: 9999).count { $0.entry.action == "prune" } == 1)
    }

    @Test func fencesThatFillTheStoreEvictNoEvents() throws {
        let store = try Scratch().store()
        try store.write((0..<8000).map { rule("10.0.\($0 / 250).\($0 % 250)") }, [])
        try store.record(
            events: (0..<100).map {
                event("e\($0)", time: Int64($0))
            })
        try store.prune(
            before: Timestamp(nanoseconds: 0), largerThan: 1 << 20, now: Timestamp(nanoseconds: 1))
        #expect(try store.events(limit: 999).count == 100 && store.openRules().count == 8000)
    }

    @Test func aFileThatIsNotAStoreIsRefusedWithItsName() throws {
        let scratch = try Scratch()
        try "not a database, but long enough to look like a file of one".write(
            toFile: scratch.path + "/lazaret.db", atomically: true, encoding: .utf8)
        let error = #expect(throws: EventStoreError.self) { try scratch.store() }
        #expect(error.map { "\($0)" }?.contains("lazaret.db") == true)
        #expect(throws: EventStoreError.self) { try EventStore(path: "/nowhere/x.db") }
    }
}
