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
        let traffic = TrainingSanitizer.Traffic(of: check.suspects)
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
        #expect(!traffic.contains(packet(9, 8, 1_000_000, mac: 0x0200_0000_0002)))
    }
}
