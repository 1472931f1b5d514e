import CPcap
import Foundation
import NetworkAddresses
import NodeInterfaces
import PacketCapture
import PacketDecoding
import TestKit
import Testing

/// Every test has network namespaces of its own.
@Suite(.needsKernel)
struct PortCaptureTests {
    /// Sender, receiver, and the expected views of a datagram and its answer.
    struct Path: Sendable, CustomTestStringConvertible {
        var from: String
        var to: String
        var port: UInt16 = 9
        var seen: [String]
        var testDescription: String { "\(from) > \(to):\(port)" }
    }

    @Test(arguments: [
        Path(
            from: "c1", to: "10.1.0.12",
            seen: ["vc1 in 10.1.0.11 > 10.1.0.12:9", "vc2 in 10.1.0.12 > 10.1.0.11 icmp"]),
        Path(
            from: "c1", to: "fd01::12",
            seen: ["vc1 in fd01::11 > fd01::12:9", "vc2 in fd01::12 > fd01::11 icmp"]),
        Path(
            from: "c1", to: "10.1.0.1",
            seen: ["vc1 in 10.1.0.11 > 10.1.0.1:9", "br1 out 10.1.0.1 > 10.1.0.11 icmp"]),
        Path(
            from: "node", to: "10.1.0.11",
            seen: ["br1 out 10.1.0.1 > 10.1.0.11:9", "vc1 in 10.1.0.11 > 10.1.0.1 icmp"]),
        // Masquerading: the container's own address, there and back.
        Path(
            from: "c1", to: "192.0.2.254",
            seen: ["vc1 in 10.1.0.11 > 192.0.2.254:9", "br1 out 192.0.2.254 > 10.1.0.11 icmp"]),
        Path(
            from: "c1", to: "2001:db8::254",
            seen: ["vc1 in fd01::11 > 2001:db8::254:9", "br1 out 2001:db8::254 > fd01::11 icmp"]),
        // A published port: the container's own address and port.
        Path(
            from: "outside", to: "192.0.2.1", port: 8080,
            seen: [
                "br1 out 192.0.2.254 > 10.1.0.11:80", "vc1 in 10.1.0.11 > 192.0.2.254 icmp",
            ]),
        // From one bridge to another: as it comes in, and as the node sends it on.
        Path(
            from: "c1", to: "10.2.0.13",
            seen: [
                "vc1 in 10.1.0.11 > 10.2.0.13:9", "br2 out 10.1.0.11 > 10.2.0.13:9",
                "vc3 in 10.2.0.13 > 10.1.0.11 icmp", "br1 out 10.2.0.13 > 10.1.0.11 icmp",
            ]),
        // A published port from another bridge, and from the same one: the container's own address.
        Path(
            from: "c3", to: "192.0.2.1", port: 8080,
            seen: [
                "vc3 in 10.2.0.13 > 10.1.0.11:80", "br1 out 10.2.0.13 > 10.1.0.11:80",
                "vc1 in 10.1.0.11 > 10.2.0.13 icmp", "br2 out 10.1.0.11 > 10.2.0.13 icmp",
            ]),
        Path(
            from: "c2", to: "192.0.2.1", port: 8080,
            seen: ["vc2 in 10.1.0.12 > 10.1.0.11:80", "vc1 in 10.1.0.11 > 10.1.0.12 icmp"]),
        // Paths without a container.
        Path(from: "node", to: "192.0.2.254", seen: []),
        Path(from: "outside", to: "192.0.2.1", seen: []),
        Path(from: "node", to: "127.0.0.1", seen: []),
    ])
    func eachFrameIsSeenWhereItCameFrom(path: Path) throws {
        let node = try PortNode()
        try node.translate()
        let capture = try node.capture()
        // Neighbours are resolved, so that no packet has to wait for them.
        try node.send(from: path.from, to: path.to, port: path.port)
        _ = try views(capture, path.seen.count)
        try node.send(from: path.from, to: path.to, port: path.port)
        let seen = try views(capture, path.seen.count)
        #expect(seen == path.seen, "\(seen)")
        #expect(capture.statistics.kernelDrops == 0)
    }

    /// The uplink, too, has each packet under the addresses of both ends, so that it counts once.
    @Test(arguments: [
        Path(
            from: "c1", to: "192.0.2.254",
            seen: ["vc1 in 10.1.0.11 > 192.0.2.254:9", "up0 in 192.0.2.254 > 10.1.0.11 icmp"]),
        Path(
            from: "outside", to: "192.0.2.1", port: 8080,
            seen: ["up0 in 192.0.2.254 > 10.1.0.11:80", "vc1 in 10.1.0.11 > 192.0.2.254 icmp"]),
        Path(
            from: "c1", to: "2001:db8::254",
            seen: ["vc1 in fd01::11 > 2001:db8::254:9", "up0 in 2001:db8::254 > fd01::11 icmp"]),
        Path(
            from: "c3", to: "192.0.2.1", port: 8080,
            seen: ["vc3 in 10.2.0.13 > 10.1.0.11:80", "vc1 in 10.1.0.11 > 10.2.0.13 icmp"]),
        Path(
            from: "node", to: "192.0.2.254",
            seen: ["up0 out 192.0.2.1 > 192.0.2.254:9", "up0 in 192.0.2.254 > 192.0.2.1 icmp"]),
        Path(
            from: "outside", to: "192.0.2.1",
            seen: ["up0 in 192.0.2.254 > 192.0.2.1:9", "up0 out 192.0.2.1 > 192.0.2.254 icmp"]),
    ])
    func withTheUplinkEachPacketCountsOnce(path: Path) throws {
        let node = try PortNode()
        try node.translate()
        for isEverything in [false, true] {
            let capture = try node.capture {
                if isEverything { $0.others = true } else { $0.interfaces = ["up0"] }
            }
            try node.send(from: path.from, to: path.to, port: path.port)
            _ = try views(capture, path.seen.count, leavesOutRepeats: true)
            try node.send(from: path.from, to: path.to, port: path.port)
            let seen = try views(capture, path.seen.count, leavesOutRepeats: true)
            #expect(seen == path.seen, "\(seen)")
            #expect(capture.translationProblem == nil)
        }
    }

    @Test func whatTheNodeForwardsIsSeenOnce() throws {
        let node = try PortNode()
        let capture = try node.capture()
        let expected = [
            "vc1 in 10.1.0.11 > 10.2.0.13:9", "vc3 in 10.2.0.13 > 10.1.0.11 icmp",
            "br2 out 10.2.0.1 > 10.2.0.13:9", "vc3 in 10.2.0.13 > 10.2.0.1 icmp",
        ]
        // The first one has to wait until the neighbour's address is resolved.
        try node.send(from: "c1", to: "10.2.0.13")
        Thread.sleep(forTimeInterval: 0.2)
        try node.send(from: "node", to: "10.2.0.13")
        let seen = try views(capture, 4, leavesOutRepeats: true)
        #expect(seen == expected, "\(seen)")
    }

    @Test func whoSentAFrameIsKnownWhateverItSays() throws {
        let node = try PortNode()
        let capture = try node.capture()
        // As c2, to c2's own MAC address and to all, with c2's MAC address.
        let borrowed = Frame.ethernet(
            0x0800, Frame.ipv4("10.1.0.12", "10.1.0.99", 17, Frame.udp(5, 7, [])))
        try node.inject(borrowed, at: "c1")
        let seen = try views(capture, 1)
        #expect(seen == ["vc1 in 10.1.0.12 > 10.1.0.99:7"])
    }

    @Test func portsThatComeAreHeardFromTheirFirstFrame() throws {
        let node = try PortNode()
        let capture = try node.capture()
        for number in 4...8 {
            try node.add("c\(number)", bridge: 1)
            try node.send(from: "c\(number)", to: "10.1.0.11")
        }
        var seen = try views(capture, 10)
        // Where not even the answer is seen, the frame was lost in a queue of the kernel, which
        // floods of other tests fill.
        for number in 4...8 where !seen.contains(where: { $0.contains("10.1.0.\(10 + number)") }) {
            try node.send(from: "c\(number)", to: "10.1.0.11")
            seen += try views(capture, 2)
        }
        for number in 4...8 {
            #expect(seen.contains("vc\(number) in 10.1.0.\(10 + number) > 10.1.0.11:9"))
        }
        #expect(!seen.contains { $0.hasPrefix("?") })
    }

    @Test func aFrameIsNotCreditedToWhoGotTheIndexLater() throws {
        let node = try PortNode()
        let space = try Namespace("again")
        func add(_ name: String) throws {
            try node.ip(
                "link", "add", name, "index", "500", "type", "veth", "peer", "name", "eth0",
                "netns", space.name)
            try node.ip("link", "set", name, "master", "br1", "up")
            try space.run("ip", "link", "set", "eth0", "up")
            try space.run("ip", "addr", "add", "10.1.0.50/24", "dev", "eth0")
            try space.run(
                "ip", "neigh", "add", "10.1.0.12", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
        }
        let capture = try node.capture()
        node.containers["again"] = space
        try add("old")
        Thread.sleep(forTimeInterval: 0.2)
        try node.send(from: "again", to: "10.1.0.12", port: 1)
        try node.ip("link", "del", "old")
        try add("new")
        try node.send(from: "again", to: "10.1.0.12", port: 2)
        // Nothing was read until here: both frames are in the ring, and both changes are pending.
        let late = try views(capture, 2).filter { $0.contains("10.1.0.50 >") }
        #expect(late == ["? in 10.1.0.50 > 10.1.0.12:1", "? in 10.1.0.50 > 10.1.0.12:2"])
        try node.send(from: "again", to: "10.1.0.12", port: 3)
        let known = try views(capture, 1).filter { $0.contains("10.1.0.50 >") }
        #expect(known == ["new in 10.1.0.50 > 10.1.0.12:3"])
    }

    @Test func onlyTheBridgesThatAreNamedAreWatched() throws {
        let node = try PortNode()
        let capture = try node.capture { $0.bridges = ["br2", "br9"] }
        #expect(capture.missing == ["br9"])
        try node.send(from: "c1", to: "10.1.0.12")
        try node.send(from: "c3", to: "10.1.0.12")
        let seen = try views(capture, 2)
        #expect(
            seen == ["vc3 in 10.2.0.13 > 10.1.0.12:9", "br2 out 10.1.0.12 > 10.2.0.13 icmp"])
        // Another selection is valid from the next batch on.
        capture.selection.bridges = ["br1"]
        _ = try views(capture, 0)
        try node.send(from: "c1", to: "10.1.0.12")
        try node.send(from: "c3", to: "10.2.0.1")
        #expect(
            try views(capture, 2)
                == ["vc1 in 10.1.0.11 > 10.1.0.12:9", "vc2 in 10.1.0.12 > 10.1.0.11 icmp"])
    }

    @Test func aContainerWithoutABridgeIsWatchedAndTheUplinkIsNot() throws {
        let node = try PortNode()
        let space = try Namespace("routed")
        node.containers["routed"] = space
        try node.ip(
            "link", "add", "cali1", "type", "veth", "peer", "name", "eth0", "netns", space.name)
        try node.ip("link", "set", "cali1", "up")
        try node.ip("route", "add", "10.9.0.5", "dev", "cali1")
        try space.run("ip", "link", "set", "eth0", "up")
        try space.run("ip", "addr", "add", "10.9.0.5/32", "dev", "eth0")
        try space.run("ip", "route", "add", "10.1.0.1", "dev", "eth0")
        try space.run("ip", "route", "add", "default", "via", "10.1.0.1")
        let capture = try node.capture()
        try node.send(from: "routed", to: "192.0.2.254")
        _ = try views(capture, 2)
        try node.send(from: "routed", to: "192.0.2.254")
        #expect(
            try views(capture, 2) == [
                "cali1 in 10.9.0.5 > 192.0.2.254:9", "cali1 out 192.0.2.254 > 10.9.0.5 icmp",
            ])
    }

    @Test func bridgesThatAreJoinedShowAFrameOnce() throws {
        let node = try PortNode()
        try node.ip("link", "add", "ja", "type", "veth", "peer", "name", "jb")
        try node.ip("link", "set", "ja", "master", "br1", "up")
        try node.ip("link", "set", "jb", "master", "br2", "up")
        try node.place("c3").run("ip", "addr", "add", "10.1.0.33/24", "dev", "eth0")
        let capture = try node.capture()
        try node.send(from: "c1", to: "10.1.0.33")
        _ = try views(capture, 2)
        try node.send(from: "c1", to: "10.1.0.33")
        #expect(
            try views(capture, 2)
                == ["vc1 in 10.1.0.11 > 10.1.0.33:9", "vc3 in 10.1.0.33 > 10.1.0.11 icmp"])
    }

    @Test func aVLANTagIsPutBackToItsPlace() throws {
        let node = try PortNode()
        let capture = try node.capture()
        let inner = Frame.ipv4("10.1.0.11", "10.1.0.99", 17, Frame.udp(5, 7, []))
        let tagged = Frame.ethernet(0x8100, [0x00, 0x2A, 0x08, 0x00] + inner)
        try node.inject(tagged, at: "c1")
        var frames: [[UInt8]] = []
        var lengths: [UInt32] = []
        for _ in 0..<20 {
            _ = try capture.nextBatch(timeoutMilliseconds: 20) { batch in
                for index in batch.indices where batch[index].bytes.count == tagged.count {
                    frames.append(Array(batch[index].bytes))
                    lengths.append(batch[index].wireLength)
                }
            }
        }
        #expect(frames == [tagged] && lengths == [UInt32(tagged.count)])
    }

    @Test func anInterfaceThatIsNamedIsWatchedBothWays() throws {
        let node = try PortNode()
        try node.translate()
        let capture = try node.capture {
            $0.bridges = []
            $0.interfaces = ["up0"]
        }
        try node.send(from: "c1", to: "192.0.2.254")
        #expect(
            try views(capture, 2) == [
                "up0 out 10.1.0.11 > 192.0.2.254:9", "up0 in 192.0.2.254 > 10.1.0.11 icmp",
            ])
    }

    @Test func aFilterOfTheUsersIsApplied() throws {
        let node = try PortNode()
        var options = CaptureOptions()
        options.filter = "udp"
        options.bufferSize = 4 << 20
        let capture = try node.space.inside {
            try PortCapture(selection: PortSelection(), options: options)
        }
        try node.send(from: "c1", to: "10.1.0.12")
        #expect(try views(capture, 1) == ["vc1 in 10.1.0.11 > 10.1.0.12:9"])
        #expect(capture.statistics.filtered > 0)
    }
}
