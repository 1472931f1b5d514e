import NetworkAddresses

/// The addresses of IPv6 that a host tries before it uses them (RFC 4862), by their networks.
///
/// A router advertisement makes each host form an address, or two, in each network that it names:
/// whoever sends one with many networks must not make its neighbours look as if they searched. Who
/// searches looks for many addresses in a network.
struct TriedAddresses: Sendable {
    /// The networks of one host: Linux takes 16 addresses from advertisements.
    private static let count = 16
    /// A stable and a temporary address, and another one if somebody else says that it has them.
    private static let each: UInt8 = 4
    private static let seconds = 600

    /// Digests of the networks, of which the first `used` count; empty until the first address.
    private var networks: [UInt32] = []
    private var tries: [UInt8] = []
    private var used = 0
    /// When the first of them was tried.
    private var first = Int.min / 2

    /// Whether an address is one of the few of its network that a host may use itself.
    mutating func isOwn(_ address: IPAddress, second: Int) -> Bool {
        if networks.isEmpty {
            networks = [UInt32](repeating: 0, count: Self.count)
            tries = [UInt8](repeating: 0, count: Self.count)
        }
        if second - first > Self.seconds { (used, first) = (0, second) }
        let network = UInt32(truncatingIfNeeded: DistinctWindow.mix(address.high) >> 32)
        for place in 0..<used where networks[place] == network {
            guard tries[place] < Self.each else { return false }
            tries[place] += 1
            return true
        }
        guard used < Self.count else { return false }
        (networks[used], tries[used]) = (network, 1)
        used += 1
        return true
    }
}
