import Foundation

/// A gateway node with two bridges and an outside network, each host in a namespace of its own.
public final class Lab {
    public struct Host {
        public var space: Namespace
        public var v4: String
        public var v6: String

        public init(space: Namespace, v4: String, v6: String) {
            (self.space, self.v4, self.v6) = (space, v4, v6)
        }

        public func address(_ isV6: Bool) -> String { isV6 ? v6 : v4 }
    }

    public let node: Host
    /// On the first bridge: the offender, its neighbour and a bystander.
    public let a: Host
    public let b: Host
    public let bystander: Host
    /// On the second bridge.
    public let c: Host
    public let outside: Host
    /// The first port of the next scan.
    private var port: UInt16 = 1000

    public init(bridgeCallsFirewall: Bool = true) throws {
        let gate = try Namespace("gate")
        func host(_ label: String, net: Int, _ number: Int) throws -> Host {
            Host(
                space: try Namespace(label), v4: "10.77.\(net).\(number)",
                v6: "fd77:\(net)::\(number)")
        }
        node = Host(space: gate, v4: "10.77.1.1", v6: "fd77:1::1")
        a = try host("a", net: 1, 10)
        b = try host("b", net: 1, 11)
        bystander = try host("d", net: 1, 12)
        c = try host("c", net: 2, 10)
        outside = try host("out", net: 9, 10)
        for setting in [
            "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
            "net.bridge.bridge-nf-call-iptables=\(bridgeCallsFirewall ? 1 : 0)",
            "net.bridge.bridge-nf-call-ip6tables=\(bridgeCallsFirewall ? 1 : 0)",
        ] {
            try gate.run("sysctl", "-qw", setting)
        }
        for net in [1, 2] {
            try gate.run("ip", "link", "add", "br\(net)", "type", "bridge")
            try address(gate, "br\(net)", net: net, 1)
        }
        for (index, host) in [a, b, bystander].enumerated() {
            try plug(host, port: "p\(index)", net: 1)
        }
        try plug(c, port: "p9", net: 2)
        try wire(outside, port: "uplink", net: 9)
        try address(gate, "uplink", net: 9, 1)
        guard try eventually({ try isUp() }) else {
            throw CommandFailed(description: "the links of the lab do not come up")
        }
    }

    /// Whether every link carries packets, which is some time after it is set up.
    private func isUp() throws -> Bool {
        let ports = try node.space.run("bridge", "link").split(separator: "\n")
        guard ports.count == 4, ports.allSatisfy({ $0.contains(" state forwarding ") }) else {
            return false
        }
        return try [node, a, b, bystander, c, outside].allSatisfy { host in
            try host.space.run("ip", "-br", "link").split(separator: "\n")
                .allSatisfy { $0.hasPrefix("lo ") || $0.contains(" UP ") }
        }
    }

    private func address(_ space: Namespace, _ link: String, net: Int, _ number: Int) throws {
        try space.run("ip", "addr", "add", "10.77.\(net).\(number)/24", "dev", link)
        try space.run("ip", "addr", "add", "fd77:\(net)::\(number)/64", "dev", link, "nodad")
        try space.run("ip", "link", "set", link, "up")
    }

    private func wire(_ host: Host, port: String, net: Int) throws {
        try node.space.run(
            "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
            host.space.name)
        let number = Int(host.v4.split(separator: ".")[3]) ?? 0
        try address(host.space, "eth0", net: net, number)
        try host.space.run("ip", "route", "add", "default", "via", "10.77.\(net).1")
        try host.space.run("ip", "-6", "route", "add", "default", "via", "fd77:\(net)::1")
    }

    /// Connects a further host to a bridge.
    public func plug(_ host: Host, port: String, net: Int) throws {
        try wire(host, port: port, net: net)
        try node.space.run("ip", "link", "set", port, "master", "br\(net)", "up")
    }
}

/// Actions of hosts, and their results.
extension Lab {
    /// Whether a datagram of one host reaches the other; it is sent repeatedly until it does.
    public func reaches(_ from: Host, _ to: Host, v6: Bool = false) throws -> Bool {
        let receiver = try Socket(to, v6: v6)
        try receiver.bind(v6 ? "::" : "0.0.0.0", 4000)
        try receiver.wait(seconds: 1)
        let sender = try Socket(from, v6: v6)
        return eventually {
            sender.send("probe", to: to.address(v6), 4000)
            return receiver.receive() != nil
        }
    }

    /// Whether a datagram of one host does not reach the other.
    ///
    /// It would arrive at once, so the wait is short; on a busy machine the check is only weaker.
    public func isBlocked(_ from: Host, _ to: Host, v6: Bool = false) throws -> Bool {
        let receiver = try Socket(to, v6: v6)
        try receiver.bind(v6 ? "::" : "0.0.0.0", 4000)
        try Socket(from, v6: v6).send("probe", to: to.address(v6), 4000)
        return try !receiver.receives(within: 0.5)
    }

    /// The MAC address of a host's interface.
    public func card(of host: Host, _ link: String = "eth0") throws -> String {
        let words = try host.space.run("ip", "-o", "link", "show", "dev", link)
            .split(separator: " ")
        guard let at = words.firstIndex(of: "link/ether"), at + 1 < words.count else {
            throw CommandFailed(description: "\(host.v4) has no MAC address")
        }
        return String(words[at + 1])
    }

    /// One host scans a hundred ports of another, different ones each time.
    public func scan(_ victim: Host, by offender: Host) throws {
        port = port < 60_000 ? port + 100 : 1000
        for number in port..<port + 100 {
            let probe = try Socket(offender, stream: true)
            // A fenced host gets no answer.
            try probe.wait(seconds: 0.01)
            _ = probe.connect(victim.v4, number)
        }
    }

    /// Whether the host is fenced in the node's firewall.
    public func isFenced(_ host: Host) throws -> Bool {
        try node.space.run("nft", "list", "ruleset").contains("\(host.v4) timeout")
    }

    /// Whether scanning leads to a fence; the offender goes on until it does.
    public func isFenced(_ offender: Host, forScanning victim: Host) throws -> Bool {
        try eventually {
            try scan(victim, by: offender)
            return try isFenced(offender)
        }
    }
}

/// A socket in a host's namespace.
public final class Socket {
    public let descriptor: Int32

    public init(_ host: Lab.Host, stream: Bool = false, v6: Bool = false) throws {
        var made: Int32 = -1
        try host.space.inside {
            let kind = stream ? SOCK_STREAM : SOCK_DGRAM
            made = socket(v6 ? AF_INET6 : AF_INET, Int32(kind.rawValue), 0)
        }
        guard made >= 0 else { throw CommandFailed(description: "socket: \(errno)") }
        descriptor = made
        var on: Int32 = 1
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        try wait(seconds: patience)
    }

    public init(taking descriptor: Int32) throws {
        self.descriptor = descriptor
        try wait(seconds: patience)
    }

    deinit { close(descriptor) }

    /// The time limit of a receive or connect.
    public func wait(seconds: Double) throws {
        var time = timeval(tv_sec: Int(seconds), tv_usec: Int(seconds * 1e6) % 1_000_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    private func with<T>(
        _ address: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T
    ) -> T {
        if address.contains(":") {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            inet_pton(AF_INET6, address, &name.sin6_addr)
            return withUnsafePointer(to: &name) { raw in
                raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, 28) }
            }
        }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        return withUnsafePointer(to: &name) { raw in
            raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, 16) }
        }
    }

    public func bind(_ address: String, _ port: UInt16) throws {
        guard with(address, port, { Glibc.bind(descriptor, $0, $1) }) == 0 else {
            throw CommandFailed(description: "bind \(address) \(port): \(errno)")
        }
    }

    @discardableResult
    public func send(_ text: String, to address: String, _ port: UInt16) -> Bool {
        let bytes = Array(text.utf8)
        return with(address, port) { sendto(descriptor, bytes, bytes.count, 0, $0, $1) } >= 0
    }

    public func connect(_ address: String, _ port: UInt16) -> Bool {
        with(address, port) { Glibc.connect(descriptor, $0, $1) } == 0
    }

    public func listen() throws {
        guard Glibc.listen(descriptor, 4) == 0 else { throw CommandFailed(description: "listen") }
    }

    public func accept() throws -> Socket {
        let taken = Glibc.accept(descriptor, nil, nil)
        guard taken >= 0 else { throw CommandFailed(description: "accept: \(errno)") }
        return try Socket(taking: taken)
    }

    @discardableResult
    public func write(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) >= 0
    }

    /// The next datagram's text (or a stream's data), or nil if none arrived in time.
    public func receive() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    /// Whether something arrives within `seconds`.
    public func receives(within seconds: Double) throws -> Bool {
        try wait(seconds: seconds)
        defer { try? wait(seconds: patience) }
        return receive() != nil
    }
}
