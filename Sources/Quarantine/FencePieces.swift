internal import NetworkAddresses

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

    /// The fewest disjoint prefixes that give every address its latest end, in ascending order.
    ///
    /// - Parameter claims: any prefixes of one family, overlapping or not.
    static func flatten(_ claims: [Piece]) -> [Piece] {
        // Widest first, so that a prefix meets those inside it later.
        let sorted = claims.sorted {
            ($0.prefix.length, $0.prefix, $0.until) < ($1.prefix.length, $1.prefix, $1.until)
        }
        var roots: [(root: Piece, inside: [Piece])] = []
        for claim in sorted {
            if let at = roots.firstIndex(where: { $0.root.prefix.contains(claim.prefix) }) {
                roots[at].inside.append(claim)
            } else {
                roots.append((claim, []))
            }
        }
        return roots.sorted { $0.root.prefix < $1.root.prefix }.flatMap { root, inside in
            cut(root.prefix, until: root.until, inside)
        }
    }

    private static func cut(_ prefix: IPPrefix, until: Int64, _ inside: [Piece]) -> [Piece] {
        let end =
            inside.lazy.filter { $0.prefix == prefix }.map(\.until).max().map {
                max($0, until)
            } ?? until
        let later = inside.filter { $0.until > end }
        guard !later.isEmpty, let (lower, upper) = prefix.halves else {
            return [Piece(prefix: prefix, until: end)]
        }
        let left = cut(lower, until: end, later.filter { lower.contains($0.prefix) })
        let right = cut(upper, until: end, later.filter { upper.contains($0.prefix) })
        if left.count == 1, right.count == 1, left[0].until == right[0].until,
            left[0].prefix == lower, right[0].prefix == upper
        {
            return [Piece(prefix: prefix, until: left[0].until)]
        }
        return left + right
    }
}
