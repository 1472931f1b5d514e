internal import Glibc
public import NetworkAddresses
internal import Nftables
public import Quarantine
internal import Timestamps

/// The routers to which this node sends packets.
public enum NextHops {
    /// The MAC addresses of the gateways in the routing tables of the calling thread's network
    /// namespace, each with its IP addresses, as the kernel resolved them (`ip route`,
    /// `ip neighbour`).
    ///
    /// - Throws: `.kernel` when a dump fails.
    public static func discover() throws(QuarantineError) -> [MACAddress: Set<IPAddress>] {
        do {
            var routing = try RoutingSocket()
            return try discover(in: &routing)
        } catch {
            throw QuarantineError(error)
        }
    }

    static func discover(
        in routing: inout RoutingSocket
    ) throws(NetlinkError) -> [MACAddress: Set<IPAddress>] {
        let gateways = Set(try routing.gateways().map(\.0.address))
        guard !gateways.isEmpty else { return [:] }
        var found: [MACAddress: Set<IPAddress>] = [:]
        for (address, mac) in try routing.neighbours() where gateways.contains(address) {
            found[mac, default: []].insert(address)
        }
        return found
    }

    /// Lets the kernel resolve gateways without a known MAC address, and waits for the answers for
    /// up to 100 ms: a gateway on the same link answers within one.
    ///
    /// Best effort: without CAP_NET_ADMIN, the gateway is known when the node sends its first
    /// packet there.
    static func resolve(
        _ gateways: Set<RoutingSocket.Gateway>, in routing: inout RoutingSocket
    ) throws(NetlinkError) {
        var missing = gateways
        for (address, _) in try routing.neighbours() {
            missing = missing.filter { $0.address != address }
        }
        missing = missing.filter { $0.interface != 0 }
        for gateway in missing {
            do { try routing.resolve(gateway) } catch { missing.remove(gateway) }
        }
        let end = Clock.monotonic() + .milliseconds(100)
        while !missing.isEmpty, Clock.monotonic() < end {
            usleep(5000)
            for (address, _) in try routing.neighbours() {
                missing = missing.filter { $0.address != address }
            }
        }
    }
}
