internal import NetworkAddresses
internal import Quarantine
internal import Timestamps

/// Lays overlapping fences side by side, because a kernel set's intervals may not overlap.
///
/// The rule: every address stays fenced until the latest end of the fences that cover it. A prefix
/// inside a fenced one, or around one, therefore never shortens and never widens anybody's fence;
/// it cuts the wider one into pieces where their ends differ. Hosts live in sets of their own and
/// are not cut.
enum PrefixPieces {
    /// One interval of the kernel's set.
    struct Piece: Hashable, Sendable {
        var prefix: IPPrefix
        var expires: Timestamp
    }

    /// Disjoint prefixes that give every address its latest end, in ascending order.
    ///
    /// Each fence gets what no later-ending one takes from it, in as few prefixes as possible. So
    /// nothing moves in the kernel when a fence's time is over: who took from it outlives it.
    ///
    /// - Parameter ends: any prefixes of one family, overlapping or not.
    /// - Complexity: O(n log n) and the depth of the nesting.
    static func flatten(_ ends: [Piece]) -> [Piece] {
        // An enclosing prefix comes before what it encloses.
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
