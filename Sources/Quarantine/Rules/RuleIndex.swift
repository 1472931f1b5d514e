internal import NetworkAddresses

/// Finds the entries of a fence without a linear search, since 100,000 rules are compared with as
/// many elements.
///
/// Hosts and MAC addresses match only themselves, and networks match networks. Hosts are in sets of
/// their own, so a network's fence does not include them.
package struct RuleIndex<Entry> {
    private var singles: [QuarantineRule.Key: Entry] = [:]
    private var networks: [Group: Networks] = [:]

    private struct Group: Hashable {
        var action: QuarantineRule.Action
        var isIPv4: Bool
    }

    /// Networks of one action and family, by their first address.
    private struct Networks {
        var sorted: [(prefix: IPPrefix, entry: Entry)] = []
        var known: Set<IPPrefix> = []
        var lengths: Set<Int> = []

        /// The index of the first network that starts at or after `address`.
        func index(from address: IPAddress) -> Int {
            var low = 0
            var high = sorted.count
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle].prefix.address < address {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }

    package init() {}

    /// - Complexity: O(n log n).
    package init(_ entries: some Sequence<(QuarantineRule.Key, Entry)>) {
        for (key, entry) in entries {
            guard let prefix = Self.network(key) else {
                singles[Self.single(key)] = entry
                continue
            }
            networks[Self.group(key, prefix), default: Networks()].sorted.append((prefix, entry))
        }
        for group in networks.keys {
            networks[group]?.sorted.sort { $0.prefix < $1.prefix }
            let prefixes = networks[group]?.sorted.map(\.prefix) ?? []
            networks[group]?.known = Set(prefixes)
            networks[group]?.lengths = Set(prefixes.map(\.length))
        }
    }

    package mutating func insert(_ key: QuarantineRule.Key, _ entry: Entry) {
        guard let prefix = Self.network(key) else {
            singles[Self.single(key)] = entry
            return
        }
        var group = networks[Self.group(key, prefix)] ?? Networks()
        group.sorted.insert((prefix, entry), at: group.index(from: prefix.address))
        group.known.insert(prefix)
        group.lengths.insert(prefix.length)
        networks[Self.group(key, prefix)] = group
    }

    /// Whether an entry shares an address with the fence.
    package func overlaps(_ key: QuarantineRule.Key) -> Bool {
        guard let prefix = Self.network(key) else { return singles[Self.single(key)] != nil }
        guard let group = networks[Self.group(key, prefix)] else { return false }
        // Prefixes either nest or are disjoint: one that is not inside this one can only enclose
        // it.
        let at = group.index(from: prefix.address)
        if at < group.sorted.count, prefix.contains(group.sorted[at].prefix.address) { return true }
        return group.lengths.contains {
            $0 < prefix.length && group.known.contains(IPPrefix(prefix.address, length: $0))
        }
    }

    /// The entries whose addresses all belong to the fence.
    package func covered(by key: QuarantineRule.Key) -> [Entry] {
        guard let prefix = Self.network(key) else {
            return singles[Self.single(key)].map { [$0] } ?? []
        }
        guard let group = networks[Self.group(key, prefix)] else { return [] }
        return group.sorted[group.index(from: prefix.address)...]
            .prefix { prefix.contains($0.prefix.address) }
            .filter { prefix.contains($0.prefix) }.map(\.entry)
    }

    private static func network(_ key: QuarantineRule.Key) -> IPPrefix? {
        key.target.prefix.flatMap { $0.isHost ? nil : $0 }
    }

    private static func group(_ key: QuarantineRule.Key, _ prefix: IPPrefix) -> Group {
        Group(action: key.action, isIPv4: prefix.address.isIPv4)
    }

    /// A MAC address matches with any action.
    private static func single(_ key: QuarantineRule.Key) -> QuarantineRule.Key {
        QuarantineRule.Key(
            target: key.target, action: key.target.prefix == nil ? .drop : key.action)
    }
}
