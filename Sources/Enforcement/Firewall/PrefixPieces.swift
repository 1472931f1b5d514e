internal import NetworkAddresses
internal import Quarantine
internal import Timestamps

/// Splits overlapping fences into disjoint pieces, because the intervals of a kernel set may not
/// overlap.
///
/// Every address stays fenced until the latest expiry of the fences that cover it. A prefix inside
/// or around a fenced one therefore never shortens or widens the other fence; it splits the wider
/// one into pieces where their expiries differ. Hosts are in sets of their own and are not split.
enum PrefixPieces {
    /// One interval of the kernel's set.
    struct Piece: Hashable, Sendable {
        var prefix: IPPrefix
        var expires: Timestamp
    }

    /// Disjoint prefixes that have the latest expiry for every address, in ascending order.
    ///
    /// Each fence keeps the addresses that no fence with a later expiry covers, in as few prefixes
    /// as possible. Nothing has to change in the kernel when a fence expires, since the fences that
    /// replaced it expire later.
    ///
    /// - Parameter ends: any prefixes of one family, overlapping or not.
    /// - Complexity: O(n log n) and the depth of the nesting.
    static func flatten(_ ends: [Piece]) -> [Piece] {
        // An enclosing prefix sorts before those inside it.
        let sorted = ends.sorted { ($0.prefix, $0.expires) < ($1.prefix, $1.expires) }
        var holes = [[IPPrefix]](repeating: [], count: sorted.count)
        var isTaken = [Bool](repeating: false, count: sorted.count)
        var enclosing: [Int] = []
        for (index, end) in sorted.enumerated() {
            while let last = enclosing.last, !sorted[last].prefix.contains(end.prefix) {
                enclosing.removeLast()
            }
            for outer in enclosing {
                if sorted[outer].expires >= end.expires {
                    isTaken[index] = true
                } else {
                    holes[outer].append(end.prefix)
                }
            }
            enclosing.append(index)
        }
        var pieces: [Piece] = []
        for (index, end) in sorted.enumerated() where !isTaken[index] {
            pieces += ProtectedSet.split(end.prefix, around: holes[index]).map {
                Piece(prefix: $0, expires: end.expires)
            }
        }
        return pieces.sorted { $0.prefix < $1.prefix }
    }
}
