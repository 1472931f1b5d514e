import AttackPatterns
import Events
import FeatureExtraction
import Indicators
import NetworkAddresses
import Quarantine
import SenderAttribution
import Testing
import Timestamps

@testable import AnomalyDetection
@testable import Decisions

/// The events for verdicts, with the policy of a replay.
struct AlertPipelineTests {
    private var pipeline = AlertPipeline(
        modelID: "m1", origin: .capture("a.pcap"), decider: PlannedQuarantine())

    private func verdict(
        at second: Int, level: Verdict.Level = .quarantine, isFarBeyond: Bool = false
    ) -> Verdict {
        var contact = Contact()
        contact.address = IPAddress(v4: 0x0A00_0002)
        contact.ipProtocol = 6
        contact.sourcePort = 40_000
        contact.port = 443
        contact.second = second
        var window = Window(
            subject: IPAddress(v4: 0x0A00_0001), mac: MACAddress(7 as UInt64), scale: .short,
            endSecond: second, values: [Float](repeating: 0, count: Feature.count),
            contact: contact)
        window.evidence = .mac
        return Verdict(
            window: window, workload: "web", isKnown: true, baselineName: "web", score: 0.8125,
            pValue: 0.001, threshold: 0.75, pattern: .verticalScan, strength: 1, excess: 9,
            level: level, isFarBeyond: isFarBeyond,
            grounds: .stated([
                Verdict.Reason(
                    feature: .ports, value: 400, baselineMedian: 1, baselineP99: 2,
                    baselineLargest: 3, share: 0.5, text: "400 distinct destination ports in 10 s")
            ]))
    }

    private func alerts(_ events: [Event]) -> [Event.Alert] {
        events.compactMap { if case .alert(let alert) = $0.payload { alert } else { nil } }
    }

    private func changes(_ events: [Event]) -> [Event.QuarantineChange] {
        events.compactMap { if case .quarantine(let change) = $0.payload { change } else { nil } }
    }

    @Test mutating func theSecondConsecutiveWindowLeadsToARule() throws {
        let first = pipeline.process(verdict(at: 99))
        #expect(first.events.map(\.kind) == [.alert] && first.outcomes.isEmpty)
        #expect(alerts(first.events)[0].decision == .watch)
        #expect(first.events[0].time == Timestamp(second: 100))
        let second = pipeline.process(verdict(at: 109))
        #expect(second.events.map(\.kind) == [.alert, .quarantine])
        let alert = alerts(second.events)[0]
        let change = try #require(changes(second.events).first)
        #expect(alert.decision == .quarantine && alert.quarantineID == change.quarantineID)
        #expect(change.action == .add && change.eventID == alert.identifier)
        #expect("\(change.target)" == "10.0.0.1" && change.until == Timestamp(second: 710))
        // A replay does not block packets.
        #expect(change.isDryRun && !alert.isBlocked)
        #expect(second.outcomes.map(\.decision.kind) == [.add])
    }

    @Test mutating func withoutReadersNoEventsAreMade() {
        var silent = pipeline
        silent.makesEvents = false
        for second in [99, 109, 119] {
            let expected = pipeline.process(verdict(at: second))
            let result = silent.process(verdict(at: second))
            #expect(result.events.isEmpty && !expected.events.isEmpty)
            #expect(result.outcomes.map(\.decision.kind) == expected.outcomes.map(\.decision.kind))
        }
        #expect(silent.incidents.all.map(\.verdictCount) == [3])
    }

    @Test mutating func continuedAttacksAreNotRepeatedAndExcessAlertsSuppressed() {
        #expect(pipeline.process(verdict(at: 99, level: .watch)).events.count == 1)
        let again = pipeline.process(verdict(at: 100, level: .watch))
        #expect(again.events.isEmpty && !again.isSuppressed)
        let over = pipeline.process(verdict(at: 109, level: .watch), mayAlert: false)
        #expect(over.events.isEmpty && over.isSuppressed)
        // A new rule is nevertheless reported with its alert.
        let rule = pipeline.process(verdict(at: 110, isFarBeyond: true), mayAlert: false)
        #expect(rule.events.map(\.kind) == [.alert, .quarantine] && !rule.isSuppressed)
    }

    @Test mutating func theAlertMatchesTheVerdict() throws {
        pipeline.sliceFolder = "packets/"
        let alert = alerts(pipeline.process(verdict(at: 99)).events)[0]
        #expect(alert.offender == IPAddress(v4: 0x0A00_0001) && alert.workload == "web")
        #expect(alert.signature == "Lazaret port scan" && alert.technique == "T1046")
        #expect(alert.window == 90..<100 && alert.scale == .short)
        #expect(alert.score == 0.8125 && alert.threshold == 0.75 && alert.pValue == 0.001)
        #expect(alert.contact?.port == 443 && alert.contact?.sourcePort == 40_000)
        #expect(alert.link == MACAddress(7 as UInt64) && alert.origin == .capture("a.pcap"))
        #expect(alert.modelID == "m1" && alert.baseline == "web")
        let identifier = try #require(alert.identifier)
        #expect(alert.captureFile == "packets/19700101T000139Z-web-\(identifier).pcapng")
        let measured = try #require(alert.reasons.first?.measurement)
        #expect(measured.feature == "ports" && measured.value == 400 && measured.share == 0.5)
        #expect(measured.baselineMedian == 1 && measured.baselineP99 == 2)
    }

    @Test(arguments: [
        (Verdict.Level.watch, true, Event.Severity.low), (.quarantine, false, .medium),
        (.quarantine, true, .high),
    ])
    mutating func severityFollowsFromTheVerdict(
        level: Verdict.Level, isFarBeyond: Bool, severity: Event.Severity
    ) {
        let result = pipeline.process(verdict(at: 99, level: level, isFarBeyond: isFarBeyond))
        #expect(result.events[0].severity == severity)
    }

    /// What a report says changes no decision and no fence, and raises severity by one level at
    /// most, together with indicators.
    @Test(arguments: [false, true]) func imagesChangeNoDecision(isWeak: Bool) throws {
        let image = Event.Alert.Image(
            id: "c0c0c0c0c0c0", reference: "shop/web:2.4", isWeak: isWeak,
            findings: .init(critical: 7, high: 0, medium: 1, low: 0, unknown: 0), fixable: 3,
            knownExploited: (1...7).map { "CVE-2026-000\($0)" }, highestEPSS: 0.9,
            reportAgeSeconds: 200_000)
        let hit = IndicatorHit(
            value: "203.0.113.9", isName: false,
            sources: [.init(name: "l", object: "203.0.113.9", ageSeconds: 1, confidence: 80)],
            listCount: 1)
        var (plain, reported) = (AlertPipelineTests().pipeline, AlertPipelineTests().pipeline)
        reported.image = { $0 == "web" ? image : nil }
        for (number, level) in [
            Verdict.Level.watch, .quarantine, .quarantine, .watch, .quarantine,
        ].enumerated() {
            var verdict = verdict(at: 99 + 10 * number, level: level)
            if number > 2 { verdict.indicators = [hit] }
            let (one, other) = (plain.process(verdict), reported.process(verdict))
            #expect(one.outcomes.map(\.decision) == other.outcomes.map(\.decision))
            #expect(changes(one.events) == changes(other.events))
            for (before, after) in zip(alerts(one.events), alerts(other.events)) {
                let isRaised = !isWeak && number <= 2
                #expect(
                    after.severity.rawValue
                        == max(1, before.severity.rawValue - (isRaised ? 1 : 0)))
                #expect(after.decision == before.decision && after.score == before.score)
                #expect(after.quarantineID == before.quarantineID)
                #expect(before.image == nil && after.image?.knownExploitedCount == 7)
                #expect(after.image?.knownExploited.count == 5)
                let reason = after.reasons.last?.text ?? ""
                #expect(reason.contains("CVE-2026-0005 and 2 more; the report is 2 days old"))
                #expect(reason.contains("tag alone") == isWeak)
            }
        }
    }

    @Test mutating func identifiersFollowFromModelAndWindow() {
        let first = pipeline.process(verdict(at: 99)).events[0].identifier
        var again = AlertPipelineTests().pipeline
        #expect(again.process(verdict(at: 99)).events[0].identifier == first)
        again.modelID = "m2"
        let other = again.process(verdict(at: 109)).events[0].identifier
        #expect(first?.count == 16 && other?.count == 16 && other != first)
    }
}
