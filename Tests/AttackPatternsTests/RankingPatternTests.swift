import FeatureExtraction
import NetworkAddresses
import Testing

@testable import AttackPatterns

/// Patterns of windows that are only compared with others of a capture.
struct RankingPatternTests {
    private func window(
        ipProtocol: UInt8, _ values: [Feature: Float], unanswered: Float = 0
    ) -> Window {
        var raw = [Float](repeating: 0, count: Feature.count)
        for (feature, value) in values { raw[feature.rawValue] = value }
        var window = Window(subject: IPAddress(v4: 1), scale: .short, endSecond: 1000, values: raw)
        window.unanswered = unanswered
        window.contact.address = IPAddress(v4: 99)
        window.contact.port = 4342
        window.contact.ipProtocol = ipProtocol
        window.contact.second = 1000
        return window
    }

    private func contacts(_ peers: Float) -> Window {
        window(
            ipProtocol: 17,
            [.flows: peers, .peers: peers, .ports: 1, .edges: peers, .failed: peers],
            unanswered: peers)
    }

    /// A baseline says whether few contacts in vain are unusual; a ranking has none.
    @Test func contactsInVainWithFewPeersAreNoScanInARanking() {
        #expect(Pattern.ranked(contacts(19)) == nil)
        #expect(Pattern.ranked(contacts(20))?.pattern == .horizontalScan)
        #expect(Pattern.match(contacts(10))?.pattern == .horizontalScan)
        #expect(
            Pattern.match(contacts(10), isAnomalous: { _ in true })?.pattern == .horizontalScan)
    }

    /// As many packets as a session of a remote desktop sends.
    private func packets(
        ipProtocol: UInt8 = 6, fetched: Float = 32_266, _ more: [Feature: Float] = [:]
    ) -> Window {
        window(
            ipProtocol: ipProtocol,
            [
                .packetsOut: 1961, .bytesOut: 128_931, .bytesIn: fetched, .outboundExcess: 0.94,
                .bytesPerPacket: 66,
            ].merging(more) { $1 })
    }

    @Test func aConversationThatIsAcknowledgedIsNoFloodInARanking() {
        #expect(Pattern.ranked(packets()) == nil)
        #expect(Pattern.match(packets())?.pattern == .packetFlood)
        for flood in [
            packets(ipProtocol: 17), packets(fetched: 20_000), packets([.icmpPackets: 500]),
            packets([.unsolicited: 500]), packets([.flows: 100, .flowsPerEdge: 1]),
        ] {
            #expect(Pattern.ranked(flood)?.pattern == .packetFlood)
        }
        var datagrams = packets()
        datagrams.datagramFlows = 1
        #expect(Pattern.ranked(datagrams)?.pattern == .packetFlood)
    }

    @Test func theTriggerIsAValueOfTheWindow() {
        let plain = contacts(30)
        #expect(Pattern.horizontalScan.trigger(in: plain) == .peers)
        #expect(Pattern.verticalScan.trigger(in: plain) == .ports)
        let probes = window(ipProtocol: 6, [.unsolicitedTargets: 40])
        #expect(Pattern.verticalScan.trigger(in: probes) == .unsolicitedTargets)
        let guesses = window(ipProtocol: 6, [.flowsPerEdge: 40])
        #expect(Pattern.guessing.trigger(in: guesses) == .flowsPerEdge)
    }
}
