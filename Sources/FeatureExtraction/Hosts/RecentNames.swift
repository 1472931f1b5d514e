import PacketDecoding

/// The last long DNS names that a host asked for: each of them carries data once.
///
/// Somebody who repeats a question sends nothing new. Only long names are kept, so that no number
/// of short ones displaces them.
struct RecentNames: Sendable {
    private static let count = 64

    /// A part of each name's digest; empty until the host asks for a long name.
    private var names: [UInt32] = []
    private var next = 0

    /// Adds a name, and returns whether it is none of the last 64.
    mutating func note(_ name: NameDigest) -> Bool {
        let key = UInt32(truncatingIfNeeded: name.low)
        if names.isEmpty { names = [UInt32](repeating: 0, count: Self.count) }
        if names.contains(key) { return false }
        names[next] = key
        next = (next + 1) % Self.count
        return true
    }
}
