public import NetworkAddresses
internal import Nftables
public import Quarantine

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
        let gateways = Set(try routing.gateways().map(\.0))
        guard !gateways.isEmpty else { return [:] }
        var found: [MACAddress: Set<IPAddress>] = [:]
        for (address, mac) in try routing.neighbours() where gateways.contains(address) {
            found[mac, default: []].insert(address)
        }
        return found
    }
}
