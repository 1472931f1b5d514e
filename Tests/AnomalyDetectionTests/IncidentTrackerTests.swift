import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import Testing

@testable import AnomalyDetection

/// The grouping of verdicts into incidents, and which of them raise an alert.
struct IncidentTrackerTests {
    private func verdict(
        _ host: UInt32, at second: Int, pattern: Pattern? = .verticalScan,
        level: Verdict.Level = .watch, excess: Float = 1, workload: String = "web"
    ) -> Verdict {
        let window = Window(
            subject: IPAddress(v4: host), mac: MACAddress(7 as UInt64), scale: .short,
            endSecond: second, values: [Float](repeating: 0, count: Feature.count))
        return Verdict(
            window: window, workload: workload, isKnown: true, baselineName: workload, score: 0.9,
            pValue: 0.001, threshold: 0.75, pattern: pattern, strength: 1, excess: excess,
            level: level, isFarBeyond: false, grounds: .stated([]))
    }

    private func observe(_ verdicts: [Verdict], in tracker: inout IncidentTracker) -> [Bool] {
        verdicts.enumerated().map { tracker.observe($1, eventID: "e\($0)") }
    }

    /// Copies share a window until one of them changes it.
    @Test func aCopyOfAVerdictKeepsItsWindow() {
        let first = verdict(1, at: 100)
        var second = first
        second.window.endSecond = 200
        second.window.portName = "veth1"
        #expect(first.window.endSecond == 100 && first.window.portName.isEmpty)
        #expect(second.window.endSecond == 200 && second.window.portName == "veth1")
        #expect(second.window.subject == first.window.subject)
    }

    @Test func anIdentifierIsMadeForTheFirstVerdictOnly() {
        var tracker = IncidentTracker()
        var made = 0
        func identifier() -> String {
            made += 1
            return "e\(made)"
        }
        for second in 100..<110 {
            _ = tracker.observe(verdict(1, at: second), eventID: identifier())
        }
        #expect(made == 1 && tracker.all.map(\.eventID) == ["e1"])
    }

    @Test func verdictsWithinTheQuietTimeJoinOneIncident() {
        var tracker = IncidentTracker()
        // 60 s of quiet beyond the window's 10 s are allowed, and no second more.
        _ = observe([verdict(1, at: 100), verdict(1, at: 170), verdict(1, at: 241)], in: &tracker)
        let all = tracker.all
        #expect(all.map(\.eventID) == ["e0", "e2"])
        #expect(all.map(\.verdictCount) == [2, 1])
        #expect(all.map(\.firstSecond) == [100, 241] && all.map(\.lastSecond) == [170, 241])
        #expect(all[0].windowStartSecond == 91)
        #expect(tracker.current(of: IPAddress(v4: 1))?.eventID == "e2")
        #expect(tracker.current(of: IPAddress(v4: 2)) == nil)
    }

    @Test func eachOffenderAndEachOwnerOfAnAddressHasItsOwnIncident() {
        var tracker = IncidentTracker()
        _ = observe(
            [verdict(1, at: 100), verdict(2, at: 100), verdict(1, at: 101, workload: "db")],
            in: &tracker)
        #expect(tracker.all.map(\.workload) == ["web", "web", "db"])
        #expect(tracker.all.map(\.eventID) == ["e0", "e1", "e2"])
    }

    @Test func theStrongestVerdictDescribesTheIncident() {
        var tracker = IncidentTracker()
        _ = observe(
            [
                verdict(1, at: 100, pattern: .newService, excess: 90),
                verdict(1, at: 101, pattern: .spoofing, excess: 2),
                verdict(1, at: 102, pattern: .verticalScan, level: .quarantine, excess: 1),
                verdict(1, at: 103, pattern: nil, excess: 99),
            ], in: &tracker)
        let incident = tracker.all[0]
        #expect(incident.strongest.pattern == .verticalScan && incident.level == .quarantine)
        #expect(incident.firstQuarantineSecond == 102 && incident.verdictCount == 4)
        #expect(incident.patternsByStrength == [.verticalScan, .newService, .spoofing])
        #expect(incident.spoofingLink == MACAddress(7 as UInt64))
    }

    @Test func allThatAnOffenderActsOnAreItsTargets() {
        var tracker = IncidentTracker()
        func moving(to hosts: Range<UInt32>, at second: Int) -> Verdict {
            var verdict = verdict(1, at: second, pattern: .lateralMovement)
            verdict.window.newContacts = hosts.map { host in
                var contact = Contact()
                contact.address = IPAddress(v4: host)
                contact.second = second
                return contact
            }
            // A peer of earlier windows is no part of this one.
            verdict.window.newContacts[0].second = second - 60
            verdict.window.contact = verdict.window.newContacts[hosts.count - 1]
            verdict.window.newContact = verdict.window.contact
            verdict.window.values[Feature.newPeers.rawValue] = Float(hosts.count - 1)
            verdict.nameTargets { $0 == IPAddress(v4: 13) ? "db" : nil }
            return verdict
        }
        _ = observe([moving(to: 10..<14, at: 100)], in: &tracker)
        let first = tracker.all[0]
        #expect(first.targets.map(\.address) == [13, 12, 11].map { IPAddress(v4: $0) })
        #expect(first.targets.map(\.workload) == ["db", nil, nil] && first.targetCount == 3)
        #expect(first.attacked?.workload == "db")
        // Those that came later are added, up to a bound; the others are counted.
        _ = observe([moving(to: 12..<15, at: 101), moving(to: 20..<60, at: 102)], in: &tracker)
        let all = tracker.all[0]
        #expect(all.targets.count == Incident.mostTargets && all.targetCount == 39)
        #expect(all.targets[3].address == IPAddress(v4: 14))
        #expect(Set(all.targets.map { "\($0.address)" }).count == Incident.mostTargets)
    }

    @Test func aPatternIsAlertedOncePerWindowLengthAndLevel() {
        var tracker = IncidentTracker()
        let alerts = observe(
            [
                verdict(1, at: 100), verdict(1, at: 101), verdict(1, at: 101, pattern: .guessing),
                verdict(1, at: 102, level: .quarantine), verdict(2, at: 102), verdict(1, at: 109),
                verdict(1, at: 110), verdict(1, at: 105),
            ], in: &tracker)
        // The last one is from before the clock was set back.
        #expect(alerts == [true, false, true, true, true, false, true, true])
    }

    @Test func offendersBeyondTheLimitRaiseAlertsOnly() {
        var tracker = IncidentTracker(openLimit: 2)
        let alerts = observe((1...4).map { verdict($0, at: 100) }, in: &tracker)
        #expect(alerts == [true, true, true, true])
        #expect(tracker.all.count == 2 && tracker.overlooked == 2)
        // Offenders with an open incident keep it.
        _ = tracker.observe(verdict(1, at: 101), eventID: "x")
        #expect(tracker.current(of: IPAddress(v4: 1))?.verdictCount == 2)
    }

    @Test func quietIncidentsAreClosedAndTheOldestForgotten() {
        var tracker = IncidentTracker()
        _ = observe((1...5).map { verdict($0, at: 100 + Int($0)) }, in: &tracker)
        #expect(tracker.changed(since: 104).map(\.lastSecond).sorted() == [104, 105])
        tracker.settle(before: 105, keeping: 2)
        #expect(tracker.closed.map(\.lastSecond) == [103, 104])
        #expect(tracker.current(of: IPAddress(v4: 5)) != nil)
        #expect(tracker.all.map(\.lastSecond) == [103, 104, 105])
        #expect(tracker.changed(since: 104).map(\.lastSecond).sorted() == [104, 105])
    }
}
