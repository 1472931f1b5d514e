import FeatureExtraction
import NetworkAddresses
import Testing

@testable import AttackPatterns

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

    @Test(arguments: Pattern.allCases)
    func aPatternHasOneName(pattern: Pattern) {
        // The name is the title in words joined by '_'.
        let words = pattern.title.lowercased().filter { $0 != "'" }.split {
            !$0.isASCII || !($0.isLetter || $0.isNumber)
        }
        #expect(pattern.rawValue == words.joined(separator: "_"))
        #expect(Pattern(named: pattern.rawValue) == pattern)
        #expect(Pattern(named: pattern.title.uppercased()) == pattern)
    }

    @Test func namesOfEarlierVersionsAreRead() {
        #expect(Pattern(named: "verticalScan") == .verticalScan)
        #expect(Pattern(named: "rogueDHCP") == .rogueDHCP)
        #expect(Pattern(named: "exfiltration") == .exfiltration)
        #expect(Pattern(named: "everything") == nil && Pattern(named: "") == nil)
    }

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

    @Test func aSlowScanAmongTheUsualTrafficIsAPortScan() {
        let slow: [Feature: Float] = [
            .flows: 900, .ports: 16, .peers: 5, .edges: 20, .newEdges: 12, .newPorts: 12,
            .newPeers: 0, .newEdgeFailed: 12,
        ]
        #expect(found(window(slow, unanswered: 12, scale: .long)) == .verticalScan)
        // One new service that is down, and asked again and again.
        let down = slow.merging([.newEdges: 1, .newPorts: 1, .newEdgeFailed: 60]) { $1 }
        #expect(found(window(down, unanswered: 60, scale: .long)) != .verticalScan)
    }

    /// Segments with flags that no connection uses: a few of several kinds, one kind only, too few,
    /// and a flood of them.
    @Test(
        arguments: [
            ([.null: 4, .xmas: 4, .invalid: 4], 2, .osFingerprinting),
            ([.null: 1, .xmas: 1, .invalid: 2, .ack: 8], 4, .osFingerprinting),
            ([.null: 9], 1, nil), ([.null: 1, .xmas: 1], 2, nil), ([.ack: 12, .fin: 12], 4, nil),
            ([.null: 4000, .xmas: 4000, .invalid: 4000], 2, .nullFlood),
            ([.null: 400, .xmas: 4], 400, .nullScan),
        ] as [([UnsolicitedKind: Int], Float, Pattern?)])
    func segmentsOfOddFlags(
        counts: [UnsolicitedKind: Int], targets: Float, pattern: Pattern?
    ) {
        let total = Float(counts.values.reduce(0, +))
        var probes = window([.unsolicited: total, .unsolicitedTargets: targets])
        for (kind, count) in counts { probes.unsolicited[kind] = count }
        #expect(found(probes) == pattern)
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

    /// Flows in vain to a usual contact are retries up to a rate; answered ones excuse no others.
    @Test func retriesOfAFailedContactAreNoFlood() {
        func tries(_ count: Float, unanswered: Float, served: Float = 0, new: Int = 0) -> Pattern? {
            var tries = window(
                [
                    .flows: count, .ports: 1, .peers: 1, .edges: 1, .flowsPerEdge: count,
                    .served: served, .bytesOut: count * 60, .packetsOut: count,
                    .outboundExcess: 3,
                ], unanswered: unanswered)
            tries.newUnanswered = new
            return found(tries)
        }
        #expect(tries(1900, unanswered: 1900) == .retries)
        #expect(tries(2100, unanswered: 2100) == .synFlood)
        #expect(tries(2100, unanswered: 2100, served: 4200) == .retries)
        #expect(tries(1900, unanswered: 1000) == .synFlood)
        #expect(tries(280, unanswered: 280, new: 280) == .retries)
        #expect(tries(320, unanswered: 320, new: 320) == .synFlood)
    }

    /// Datagrams that are answered are no flood if clients asked for them.
    @Test func answeredQueriesOfClientsAreNoFlood() {
        func queries(_ count: Float, served: Float, unanswered: Float = 0) -> Pattern? {
            found(
                window(
                    [
                        .flows: count, .ports: 1, .peers: 1, .edges: 1, .flowsPerEdge: count,
                        .served: served, .bytesOut: count * 60,
                    ], unanswered: unanswered, ipProtocol: 17))
        }
        #expect(queries(300, served: 100) == nil)
        #expect(queries(390, served: 50) == nil)
        #expect(queries(1100, served: 50) == .packetFlood)
        #expect(queries(3000, served: 1000, unanswered: 3000) == .packetFlood)
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

    private func unsolicited(
        _ kind: UnsolicitedKind, packets: Int, targets: Float, rejected: Int = 0
    ) -> Window {
        var probes = window([.unsolicited: Float(packets), .unsolicitedTargets: targets])
        probes.unsolicited[kind] = packets
        probes.unsolicited.rejected = rejected
        return probes
    }

    @Test func packetsThatOpenNoFlowAreNamedByTheirKind() {
        let scans: [(UnsolicitedKind, Pattern)] = [
            (.fin, .finScan), (.null, .nullScan), (.xmas, .xmasScan), (.maimon, .maimonScan),
            (.ack, .ackScan), (.synAck, .synAckScan), (.fragmentedHeader, .fragmentedScan),
            (.invalid, .invalidFlagsScan), (.reply, .verticalScan),
        ]
        for (kind, pattern) in scans {
            #expect(
                found(unsolicited(kind, packets: 200, targets: 200, rejected: 200)) == pattern)
        }
        let floods: [(UnsolicitedKind, Pattern)] = [
            (.ack, .ackFlood), (.reset, .rstFlood), (.maimon, .finFlood), (.xmas, .xmasFlood),
            (.reply, .replyFlood), (.icmpReply, .replyFlood), (.fragment, .fragmentFlood),
        ]
        for (kind, pattern) in floods {
            #expect(found(unsolicited(kind, packets: 4000, targets: 1)) == pattern)
        }
    }

    @Test func aRestartIsNoScan() {
        // Nobody refuses the ends of old connections, or their resets.
        #expect(found(unsolicited(.maimon, packets: 900, targets: 900)) == nil)
        #expect(found(unsolicited(.reset, packets: 900, targets: 900)) == nil)
        // A few packets on each of some connections.
        #expect(found(unsolicited(.ack, packets: 400, targets: 100)) == nil)
    }

    @Test func connectionsThatAreHeldOpenAreSlowRequests() {
        let held: [Feature: Float] = [
            .flows: 200, .flowsPerEdge: 200, .edges: 1, .peers: 1, .packetsOut: 4000,
            .bytesOut: 220_000, .bytesIn: 210_000, .bytesPerPacket: 55,
        ]
        #expect(found(window(held, scale: .medium)) == .slowRequests)
        // A client that is answered.
        #expect(
            found(window(held.merging([.bytesIn: 4_000_000]) { $1 }, scale: .medium)) == nil)
    }

    /// A request to a new peer, or a ping, is not called movement: a new release does that, too.
    @Test(arguments: [
        (1, 0, UInt16(80), Pattern.newService), (2, 0, 5432, .newService),
        (3, 0, 80, .lateralMovement), (4, 2, 80, .newService), (1, 0, 22, .lateralMovement),
        (1, 0, 445, .lateralMovement), (1, 1, 22, .newService),
    ])
    func fewNewContactsAreNoMovement(new: Int, failed: Int, port: UInt16, pattern: Pattern) {
        var found = window([
            .newEdges: Float(new), .newEdgeFailed: Float(failed), .flows: Float(new),
            .edges: Float(new),
        ])
        found.newContact = found.contact
        found.newContact.port = port
        let match = Pattern.match(found, isAnomalous: { $0 == .newEdges })
        #expect(match?.pattern == pattern)
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
                == [
                    .requestFlood, .beacon, .slowRequests, .lateralMovement, .newService,
                    .nextHop, .serviceDown, .retries, .listedAddress, .listedName,
                ])
    }

    /// One of something is not written as several.
    @Test(arguments: [
        (Feature.newNetworks, "1 network that its baseline never reached in 10 s"),
        (.newEdges, "1 peer and port pair that its baseline never used in 10 s"),
        (.newEdgeFailed, "1 failed flow to pairs that its baseline never used in 10 s"),
        (.nxdomain, "1 name that does not exist in 10 s"),
        (.failedLogins, "1 login that was refused or cannot be read in 10 s"),
        (.unsolicited, "1 packet that opens no flow and continues none that is known in 10 s"),
    ]) func oneIsSingular(feature: Feature, text: String) throws {
        let description = try #require(FeatureSchema.table.first { $0.feature == feature })
        let sentence = Explanation.sentence(
            description, value: 1, largest: 0, window: window([:]))
        #expect(sentence.hasPrefix(text), "\(sentence)")
        let several = Explanation.sentence(
            description, value: 2, largest: 0, window: window([:]))
        #expect(several.hasPrefix("2 \(description.counts)"), "\(several)")
    }
}
