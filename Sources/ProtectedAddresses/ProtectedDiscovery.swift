internal import CNetfilter
internal import Glibc
public import NetworkAddresses
internal import Nftables
public import Quarantine
public import Timestamps

/// Discovers the addresses that must never be fenced on this node.
///
/// These are its own IP and MAC addresses, gateways of all routes, resolvers, the orchestrator's
/// API, and the hosts of users who are logged in to its SSH server, except containers. It needs a
/// few dumps and small files, so it can run every few seconds and before every change by an
/// operator.
public struct ProtectedDiscovery: Sendable {
    /// The files that configure resolvers.
    public var resolverFiles = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
    /// Ports of this node whose peers are operators, once they have logged in.
    public var loginPorts: Set<UInt16> = [22]
    /// A connection to a login port that has lasted this long has logged in: `sshd` ends others
    /// after its `LoginGraceTime`, two minutes unless configured.
    public var loginTime = Interval.seconds(150)
    /// Where users that are logged in are listed.
    public var logins = LoginRecords()
    /// Ports of orchestrators' APIs; other hosts to which this node is connected on them are
    /// protected.
    public var orchestratorPorts: Set<UInt16> = [6443]
    /// Networks of containers: their addresses are never protected as operators, since any
    /// connection would be enough, even without a login.
    public var containers: [IPPrefix] = []
    /// The entries of the configuration.
    public var named: [ProtectedSet.Entry] = []
    /// The environment of the program: `KUBERNETES_SERVICE_HOST` and `SSH_CONNECTION` are used.
    public var environment: [String: String] = [:]
    /// Whether the kernel is asked for the MAC addresses of gateways that it does not know yet,
    /// once for each gateway of a route: the node sends an ARP request or a neighbour
    /// solicitation. Needs CAP_NET_ADMIN.
    public var resolvesGateways = false

    /// The gateways for which the kernel was asked, and that still have a route.
    private var askedGateways: Set<RoutingSocket.Gateway> = []
    /// When each connection to a login port was first seen.
    private var connectedSince: [Connection: Instant] = [:]

    private struct Connection: Hashable {
        var localPort: UInt16
        var remote: IPAddress
        var remotePort: UInt16
    }

    public init() {}

    /// The results of a discovery.
    public struct Finding: Sendable {
        public var protected: ProtectedSet
        /// This node's own addresses, including link-local ones: a fenced target needs their
        /// neighbour discovery to reach a kept service.
        public var ownAddresses: [IPAddress]
    }

    /// Runs discovery in the network namespace of the calling thread.
    ///
    /// - Throws: `.kernel` when a dump fails, or when an existing file cannot be read: the
    ///   addresses in it would not be protected.
    public mutating func discover() throws(QuarantineError) -> Finding {
        do { return try look() } catch { throw QuarantineError(error) }
    }

    private mutating func look() throws(NetlinkError) -> Finding {
        var routing = try RoutingSocket()
        var found = ProtectedSet()
        let links = try routing.links()
        for (_, link) in links.sorted(by: { $0.key < $1.key }) {
            if let mac = link.mac, mac != .zero {
                found.add(mac, reason: "network card \(link.name) of this node")
            }
        }
        let own = try routing.addresses()
        for (address, index) in own {
            let name = links[index]?.name ?? "interface \(index)"
            found.add(IPPrefix(host: address), reason: "address of \(name) on this node")
            // An interface that leads to one container has no address of the node, or a link-local
            // one.
            if !address.isLinkLocal {
                found.add(port: name, reason: "it has an address of this node")
            }
        }
        let gateways = try routing.gateways()
        for (gateway, isDefault) in gateways {
            found.add(
                IPPrefix(host: gateway.address),
                reason: isDefault ? "default gateway" : "gateway of a route")
        }
        if resolvesGateways {
            let current = Set(gateways.map(\.0))
            let new = current.subtracting(askedGateways)
            askedGateways = current
            if !new.isEmpty { try NextHops.resolve(new, in: &routing) }
        }
        for (mac, addresses) in try NextHops.discover(in: &routing) {
            for address in addresses {
                found.add(mac, reason: "network card of gateway \(address)")
            }
        }
        for address in try resolvers() {
            found.add(IPPrefix(host: address), reason: "resolver")
        }
        for (address, reason) in try sessions() {
            found.add(IPPrefix(host: address), reason: reason)
        }
        found.formUnion(Self.ownSession(environment))
        for entry in named { found.add(entry.prefix, reason: entry.reason) }
        return Finding(protected: found, ownAddresses: own.map(\.0))
    }

    /// The host from which the user of this process is logged in, from `SSH_CONNECTION`, and the
    /// addresses that are always protected.
    public static func ownSession(_ environment: [String: String]) -> ProtectedSet {
        var found = ProtectedSet()
        let peer = environment["SSH_CONNECTION"]?.split(separator: " ").first
        if let address = peer.flatMap({ IPAddress(String($0)) }) {
            found.add(IPPrefix(host: address), reason: "the operator's own session")
        }
        return found
    }

    private func resolvers() throws(NetlinkError) -> [IPAddress] {
        var found: [IPAddress] = []
        for path in resolverFiles {
            for line in try FileText.lines(path) {
                let words = line.split { $0 == " " || $0 == "\t" }
                guard words.count >= 2, words[0] == "nameserver" else { continue }
                if let address = IPAddress(String(words[1].prefix { $0 != "%" })) {
                    found.append(address)
                }
            }
        }
        return found
    }

    /// Peers of important established connections: logins to this node, the orchestrator's API.
    ///
    /// Anybody can open a connection to a login port, so it counts only if its user has logged in.
    private mutating func sessions() throws(NetlinkError) -> [(IPAddress, String)] {
        let now = Clock.monotonic()
        let users = try logins.hosts()
        var current: [Connection: Instant] = [:]
        var found: [(IPAddress, String)] = []
        if let host = environment["KUBERNETES_SERVICE_HOST"].flatMap({ IPAddress($0) }) {
            found.append((host, "orchestrator's API"))
        }
        // The path of the calling thread, since threads may be in different namespaces.
        for table in ["tcp", "tcp6"] {
            let lines = try FileText.lines("/proc/thread-self/net/\(table)").dropFirst()
                .map { $0.split(separator: " ") }
            // The peer of a listening port has connected to this node, from any port it likes.
            let listening = Set(
                lines.filter { $0.count > 3 && $0[3] == "0A" }.compactMap { Self.end($0[1])?.1 })
            for words in lines where words.count > 3 && words[3] == "01" {
                guard let (_, localPort) = Self.end(words[1]),
                    let (remote, remotePort) = Self.end(words[2])
                else { continue }
                // A container may be connected to at any port that it likes.
                guard !containers.contains(where: { $0.contains(remote) }) else { continue }
                if loginPorts.contains(localPort) {
                    let connection = Connection(
                        localPort: localPort, remote: remote, remotePort: remotePort)
                    let since = connectedSince[connection] ?? now
                    current[connection] = since
                    guard users.contains(remote) || now - since >= loginTime else { continue }
                    found.append((remote, "logged in through SSH"))
                } else if orchestratorPorts.contains(remotePort), !listening.contains(localPort) {
                    found.append((remote, "orchestrator's API"))
                }
            }
        }
        connectedSince = current
        return found
    }

    /// `0100007F:0016`: 32-bit words in the machine's order, port in hexadecimal.
    package static func end(_ text: Substring) -> (IPAddress, UInt16)? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        var bytes: [UInt8] = []
        var digits = parts[0]
        while digits.count >= 8 {
            guard let word = UInt32(digits.prefix(8), radix: 16) else { return nil }
            for shift: UInt32 in [0, 8, 16, 24] {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
            digits = digits.dropFirst(8)
        }
        return IPAddress(bytes: bytes).map { ($0, port) }
    }
}
