import AttackPatterns
import EventStore
import Events
import FeatureExtraction
import FlowHistory
import FlowMetering
import Foundation
import Indicators
import NetworkAddresses
import Risk
import SenderAttribution
import TestKit
import Testing
import Timestamps
import Workloads

@testable import Monitor
@testable import Posture

/// What a monitor knows of the risk of workloads: incidents, listed contacts, flows, settings.
struct RiskSourceTests {
    private let scratch: Scratch
    private let log = CollectedLog()
    private let now = Clock.now()

    init() throws { scratch = try Scratch() }

    // MARK: - Incidents and indicators

    private func incident(
        _ id: String, _ workload: String = "web",
        _ change: (inout IncidentSummary) -> Void = { _ in }
    ) -> StoredIncident {
        var summary = IncidentSummary(
            eventID: id, offender: "10.0.0.1", workload: workload, start: now.second - 7200,
            end: now.second - 3600, patterns: ["port_scan"], summary: "port scan", score: 1,
            pValue: 0, threshold: 0.75, baseline: "web", windows: 1, decision: .watch,
            severity: .high, reasons: [])
        summary.evidence = Evidence.port.rawValue
        change(&summary)
        return StoredIncident(summary)
    }

    @Test func onlyOffendersAreAccused() throws {
        let store = try EventStore(directory: scratch.path("state"))
        var broken = incident("broken")
        broken.json = #"{"event_id":"#
        try store.record(incidents: [
            incident("a"), broken,
            // Somebody attacks the database: only the target is known.
            incident("b", "db") { $0.offender = "unknown" },
            incident("c", "outside") { $0.offender = "198.51.100.9" },
            // A host of a private network that nobody names.
            incident("j", "outside") { $0.offender = "10.0.0.2" },
            incident("d", "forged") { $0.evidence = Evidence.address.rawValue },
            // As an earlier version stored it.
            incident("e", "old") { $0.evidence = nil },
            incident("f", "fine"), incident("g", "bad") { $0.severity = .low },
            incident("h", "past") { ($0.start, $0.end) = (1, 2) },
            incident("i", "listed") { $0.patterns = ["known_bad_address"] },
        ])
        for (id, state) in [("f", Triage.State.closed), ("g", .malicious)] {
            try store.record(Triage(state, comment: "", actor: "root", time: now), of: id)
        }
        var evidence = RiskEvidence()
        try evidence.update(from: store, now: now)
        #expect(evidence.workloads == ["web", "10.0.0.2", "forged", "old", "fine", "bad"])
        let found = evidence.incidents.compactMapValues(\.first)
        #expect(found["web"]?.isProven == true && found["web"]?.severity == .high)
        #expect(found["web"].map { abs($0.ageDays - 1.0 / 24) < 0.001 } == true)
        #expect(found["forged"]?.isProven == false && found["old"]?.isProven == false)
        #expect(found["fine"]?.judgement == .dismissed && found["bad"]?.judgement == .malicious)
    }

    private func alert(
        _ value: String, by workload: String, _ evidence: Evidence, age: Interval
    ) -> StoredEvent {
        var alert = Event.Alert(
            identifier: "\(value)-\(age.wholeSeconds)", looksLike: .listedAddress,
            severity: .medium,
            offender: IPAddress(v4: workload == "outside" ? 0xC633_6409 : 0x0A00_0001),
            workload: workload, scale: .short, score: 0.6)
        alert.attribution = Attribution(evidence: evidence)
        alert.indicators = [
            IndicatorHit(
                value: value, isName: false,
                sources: [.init(name: "l", object: value, ageSeconds: 9, confidence: 60)],
                listCount: 1)
        ]
        let rendered = RenderedEvent(Event(time: now - age, .alert(alert)))
        return StoredEvent(rendered, recorded: now)
    }

    @Test func listedContactsCountWithTheirLatestTime() throws {
        let store = try EventStore(directory: scratch.path("state"))
        let day = Interval.seconds(86_400)
        try store.record(events: [
            alert("203.0.113.9", by: "web", .port, age: day + day),
            alert("203.0.113.9", by: "web", .address, age: day),
            alert("203.0.113.8", by: "web", .address, age: .seconds(0)),
            alert("203.0.113.7", by: "outside", .port, age: day),
            alert("10.0.0.1", by: "self", .port, age: day),
            alert("203.0.113.6", by: "past", .port, age: .seconds(15 * 86_400)),
        ])
        var evidence = RiskEvidence()
        try evidence.update(from: store, now: now)
        #expect(evidence.workloads == ["web"])
        let found = evidence.indicators(of: "web", now: now)
        #expect(found.map(\.value) == ["203.0.113.8", "203.0.113.9"])
        #expect(found.map(\.isProven) == [false, true] && found.map(\.confidence) == [60, 60])
        #expect(found.last.map { abs($0.ageDays - 1) < 0.001 } == true)
        // A later alert arrives, and old ones fade.
        try store.record(events: [alert("203.0.113.5", by: "db", .port, age: .seconds(1))])
        try evidence.update(from: store, now: now + .seconds(5))
        #expect(evidence.workloads == ["web", "db"])
        try evidence.update(from: store, now: now + .seconds(30 * 86_400))
        #expect(evidence.workloads.isEmpty)
        // The clock is set back.
        try evidence.update(from: store, now: now)
        #expect(evidence.workloads == ["web", "db"])
    }

    // MARK: - Flows

    private let web = "10.0.0.1"
    private let db = "10.0.0.2"

    private func flow(
        _ from: String, _ to: String, new: Bool = false, days: Int = 0,
        _ change: (inout FlowEntry) -> Void = { _ in }
    ) throws -> FlowEntry {
        let time = now - .seconds(days * 86_400)
        var entry = FlowEntry(
            from: try #require(IPAddress(from)), 40_000, to: try #require(IPAddress(to)), 443,
            ipProtocol: 6, start: time, end: time)
        entry.state = .sf
        entry.responderPackets = 3
        entry.isNew = new
        change(&entry)
        return entry
    }

    private func write(_ flows: [FlowEntry]) {
        let names = [web: "web", db: "db"]
        let writer = HistoryWriter(
            directory: scratch.path(""), options: HistoryOptions(), logger: log.logger
        ) { address, _ in names["\(address)"] }
        writer.submit(flows)
        writer.stop()
    }

    @Test func answeredFlowsAreContacts() throws {
        write([
            try flow(web, db), try flow("10.0.0.9", db), try flow("198.51.100.1", web),
            try flow(web, "203.0.113.1", new: true), try flow(web, "203.0.113.2", new: true),
            try flow(web, "203.0.113.3"), try flow(web, "203.0.113.4", new: true, days: 1),
            // Packets whose source is forged get no answer, or the answer is not used.
            try flow(db, "203.0.113.5", new: true) { $0.state = .s0 },
            try flow(db, "203.0.113.6", new: true) { $0.state = .rstos0 },
            try flow("198.51.100.2", db) { $0.state = .s0 },
            try flow("198.51.100.2", db) {
                $0.ipProtocol = 17
                $0.responderPackets = 0
            },
        ])
        let reader = HistoryReader(directory: scratch.path(""))
        var contacts = FlowContacts()
        try contacts.update(from: reader, inventory: .empty, now: now)
        #expect(contacts.names == ["web", "db", "10.0.0.9"])
        #expect(contacts.newOutsidePeers(of: "web", now: now) == 2)
        #expect(contacts.newOutsidePeers(of: "db", now: now) == 0)
        let known = [
            MonitorHub.Contact(from: "web", to: "api", service: "tcp 80"),
            MonitorHub.Contact(from: "web", to: "outside", service: "tcp 80"),
        ]
        let found = contacts.graph(known).exposures()
        #expect(found["web"]?.hopsFromOutside == 1 && found["web"]?.reached == 2)
        #expect(found["db"]?.way == ["web", "db"] && found["db"]?.callers == 2)
        // The next time, only later flows are read; the next day, peers are not new any more.
        write([try flow(web, "203.0.113.9", new: true)])
        try contacts.update(from: reader, inventory: .empty, now: now)
        #expect(contacts.newOutsidePeers(of: "web", now: now) == 3)
        let tomorrow = now + .seconds(86_400)
        try contacts.update(from: reader, inventory: .empty, now: tomorrow)
        #expect(contacts.newOutsidePeers(of: "web", now: tomorrow) == 0)
        #expect(contacts.graph([]).exposures()["db"]?.callers == 2)
        try contacts.update(from: reader, inventory: .empty, now: tomorrow + .seconds(86_400))
        #expect(contacts.graph([]).exposures().isEmpty)
    }

    @Test func forgedSourcesLeaveRoomForNames() throws {
        // Answers to datagrams prove nothing of their sender.
        var flows = try (0..<3000).map { number in
            try flow("10.1.\(number / 250).\(1 + number % 250)", db) { $0.ipProtocol = 17 }
        }
        flows.append(try flow(web, db))
        write(flows)
        var contacts = FlowContacts()
        try contacts.update(
            from: HistoryReader(directory: scratch.path("")), inventory: .empty, now: now)
        #expect(contacts.names.count == 1002)
        #expect(contacts.graph([]).exposures()["web"]?.reached == 1)
    }

    // MARK: - Settings

    @Test func settingsOfAWorkloadAreCountedOnce() throws {
        let pod = """
            {"kind": "Pod", "metadata": {"name": "NAME", "namespace": "shop", "ownerReferences":
            [{"kind": "StatefulSet", "name": "tool", "controller": true}]}, "spec": {"containers":
            [{"name": "tool", "image": "tool:1", "ports": [{"containerPort": 80, "hostPort":
            8080}], "securityContext": {"privileged": true}}]}}
            """
        let pods = ["tool-0", "tool-1"].map { pod.replacingOccurrences(of: "NAME", with: $0) }
        let path = try scratch.write(
            "pods.json", Data(#"{"kind":"List","items":[\#(pods.joined(separator: ","))]}"#.utf8))
        var report = PostureReport()
        try report.read(file: path, naming: WorkloadNaming())
        let findings = PostureWatch.Findings(report)
        #expect(report.findings.count { $0.check == .privileged } == 2)
        let tool = try #require(findings.settings["shop/tool"])
        #expect(tool.critical == 1 && tool.worst == "privileged" && tool.mend != nil)
        #expect(findings.publishedPorts == ["shop/tool": 1])
    }
}
