import NetworkAddresses
import Testing
import Timestamps

@testable import NodeInterfaces

/// An interface as the kernel would describe it.
private func veth(_ index: UInt32, _ name: String, peer: UInt32 = 2) -> NodeInterface {
    var made = NodeInterface(index: index)
    made.name = name
    made.kind = .veth
    made.link = NodeInterface.Link(index: peer, namespace: 0)
    return made
}

private func time(_ seconds: Int) -> Timestamp { Timestamp(second: seconds) }

struct InterfaceTableTests {
    @Test func aPortKeepsItsNumberWhateverChangesAboutIt() {
        var table = InterfaceTable()
        table.note(veth(7, "a"), at: time(100))
        var moved = veth(7, "b")
        moved.master = 3
        moved.mac = MACAddress(0x0200_0000_0001)
        let changes = [200, 300].map { table.note(moved, at: time($0)) }
        #expect(changes == [true, false])
        #expect(table[7]?.port == 1 && table[7]?.name == "b")
        #expect(table.interface(of: 7, at: time(50))?.port == 1)
    }

    @Test func noFrameIsCreditedToAnInterfaceThatGotTheIndexLater() {
        var table = InterfaceTable()
        table.note(veth(7, "a"), at: time(100))
        table.remove(7, at: time(200))
        #expect(table[7] == nil)
        // Frames that were captured before the change are still in the ring.
        #expect(table.interface(of: 7, at: time(150))?.port == 1)
        table.note(veth(7, "a"), at: time(300))
        #expect(table[7]?.port == 2)
        // Between the two the change was not known: the frame's interface is unknown.
        #expect(table.interface(of: 7, at: time(299)) == nil)
        #expect(table.interface(of: 7, at: time(300))?.port == 2)
    }

    @Test func aWholeListEndsWhatIsNotInIt() {
        var table = InterfaceTable()
        table.note(veth(7, "a"), at: time(100))
        table.note(veth(8, "b"), at: time(100))
        table.note(veth(9, "c"), at: time(100))
        // Another peer: the index was reused while no change was received.
        let list = [veth(7, "a", peer: 5), veth(8, "b")]
        let changes = [200, 300].map { table.replace(with: list, at: time($0)) }
        #expect(changes == [true, false])
        #expect(table.interfaces.map(\.port) == [4, 2])
        #expect(table.interface(of: 7, at: time(150)) == nil)
    }

    @Test func whatHasGoneIsForgottenAfterAMinute() {
        var table = InterfaceTable()
        for index in 1...1000 as ClosedRange<UInt32> { table.note(veth(index, "a"), at: time(0)) }
        for index in 1...999 as ClosedRange<UInt32> { table.remove(index, at: time(1)) }
        #expect(table.interface(port: 1) != nil)
        table.remove(1000, at: time(62))
        #expect(table.interface(port: 1) == nil && table.interface(port: 1000) != nil)
    }
}

struct RouteMessageTests {
    @Test func cutOrDamagedAnswersAreRefused() {
        let whole = RouteMessage(kind: 16, body: [0, 0, 1, 0] + [UInt8](repeating: 0, count: 12))
        #expect(RouteMessage.split(whole.bytes[...])?.count == 1)
        #expect(RouteMessage.split((whole.bytes + whole.bytes)[...])?.count == 2)
        for count in 1..<whole.bytes.count {
            #expect(RouteMessage.split(whole.bytes[..<count]) == nil)
        }
        var long = whole.bytes
        long[0] = 200
        #expect(RouteMessage.split(long[...]) == nil)
    }

    @Test func anyBytesAreRead() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let body = (0..<Int.random(in: 0...120)).map { _ in
                Bool.random() ? UInt8.random(in: 0...8, using: &generator) : 0
            }
            _ = NodeInterface(RouteMessage(kind: 16, body: body[...]))
        }
    }

    @Test func messagesOfABridgeAboutItsPortsAreNotOfInterfaces() {
        let body: [UInt8] = [7, 0, 1, 0] + [UInt8](repeating: 0, count: 12)
        #expect(NodeInterface(RouteMessage(kind: 17, body: body[...])) == nil)
    }
}
