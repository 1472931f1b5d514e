import FeatureExtraction
import NetworkAddresses
import Testing

@testable import AnomalyDetection

/// The shapes of attacks that need no baseline.
struct PatternTests {
    private func window(
        _ values: [Feature: Float], unanswered: Float = 0, ipProtocol: UInt8 = 6,
        scale: Scale = .short
    ) -> Window {
        var raw = [Float](repeating: 0, count: Feature.count)
        for (feature, value) in values { raw[feature.rawValue] = value }
        var window = Window(
            subject: IPAddress(v4: 1), scale: scale, endSecond: 1000, values: raw)
        window.contact.address = IPAddress(v4: 99)
        window.contact.port = 80
        window.contact.ipProtocol = ipProtocol
        window.contact.second = window.endSecond
        window.unanswered = unanswered
        return window
    }

    private func found(_ window: Window) -> Pattern? { Pattern.match(window)?.pattern }

    @Test func anOrdinaryWindowShowsNone() {
        #expect(found(window([:])) == nil)
        let ordinary: [Feature: Float] = [
            .flows: 8, .peers: 3, .ports: 2, .edges: 4, .flowsPerEdge: 2, .packetsOut: 80,
            .bytesOut: 8000, .bytesIn: 90_000, .bytesPerPacket: 100,
        ]
        #expect(found(window(ordinary)) == nil)
    }

    @Test func refusedPortsOfOneHostAreAPortScan() {
        let scan: [Feature: Float] = [.flows: 300, .ports: 300, .peers: 1, .edges: 300]
        #expect(found(window(scan, unanswered: 299)) == .verticalScan)
        // A client that reaches as many ports and is answered is none.
        #expect(found(window(scan, unanswered: 0)) != .verticalScan)
    }

    @Test func onePortOfManyHostsIsAnAddressScan() {
        let scan: [Feature: Float] = [.flows: 200, .ports: 1, .peers: 200, .edges: 200]
        #expect(found(window(scan, unanswered: 190)) == .horizontalScan)
    }

    @Test func manyRefusedFlowsToOneDoorAreAFlood() {
        let flood: [Feature: Float] = [
            .flows: 5000, .ports: 1, .peers: 1, .edges: 1, .flowsPerEdge: 5000,
        ]
        #expect(found(window(flood, unanswered: 5000)) == .synFlood)
        #expect(found(window(flood, unanswered: 5000, ipProtocol: 17)) == .packetFlood)
    }

    @Test func borrowedSourcesGoBeforeEverythingElse() {
        let forged: [Feature: Float] = [
            .foreignSources: 5, .flows: 5000, .ports: 4000, .peers: 1, .flowsPerEdge: 2,
        ]
        #expect(found(window(forged, unanswered: 5000)) == .spoofing)
        #expect(found(window([.foreignSources: 2])) == nil)
    }

    @Test func anUploadNeedsFiveTimesAsMuchWithoutABaseline() {
        func upload(_ bytes: Float) -> Window {
            window([
                .flows: 1, .bytesOut: bytes, .bytesOutside: bytes, .outsideExcess: 0.95,
                .bytesPerPacket: 1400, .edges: 1, .flowsPerEdge: 1,
            ])
        }
        #expect(found(upload(400_000)) == nil)
        #expect(found(upload(600_000)) == .exfiltration)
        let judged = Pattern.match(upload(400_000), isAnomalous: { _ in true })
        #expect(judged?.pattern == .exfiltration)
        #expect(Pattern.match(upload(400_000), isAnomalous: { _ in false }) == nil)
    }

    @Test func aLongerWindowNeedsMore() {
        let sweep: [Feature: Float] = [.arpTargets: 20]
        #expect(found(window(sweep)) == .arpSweep)
        #expect(found(window(sweep, scale: .long)) == nil)
    }

    @Test func everyPatternHasItsWords() {
        for pattern in Pattern.allCases {
            #expect(!pattern.title.isEmpty && !pattern.category.isEmpty)
            #expect(pattern.technique.map { $0.hasPrefix("T1") } ?? true)
        }
        #expect(Set(Pattern.allCases.map(\.title)).count == Pattern.allCases.count)
        #expect(
            Pattern.allCases.filter { !$0.mayFence }
                == [.requestFlood, .beacon, .lateralMovement, .newService, .serviceDown])
    }
}
