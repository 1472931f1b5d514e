/// The bounding boxes of the training rows of some nodes, and the effect of a row outside one.
///
/// A split often separates few rows from a node, and the box of the others is nearly the same. A
/// path is therefore divided into runs in which each child has more than half of its parent's rows,
/// and only the first and the last node of a run have a box. A node with fewer than `fewestRows`
/// rows has none, because its box would be a poor estimate of the rows' range.
enum Box {
    static var fewestRows: Int { 8 }
    /// The share of a column's range that counts: a row this far outside the box is cut off with a
    /// probability of one half. Both this value and the rule above were determined on the public
    /// sets.
    static var share: Float { 0.25 }

    /// Returns, by node of a tree, the node of the nearest box at or above it, −1 if there is none;
    /// nodes come after their parents.
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

    /// Returns the nodes of a tree that have a box, in order, each with the node of the box above.
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
            let owners = tree.boxOwners
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

    /// Returns a box in the form that scoring uses. With over = the distance of a value beyond the
    /// box,
    ///
    ///     1 + over / (share × range + resolution) = max(1, |value − centre| × inverse + offset)
    ///
    /// and its reciprocal is the probability of not being cut off in this column, 1 − over / (share
    /// × range + over + resolution).
    static func scaled(
        half: SIMD8<Float>, resolution: SIMD8<Float>
    ) -> (inverse: SIMD8<Float>, offset: SIMD8<Float>) {
        let base = 2 * share * half + resolution
        // If a column is constant and has no resolution, the smallest deviation counts fully.
        let inverse = smaller(1 / base, SIMD8(repeating: 0x1p100))
        return (inverse, 1 - half * inverse)
    }
}
