internal import NetworkAddresses

extension IPPrefix {
    /// The fewest prefixes that contain exactly these addresses, in ascending order.
    static func fewest(covering addresses: [IPAddress]) -> [IPPrefix] {
        var found: [IPPrefix] = []
        var rest = Set(addresses.map { IPPrefix(host: $0) })
        while !rest.isEmpty {
            var wider: Set<IPPrefix> = []
            for prefix in rest {
                let parent = IPPrefix(prefix.address, length: max(prefix.length - 1, 0))
                if prefix.length > 0, let halves = parent.halves, rest.contains(halves.lower),
                    rest.contains(halves.upper)
                {
                    wider.insert(parent)
                } else {
                    found.append(prefix)
                }
            }
            rest = wider
        }
        return found.sorted()
    }
}
