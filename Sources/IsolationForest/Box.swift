/// The boxes around the training rows of some nodes, and what a row outside of one is worth.
///
/// Not every node has a box. One around a handful of rows says little about where others may lie,
/// and one around nearly the same rows as an ancestor's says nothing new: a node has a box if it has
/// `fewestRows` rows, and no more than `shrink` of those of the nearest ancestor with a box.
enum Box {
    static var fewestRows: Int { 8 }
    static var shrink: (Int, Int) { (1, 2) }

    /// Whether a node has a box; `ancestor` is the rows of the nearest ancestor that has one, nil if
    /// none has.
    static func belongs(toRows rows: Int, under ancestor: Int?) -> Bool {
        guard rows >= fewestRows else { return false }
        guard let ancestor else { return true }
        return rows * shrink.1 <= ancestor * shrink.0
    }

    /// By node of a tree, the node of the nearest box at or above it, −1 where there is none; nodes
    /// come after their parents.
    static func owners(nodes: some RandomAccessCollection<IsolationForest.Node>, rows: [UInt16])
        -> [Int]
    {
        var owners = [Int](repeating: -1, count: rows.count)
        if belongs(toRows: Int(rows[0]), under: nil) { owners[0] = 0 }
        for (place, node) in nodes.enumerated() where !node.isLeaf(at: place) {
            for child in Int(node.left)...(Int(node.left) + 1) {
                let above = owners[place]
                let has = above >= 0 && belongs(toRows: Int(rows[child]), under: Int(rows[above]))
                owners[child] = has ? child : above
            }
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
    ///     1 + over / (range + resolution) = max(1, |value − centre| × inverse + offset)
    ///
    /// and 1 over that is the chance not to be cut off in this column,
    /// 1 − over / (range + over + resolution).
    static func scaled(
        half: SIMD8<Float>, resolution: SIMD8<Float>
    ) -> (inverse: SIMD8<Float>, offset: SIMD8<Float>) {
        let base = 2 * half + resolution
        // Where a column is constant and any deviation counts, the smallest one counts fully.
        let inverse = smaller(1 / base, SIMD8(repeating: 0x1p100))
        return (inverse, 1 - half * inverse)
    }
}
