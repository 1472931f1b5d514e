/// The boxes around the training rows of some nodes, and what a row outside of one is worth.
///
/// A split often takes few rows off a node, and the box around the rest is nearly the same again.
/// So the way down falls into runs, in which each child keeps more than half of its parent's rows,
/// and only the first and the last node of a run have a box; none has with fewer than `fewestRows`,
/// whose box would say little about where others may lie.
enum Box {
    static var fewestRows: Int { 8 }
    /// How much of a column's range counts: being that far outside of the box cuts a row off with a
    /// chance of one half. Found on the public sets, as is the rule above.
    static var share: Float { 0.25 }

    /// By node of a tree, the node of the nearest box at or above it, −1 where there is none; nodes
    /// come after their parents.
    static func owners(
        nodes: some RandomAccessCollection<IsolationForest.Node>, rows: [UInt16]
    ) -> [Int] {
        var first = [Bool](repeating: false, count: rows.count)
        var last = [Bool](repeating: true, count: rows.count)
        var parents = [Int](repeating: -1, count: rows.count)
        first[0] = true
        for (place, node) in nodes.enumerated() where !node.isLeaf(at: place) {
            for child in Int(node.left)...(Int(node.left) + 1) {
                parents[child] = place
                first[child] = 2 * Int(rows[child]) <= Int(rows[place])
                last[place] = last[place] && (first[child] || rows[child] < fewestRows)
            }
        }
        var owners = parents
        for place in rows.indices {
            let has = rows[place] >= fewestRows && (first[place] || last[place])
            owners[place] = has ? place : place == 0 ? -1 : owners[parents[place]]
        }
        return owners
    }

    /// The nodes of a tree that have a box, in their order, each with the node of the box above.
    static func parents(
        nodes: some RandomAccessCollection<IsolationForest.Node>, owners: [Int]
    ) -> [(place: Int, above: Int?)] {
        var above = [Int?](repeating: nil, count: owners.count)
        for (place, node) in nodes.enumerated() where !node.isLeaf(at: place) {
            for child in Int(node.left)...(Int(node.left) + 1) { above[child] = owners[place] }
        }
        return owners.indices.filter { owners[$0] == $0 }.map { ($0, above[$0]) }
    }

    /// Numbers the boxes of all trees, in the order of their nodes.
    static func numbers(_ trees: [Tree]) -> (byNode: [Int32], parents: [Int32], depths: [Float]) {
        var byNode: [Int32] = []
        var parents: [Int32] = []
        var depths: [Float] = []
        for tree in trees {
            let first = byNode.count
            let owners = owners(nodes: tree.nodes, rows: tree.rowCounts)
            byNode += repeatElement(-1, count: owners.count)
            for (place, above) in Self.parents(nodes: tree.nodes, owners: owners) {
                byNode[first + place] = Int32(parents.count)
                parents.append(above.map { byNode[first + $0] } ?? -1)
                depths.append(Float(tree.depths[place]))
            }
            for (place, owner) in owners.enumerated() where owner >= 0 {
                byNode[first + place] = byNode[first + owner]
            }
        }
        return (byNode, parents, depths)
    }

    /// A box as scoring wants it. With over = how far a value is beyond the box,
    ///
    ///     1 + over / (share × range + resolution) = max(1, |value − centre| × inverse + offset)
    ///
    /// and 1 over that is the chance not to be cut off in this column,
    /// 1 − over / (share × range + over + resolution).
    static func scaled(
        half: SIMD8<Float>, resolution: SIMD8<Float>
    ) -> (inverse: SIMD8<Float>, offset: SIMD8<Float>) {
        let base = 2 * share * half + resolution
        // Where a column is constant and any deviation counts, the smallest one counts fully.
        let inverse = smaller(1 / base, SIMD8(repeating: 0x1p100))
        return (inverse, 1 - half * inverse)
    }
}
