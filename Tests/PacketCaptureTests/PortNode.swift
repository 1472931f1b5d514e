import CPcap
import Foundation
import NetworkAddresses
import NodeInterfaces
import PacketCapture
import PacketDecoding
import TestKit
import Testing

/// A node with two bridges, containers at them, and a world outside; removed after the test.
final class PortNode {
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
        // The first frame is lost if the bridge does not forward yet.
        let port = "v" + name
        let isForwarding = try eventually {
            try space.run("bridge", "link", "show", "dev", port).contains("state forwarding")
        }
        try #require(isForwarding)
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
/// Waits up to a minute for the expected number, and then a moment for more.
///
/// - Parameter leavesOutRepeats: whether what came in before is left out as it goes out.
func views(
    _ capture: PortCapture, _ expected: Int, leavesOutRepeats: Bool = false
) throws -> [String] {
    var seen: [String] = []
    var decoder = PacketDecoder()
    var forwarded = ForwardedPackets()
    var end = Date().addingTimeInterval(60)
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
