import FeatureExtraction
import NetworkAddresses
import PacketDecoding
import Testing
import Timestamps

@testable import AnomalyModel
@testable import BaselineGraph
@testable import Workloads

/// What an attacker can fill with forged addresses during a training.
struct TrainingLimitTests {
    @Test func aGraphHasRoomForSoManyNames() {
        var graph = CommunicationGraph()
        for number in 1..<CommunicationGraph.nameLimit {
            _ = graph.intern("host \(number)", isAddress: true)
        }
        #expect(graph.intern("one more", isAddress: true) == IdentityResolver.unknown)
        #expect(graph.intern("host 1", isAddress: true) == 1)
        graph.know(
            IPAddress(v4: 0x0A00_0001), IPAddress(v4: 0x0A00_0002),
            Service(ipProtocol: 6, port: 80), inventory: .empty)
        #expect(graph.edges.isEmpty && graph.droppedFacts == 1)
        #expect(graph.names.count == CommunicationGraph.nameLimit)
        // Outside addresses have one name, for which there is room.
        graph.know(
            IPAddress(v4: 0x0808_0808), IPAddress(v4: 0x0909_0909),
            Service(ipProtocol: 6, port: 80), inventory: .empty)
        #expect(!graph.edges.isEmpty && graph.droppedFacts == 1)
    }

    private func scan(_ host: Int, at second: Int = 1_000_000) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        for feature in [Feature.flows, .ports, .edges, .failed] { values[feature.rawValue] = 900 }
        values[Feature.peers.rawValue] = 1
        return Window(
            subject: IPAddress(v4: 0x0A00_0000 + UInt32(host)), scale: .short, endSecond: second,
            values: values)
    }

    @Test func theTrafficOfSuspectsIsWhatTheySentOrReceivedInTheirTime() {
        var check = TrainingSanitizer(inventory: .empty)
        check.add(scan(1))
        var impostor = scan(2, at: 1_000_500)
        impostor.usesOthers = true
        impostor.mac = MACAddress(0x0200_0000_0002)
        check.add(impostor)
        // It has another address later, as another suspect.
        impostor.subject = IPAddress(v4: 0x0A00_0003)
        impostor.endSecond = 1_000_560
        check.add(impostor)
        let traffic = check.traffic(ofImpostorsOnly: false)
        func packet(_ source: UInt32, _ destination: UInt32, _ second: Int, mac: UInt64 = 7)
            -> Packet
        {
            var packet = Packet()
            packet.time = Timestamp(second: second)
            packet.source = IPAddress(v4: 0x0A00_0000 + source)
            packet.destination = IPAddress(v4: 0x0A00_0000 + destination)
            packet.sourceMAC = MACAddress(mac)
            return packet
        }
        #expect(traffic.contains(packet(1, 9, 1_000_000)))
        #expect(traffic.contains(packet(9, 1, 1_000_000)))
        #expect(!traffic.contains(packet(8, 9, 1_000_000)))
        #expect(!traffic.contains(packet(1, 9, 1_000_500)))
        // An impostor's MAC address, whatever the source.
        #expect(traffic.contains(packet(9, 8, 1_000_500, mac: 0x0200_0000_0002)))
        #expect(traffic.contains(packet(9, 8, 1_000_600, mac: 0x0200_0000_0002)))
        #expect(!traffic.contains(packet(9, 8, 1_000_000, mac: 0x0200_0000_0002)))
        #expect(!traffic.contains(packet(9, 8, 1_000_700, mac: 0x0200_0000_0002)))
        let ofImpostors = check.traffic(ofImpostorsOnly: true)
        #expect(!ofImpostors.contains(packet(1, 9, 1_000_000)))
        #expect(ofImpostors.contains(packet(2, 9, 1_000_500)))
    }

    /// Dictionaries have another order in each run of the program; models must not.
    @Test func ofSeveralAddressesTheFirstIsTheImpostorsOwn() {
        var check = TrainingSanitizer(inventory: .empty)
        var impostor = scan(40)
        impostor.usesOthers = true
        impostor.mac = MACAddress(0x0200_0000_0002)
        impostor.subject = IPAddress("fe80::1")!
        impostor.endSecond = 999_000
        check.add(impostor)
        for host in (1...20).reversed() {
            var other = scan(host, at: 1_000_000 + (host == 7 ? 0 : 500))
            (other.usesOthers, other.mac) = (true, impostor.mac)
            check.add(other)
        }
        #expect(check.impostors == [impostor.mac: scan(7).subject])
    }

    @Test func suspectsAreBounded() {
        var check = TrainingSanitizer(inventory: .empty)
        func isClean(_ window: Window) -> Bool { check.add(window) }
        let limit = TrainingSanitizer.timeLimit
        var impostor = scan(0, at: 1_000_000)
        impostor.usesOthers = true
        impostor.mac = MACAddress(0x0200_0000_0001)
        #expect(!isClean(impostor))
        for host in 1..<limit { #expect(!isClean(scan(host))) }
        var strong = scan(1)
        strong.values[Feature.ports.rawValue] = 9000
        #expect(!isClean(strong))
        #expect(check.suspectCount == limit && check.unknownCount == 0)
        // There is no room for one more: its windows are not learned, but other ones are.
        #expect(!isClean(scan(limit)) && check.unknownCount == 1)
        var calm = scan(limit)
        for feature in Feature.allCases { calm.values[feature.rawValue] = 0 }
        #expect(isClean(calm))
        // In the time of one that is known, no window is clean.
        calm.subject = scan(7).subject
        #expect(!isClean(calm))
        calm.endSecond += 1000
        #expect(isClean(calm))
        // The strongest, and those that used addresses of others, are known.
        let shown = check.suspects(.max)
        #expect(shown.count < 2 * TrainingSanitizer.suspectLimit)
        #expect(shown.first?.subject == strong.subject)
        #expect(check.impostors == [impostor.mac: impostor.subject])
    }
}
