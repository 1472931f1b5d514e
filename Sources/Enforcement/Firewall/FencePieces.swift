internal import NetworkAddresses
internal import Quarantine

/// Lays overlapping fences side by side, because a kernel set's intervals may not overlap.
///
/// The rule: every address stays fenced until the latest end of the fences that cover it. A prefix
/// inside a fenced one, or around one, therefore never shortens and never widens anybody's fence;
/// it cuts the wider one into pieces where their ends differ. Hosts live in sets of their own and
/// are not cut.
enum FencePieces {
    /// One interval of the kernel's set.
    struct Piece: Hashable, Sendable {
        var prefix: IPPrefix
        /// Nanoseconds since 1970.
        var until: Int64
    }

    /// Disjoint prefixes that give every address its latest end, in ascending order.
    ///
    /// Each fence gets what no later-ending one takes from it, in as few prefixes as possible. So
    /// nothing moves in the kernel when a fence's time is over: who took from it outlives it.
    ///
    /// - Parameter claims: any prefixes of one family, overlapping or not.
    /// - Complexity: O(n log n) and the depth of the nesting.
    static func flatten(_ claims: [Piece]) -> [Piece] {
        // An enclosing prefix comes before what it encloses.
        let sorted = claims.sorted { ($0.prefix, $0.until) < ($1.prefix, $1.until) }
        var holes = [[IPPrefix]](repeating: [], count: sorted.count)
        var isTaken = [Bool](repeating: false, count: sorted.count)
        var enclosing: [Int] = []
        for (index, claim) in sorted.enumerated() {
            while let last = enclosing.last, !sorted[last].prefix.contains(claim.prefix) {
                enclosing.removeLast()
            }
            for outer in enclosing {
                if sorted[outer].until >= claim.until {
                    isTaken[index] = true
                } else {
                    holes[outer].append(claim.prefix)
                }
            }
            enclosing.append(index)
        }
        var pieces: [Piece] = []
        for (index, claim) in sorted.enumerated() where !isTaken[index] {
            pieces += ProtectedSet.split(claim.prefix, around: holes[index]).map {
                Piece(prefix: $0, until: claim.until)
            }
        }
        return pieces.sorted { $0.prefix < $1.prefix }
    }
}
