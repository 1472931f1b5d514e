import BaselineGraph
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Testing
import Workloads

@testable import FeatureExtraction

/// Packets from addresses that no interface on a network can have.
struct MartianTests {
    static let martians = [
        "127.0.0.1", "127.9.9.9", "0.0.0.9", "224.0.0.1", "239.1.1.1", "240.0.0.1",
        "255.255.255.255",
        "::1", "ff02::1",
    ]

    private func packet(_ source: String, mac: UInt64 = 9, port: UInt32 = 0) throws -> Packet {
        var packet = Packet()
        packet.kind = .ip
        packet.source = try #require(IPAddress(source))
        packet.destination = try #require(IPAddress("10.0.0.3"))
        packet.ipVersion = packet.source.isIPv4 ? 4 : 6
        packet.sourceMAC = MACAddress(mac)
        packet.destinationMAC = MACAddress(3)
        packet.port = port
        return packet
    }

    private func sender(
        _ packet: Packet, _ table: inout MACBindingTable, isFromAfar: Bool = false
    ) -> MACBindingTable.Sender {
        table.sender(of: packet, second: 1, isFromAfar: isFromAfar) { _, _ in false }
    }

    private func table(learns: Bool = false) -> MACBindingTable {
        MACBindingTable(graph: nil, inventory: .empty, isLearning: learns)
    }

    @Test(arguments: martians, [true, false])
    func aMACAddressDoesNotGetOne(martian: String, isFromAfar: Bool) throws {
        for learns in [true, false] {
            var table = table(learns: learns)
            let first = sender(try packet(martian), &table, isFromAfar: isFromAfar)
            #expect(first.subject == IPAddress(martian) && !first.isForeign)
            #expect(!table.isRouter(MACAddress(9)))
            // The host's own address is the first real one, and answers for the next martian.
            let own = sender(try packet("10.0.0.9"), &table)
            #expect(own.subject == IPAddress("10.0.0.9") && !own.isForeign)
            let later = sender(try packet(martian), &table, isFromAfar: isFromAfar)
            #expect(later.subject == IPAddress("10.0.0.9") && later.isForeign)
            #expect(
                table.links()[MACAddress(9)]?.addresses == [try #require(IPAddress("10.0.0.9"))])
        }
    }

    /// A gateway whose first packet is a martian is still recognized by the outside address of its
    /// next.
    @Test(arguments: martians) func aRouterIsRecognizedAfterOne(martian: String) throws {
        var table = table()
        _ = sender(try packet(martian), &table, isFromAfar: true)
        let next = sender(try packet("203.0.113.7"), &table, isFromAfar: true)
        #expect(next.subject == IPAddress("203.0.113.7") && !next.isForeign)
        #expect(table.isRouter(MACAddress(9)))
    }

    @Test(arguments: martians) func noEngineAndNoTrainingGivesOne(martian: String) throws {
        let address = try #require(IPAddress(martian))
        var graph = CommunicationGraph()
        graph.links[MACAddress(9)] = CommunicationGraph.Link(addresses: [address], isRouter: false)
        var table = MACBindingTable(graph: graph, inventory: .empty, isLearning: false)
        table.know(MACAddress(8), has: address)
        #expect(table.holder(of: address, otherThan: MACAddress(1)) == nil)
        #expect(table.hostAddress(of: MACAddress(8)) == nil)
        #expect(table.hostAddress(of: MACAddress(9)) == nil)
        #expect(table.isKnownHost(MACAddress(8)))
    }

    /// Two frames with martian destinations make no router of their receiver.
    @Test func framesToMartiansMakeNoRouter() throws {
        var table = table()
        _ = sender(try packet("10.0.0.3", mac: 3), &table)
        for destination in ["127.0.0.1", "127.0.0.2", "240.0.0.1", "224.0.0.7"] {
            var frame = try packet("10.0.0.9")
            frame.destination = try #require(IPAddress(destination))
            _ = sender(frame, &table)
        }
        #expect(!table.isRouter(MACAddress(3)))
        for destination in ["192.0.2.1", "192.0.2.2"] {
            var frame = try packet("10.0.0.9")
            frame.destination = try #require(IPAddress(destination))
            _ = sender(frame, &table)
        }
        #expect(table.isRouter(MACAddress(3)))
    }

    /// The port is evidence of who sent it, and gets no address by it.
    @Test(arguments: ["127.0.0.1", "0.0.0.9", "240.0.0.1", "::1"])
    func aPortDoesNotGetOne(martian: String) throws {
        let address = try #require(IPAddress(martian))
        let own = try #require(IPAddress("10.0.0.9"))
        var table = PortTable(graph: nil)
        let first = table.answer(try packet(martian, port: 4), place: .outside)
        #expect(first == .own(address))
        #expect(table.owner(of: address) == 0)
        let wanted = table.takeWanted()
        #expect(wanted == [4])
        let next = table.answer(try packet("10.0.0.9", port: 4), place: .inside)
        #expect(next == .own(own))
        let later = table.answer(try packet(martian, port: 4), place: .outside)
        #expect(later == .forged(own, isOthers: false))
        // Another port's martian is its own, too.
        let other = table.answer(try packet(martian, port: 5), place: .outside)
        #expect(other == .own(address))
    }

    @Test func theKernelsListOfLoopbackGivesNone() throws {
        let address = try #require(IPAddress("127.0.0.1"))
        let own = try #require(IPAddress("10.0.0.9"))
        var table = PortTable(graph: nil)
        table.note([PortFacts(port: 4, name: "veth4", addresses: [address, own], host: 1)])
        #expect(table.owner(of: address) == 0 && table.owner(of: own) == 4)
        let answer = table.answer(try packet("127.0.0.1", port: 4), place: .outside)
        #expect(answer == .forged(own, isOthers: false))
    }
}
