import CPcap
import Foundation
import NetworkAddresses
import NodeInterfaces
import PacketCapture
import PacketDecoding
import TestKit
import Testing

/// A node with two bridges, containers at them, and a world outside; removed after the test.
private final class Node {
    let space: Namespace
    let outside: Namespace
    var containers: [String: Namespace] = [:]

    init() throws {
        space = try Self.quiet("node")
        outside = try Self.quiet("outside")
        try write("net/ipv4/ip_forward", "1")
        try write("net/ipv6/conf/all/forwarding", "1")
        for number in 1...2 {
            try ip("link", "add", "br\(number)", "type", "bridge")
            try ip("link", "set", "br\(number)", "up")
            try ip("addr", "add", "10.\(number).0.1/24", "dev", "br\(number)")
            try ip("addr", "add", "fd0\(number)::1/64", "dev", "br\(number)", "nodad")
        }
        try add("c1", bridge: 1)
        try add("c2", bridge: 1)
        try add("c3", bridge: 2)
        try ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", outside.name)
        try ip("link", "set", "up0", "up")
        try ip("addr", "add", "192.0.2.1/24", "dev", "up0")
        try ip("addr", "add", "2001:db8::1/64", "dev", "up0", "nodad")
        try ip("route", "add", "default", "via", "192.0.2.254")
        try outside.run("ip", "link", "set", "eth0", "up")
        try outside.run("ip", "addr", "add", "192.0.2.254/24", "dev", "eth0")
        try outside.run("ip", "addr", "add", "2001:db8::254/64", "dev", "eth0", "nodad")
        try outside.run("ip", "route", "add", "default", "via", "192.0.2.1")
        try outside.run("ip", "-6", "route", "add", "fd00::/8", "via", "2001:db8::1")
    }

    /// A namespace where addresses are valid at once and every datagram is answered.
    static func quiet(_ label: String) throws -> Namespace {
        let space = try Namespace(label)
        try space.run(
            "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0",
            "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        return space
    }

    func ip(_ words: String...) throws {
        try Namespace.command(["nsenter", "--net=/run/netns/\(space.name)", "ip"] + words)
    }

    /// Writes a setting of the namespace.
    func write(_ path: String, _ value: String) throws {
        try space.run("sh", "-c", "echo \(value) > /proc/sys/\(path)")
    }

    /// A container: `eth0` inside, `v<name>` at the bridge.
    func add(_ name: String, bridge: Int) throws {
        let container = try Self.quiet(name)
        containers[name] = container
        let host = "\(10 + containers.count)"
        try ip(
            "link", "add", "v" + name, "type", "veth", "peer", "name", "eth0", "netns",
            container.name)
        try ip("link", "set", "v" + name, "master", "br\(bridge)", "up")
        try container.run("ip", "link", "set", "eth0", "up")
        try container.run("ip", "addr", "add", "10.\(bridge).0.\(host)/24", "dev", "eth0")
        try container.run("ip", "addr", "add", "fd0\(bridge)::\(host)/64", "dev", "eth0", "nodad")
        try container.run("ip", "route", "add", "default", "via", "10.\(bridge).0.1")
        try container.run("ip", "-6", "route", "add", "default", "via", "fd0\(bridge)::1")
    }

    /// Masquerading, and port 8080 of the node as port 80 of `c1`.
    func translate() throws {
        try space.run(
            "nft", "-f", "-",
            input: """
                table ip nat {
                  chain pre { type nat hook prerouting priority -100;
                    ip daddr 192.0.2.1 udp dport 8080 dnat to 10.1.0.11:80; }
                  chain post { type nat hook postrouting priority 100;
                    oifname "up0" ip saddr 10.0.0.0/8 masquerade; }
                }

                """)
    }

    func place(_ name: String) throws -> Namespace {
        switch name {
        case "node": space
        case "outside": outside
        default: try #require(containers[name])
        }
    }

    /// Sends a datagram to a closed port: the receiver answers with ICMP.
    func send(from name: String, to address: String, port: UInt16 = 9) throws {
        try place(name).inside {
            let target = try #require(IPAddress(address))
            let descriptor = socket(
                target.isIPv4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue), 0)
            defer { close(descriptor) }
            var name: [UInt8] = withUnsafeBytes(
                of: sa_family_t(target.isIPv4 ? AF_INET : AF_INET6), Array.init)
            name += Frame.bytes(UInt64(port), 2)
            if !target.isIPv4 { name += [0, 0, 0, 0] }
            name += target.bytes
            name += [UInt8](repeating: 0, count: 28 - name.count)
            let sent = name.withUnsafeBytes { raw in
                sendto(
                    descriptor, "x", 1, 0, raw.assumingMemoryBound(to: sockaddr.self).baseAddress,
                    socklen_t(target.isIPv4 ? 16 : 28))
            }
            #expect(sent == 1, "\(errno)")
        }
    }

    /// Injects a frame at an interface of a container.
    func inject(_ frame: [UInt8], at name: String) throws {
        try place(name).inside {
            var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
            let handle = try #require(pcap_open_live("eth0", 65_535, 0, 10, &text))
            defer { pcap_close(handle) }
            #expect(pcap_inject(handle, frame, frame.count) == frame.count)
        }
    }

    func capture(_ change: (inout PortSelection) -> Void = { _ in }) throws -> PortCapture {
        var selection = PortSelection()
        change(&selection)
        var options = CaptureOptions()
        options.bufferSize = 4 << 20
        return try space.inside { try PortCapture(selection: selection, options: options) }
    }
}

/// Describes each frame in words: port, direction, addresses, `icmp` for an answer.
///
/// Waits up to ten seconds for the expected number, and then a moment for more.
///
/// - Parameter leavesOutRepeats: whether what came in before is left out as it goes out.
private func views(
    _ capture: PortCapture, _ expected: Int, leavesOutRepeats: Bool = false
) throws -> [String] {
    var seen: [String] = []
    var decoder = PacketDecoder()
    var forwarded = ForwardedPackets()
    var end = Date().addingTimeInterval(10)
    var isWaiting = true
    while Date() < end {
        _ = try capture.nextBatch(timeoutMilliseconds: 20) { frames in
            for index in frames.indices {
                let frame = frames[index]
                var packet = Packet()
                decoder.decode(
                    RawSpan(_unsafeBytes: frame.bytes),
                    linkType: LinkType(rawValue: frame.linkType),
                    time: frame.time, wireLength: frame.wireLength,
                    into: &packet)
                packet.packetType = PacketType(rawValue: frame.packetType) ?? .unknown
                if leavesOutRepeats, forwarded.isRepeat(packet) { continue }
                let isAnswer = packet.quotedProtocol != 0
                guard packet.ipProtocol == 17 || isAnswer else { continue }
                let port = capture.interfaces.interface(port: frame.port)?.name ?? "?"
                let kind = isAnswer ? " icmp" : ":\(packet.destinationPort)"
                let way = frame.packetType == 4 ? "out" : "in"
                seen.append("\(port) \(way) \(packet.source) > \(packet.destination)\(kind)")
            }
        }
        if isWaiting, seen.count >= expected {
            isWaiting = false
            end = Date().addingTimeInterval(0.3)
        }
    }
    return seen
}

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
        // A published port from another bridge: translated on the way.
        Path(
            from: "c3", to: "192.0.2.1", port: 8080,
            seen: [
                "vc3 in 10.2.0.13 > 192.0.2.1:8080", "br1 out 10.2.0.13 > 10.1.0.11:80",
                "vc1 in 10.1.0.11 > 10.2.0.13 icmp", "br2 out 192.0.2.1 > 10.2.0.13 icmp",
            ]),
        // Paths without a container.
        Path(from: "node", to: "192.0.2.254", seen: []),
        Path(from: "outside", to: "192.0.2.1", seen: []),
        Path(from: "node", to: "127.0.0.1", seen: []),
    ])
    func eachFrameIsSeenWhereItCameFrom(path: Path) throws {
        let node = try Node()
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

    @Test func whatTheNodeForwardsIsSeenOnce() throws {
        let node = try Node()
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
        let node = try Node()
        let capture = try node.capture()
        // As c2, to c2's own MAC address and to all, with c2's MAC address.
        let borrowed = Frame.ethernet(
            0x0800, Frame.ipv4("10.1.0.12", "10.1.0.99", 17, Frame.udp(5, 7, [])))
        try node.inject(borrowed, at: "c1")
        let seen = try views(capture, 1)
        #expect(seen == ["vc1 in 10.1.0.12 > 10.1.0.99:7"])
    }

    @Test func portsThatComeAreHeardFromTheirFirstFrame() throws {
        let node = try Node()
        let capture = try node.capture()
        for number in 4...8 {
            try node.add("c\(number)", bridge: 1)
            try node.send(from: "c\(number)", to: "10.1.0.11")
        }
        let seen = try views(capture, 10)
        for number in 4...8 {
            #expect(seen.contains("vc\(number) in 10.1.0.\(10 + number) > 10.1.0.11:9"))
        }
        #expect(!seen.contains { $0.hasPrefix("?") })
    }

    @Test func aFrameIsNotCreditedToWhoGotTheIndexLater() throws {
        let node = try Node()
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
        let node = try Node()
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
        let node = try Node()
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
        let node = try Node()
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
        let node = try Node()
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
        let node = try Node()
        try node.translate()
        let capture = try node.capture {
            $0.bridges = []
            $0.interfaces = ["up0"]
        }
        try node.send(from: "c1", to: "192.0.2.254")
        #expect(
            try views(capture, 2) == [
                "up0 out 192.0.2.1 > 192.0.2.254:9", "up0 in 192.0.2.254 > 192.0.2.1 icmp",
            ])
    }

    @Test func aFilterOfTheUsersIsApplied() throws {
        let node = try Node()
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
