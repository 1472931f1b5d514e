import AttackPatterns
import NetworkAddresses
import SenderAttribution
import Testing

@testable import AnomalyDetection
@testable import FeatureExtraction

/// When the traffic was sent that verdicts and incidents rest on.
struct LastTrafficTests {
    /// A window of ten minutes with an upload in the bucket of an age, and a trickle in the others.
    private func verdict(
        at end: Int, uploadAge: Int, trickle: UInt64 = 1000, pattern: Pattern? = .exfiltration,
        strength: Float = 10, scale: Scale = .long
    ) -> Verdict {
        var window = Window(
            subject: IPAddress(v4: 1), scale: scale, endSecond: end,
            values: [Float](repeating: 0, count: Feature.count))
        window.buckets = WindowBuckets(count: scale.bucketCount, used: scale.bucketCount)
        for age in 0..<scale.bucketCount {
            var row = Counters(repeating: 0)
            row[.bytesOutside] = age == uploadAge ? 8_000_000 : trickle
            row[.flows] = 2
            window.buckets.add(row, age: age)
        }
        let sum = window.buckets.amounts(.bytesOutside).reduce(0, +)
        return Verdict(
            window: window, workload: "web", isKnown: true, baselineName: "web", score: 0.9,
            pValue: 0.001, threshold: 0.75, pattern: pattern, strength: strength, excess: 9,
            level: .quarantine, isFarBeyond: false,
            grounds: .stated([
                Verdict.Reason(
                    feature: .bytesOutside, value: Float(sum), baselineMedian: 0, baselineP99: 0,
                    baselineLargest: 100_000, share: 1, text: "upload")
            ]))
    }

    @Test(arguments: [Pattern.exfiltration, nil])
    func aTrickleAfterAnUploadIsNotPartOfIt(pattern: Pattern?) {
        let fresh = verdict(at: 629, uploadAge: 0, pattern: pattern).settled()
        #expect(fresh.lastTraffic == 600...629)
        let old = verdict(at: 1199, uploadAge: 19, pattern: pattern).settled()
        #expect(old.lastTraffic == 600...629)
        // Who goes on at a rate that would be reported by itself goes on.
        let further = verdict(at: 1199, uploadAge: 19, trickle: 100_000, pattern: pattern)
        #expect(further.settled().lastTraffic == 1170...1199)
    }

    @Test func aVerdictIsKeptWithoutBuckets() {
        let verdict = verdict(at: 1199, uploadAge: 5).settled()
        #expect(verdict.window.buckets.isEmpty)
        #expect(verdict.settled().lastTraffic == verdict.lastTraffic)
    }

    @Test func aSingleFlowToANewPeerIsNewTraffic() {
        var verdict = verdict(at: 1199, uploadAge: 5, pattern: .newService, strength: 1)
        for (age, count) in [(2, 1), (9, 50)] {
            var row = Counters(repeating: 0)
            row[.newEdges] = UInt64(count) * Counters.high
            verdict.window.buckets.add(row, age: age)
        }
        #expect(verdict.settled().lastTraffic == 1110...1139)
    }

    @Test func patternsWithTimesOfTheirOwnHaveThese() {
        var beacon = verdict(at: 1199, uploadAge: 5, pattern: .beacon, strength: 1)
        beacon.window.contact.second = 1100
        beacon.window.contact.address = IPAddress(v4: 2)
        #expect(beacon.settled().lastTraffic == 1080...1109)
        var takeover = verdict(at: 109, uploadAge: 5, pattern: .arpSpoofing, scale: .short)
        takeover.window.takeover = Takeover(
            kind: .arp, address: IPAddress(v4: 2), evidence: .port)
        takeover.window.takeover?.second = 104
        #expect(takeover.settled().lastTraffic == 104...104)
    }

    /// An upload of eight seconds, and ordinary traffic for ten minutes after it.
    @Test func anIncidentEndsWithItsTrafficAndLastsForItsWindows() throws {
        var tracker = IncidentTracker()
        for second in 600...616 {
            _ = tracker.observe(
                verdict(at: second, uploadAge: max(0, second - 607), scale: .short).settled(),
                eventID: "e")
        }
        for end in stride(from: 629, through: 1199, by: 30) {
            _ = tracker.observe(
                verdict(at: end, uploadAge: (end - 629) / 30).settled(), eventID: "e")
        }
        let incident = try #require(tracker.all.first)
        #expect(tracker.all.count == 1 && incident.verdictCount == 37)
        #expect(incident.firstSecond == 600 && incident.lastSecond == 607)
        // Windows still join it, and tell of changes.
        #expect(incident.lastWindowSecond == 1199)
        #expect(tracker.changed(since: 1199).map(\.eventID) == ["e"])
        tracker.settle(before: 1199, keeping: 10)
        #expect(tracker.current(of: IPAddress(v4: 1)) != nil)
        tracker.settle(before: 1200, keeping: 10)
        #expect(tracker.current(of: IPAddress(v4: 1)) == nil)
    }

    @Test func anAttackThatGoesOnProlongsItsIncident() {
        var tracker = IncidentTracker()
        for end in stride(from: 629, through: 1199, by: 30) {
            _ = tracker.observe(verdict(at: end, uploadAge: 0).settled(), eventID: "e")
        }
        #expect(tracker.all.map(\.firstSecond) == [600] && tracker.all.map(\.lastSecond) == [1199])
    }

    /// The first verdict may come when its traffic is old.
    @Test func anIncidentBeginsWithItsTraffic() {
        var tracker = IncidentTracker()
        _ = tracker.observe(verdict(at: 1199, uploadAge: 10).settled(), eventID: "e")
        #expect(tracker.all.map(\.firstSecond) == [870] && tracker.all.map(\.lastSecond) == [899])
    }
}
