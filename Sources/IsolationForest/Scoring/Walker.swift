/// The forest's arrays without bounds checks: the only unsafe part of scoring.
///
/// SAFETY, for every access below. A walker exists only inside `IsolationForest.withWalker`, which
/// keeps the arrays. A place is the index of a node in its tree: it starts at 0 and moves only to
/// `left` or `left + 1`, which fitting and decoding keep inside the tree; a leaf moves to itself,
/// because its threshold is infinite and the values of a row that `reader` has copied are finite. A
/// column is below the column count, so below the length of a copied row. A number in `boxNumbers`
/// or `boxParents` is negative or that of a box, and parents come before their children.
@safe
struct Walker {
    let nodes: UnsafePointer<IsolationForest.Node>
    let leafPaths: UnsafePointer<Float>
    let boxNumbers: UnsafePointer<Int32>
    let boxParents: UnsafePointer<Int32>
    let boxDepths: UnsafePointer<Float>
    let boxes: UnsafePointer<SIMD8<Float>>
    let reader: RowReader
    let treeStarts: UnsafePointer<Int32>
    let treeDepths: UnsafePointer<UInt8>
    let treeCount: Int
    /// Vectors in a row.
    let width: Int

    typealias Row = UnsafePointer<SIMD8<Float>>

    /// One step down; a leaf stays where it is.
    @inline(__always)
    private func step(
        _ tree: UnsafePointer<IsolationForest.Node>, _ place: Int, _ row: UnsafePointer<Float>
    ) -> Int {
        let node = unsafe tree[place]
        return unsafe Int(node.left) &+ (row[Int(node.column)] >= node.threshold ? 1 : 0)
    }

    @inline(__always)
    private func floats(_ row: Row) -> UnsafePointer<Float> {
        unsafe UnsafeRawPointer(row).assumingMemoryBound(to: Float.self)
    }

    /// The sum over all trees of one row's path, or expected path; eight trees are walked in
    /// parallel to hide the latency of loads.
    func sum(_ row: Row, insertionAware: Bool) -> Float {
        let values = unsafe floats(row)
        var sum: Float = 0
        var first = 0
        while first &+ 8 <= treeCount {
            var places = InlineArray<8, Int>(repeating: 0)
            var depth: UInt8 = 0
            for lane in 0..<8 { unsafe depth = max(depth, treeDepths[first &+ lane]) }
            for _ in 0..<depth {
                for lane in 0..<8 {
                    unsafe places[lane] = step(
                        nodes + Int(treeStarts[first &+ lane]), places[lane], values)
                }
            }
            for lane in 0..<8 {
                let leaf = unsafe Int(treeStarts[first &+ lane]) &+ places[lane]
                unsafe sum += insertionAware ? insertionPath(row, leaf: leaf) : leafPaths[leaf]
            }
            first &+= 8
        }
        for tree in first..<treeCount {
            let start = unsafe Int(treeStarts[tree])
            var place = 0
            for _ in 0..<(unsafe treeDepths[tree]) {
                unsafe place = step(nodes + start, place, values)
            }
            let leaf = start &+ place
            unsafe sum += insertionAware ? insertionPath(row, leaf: leaf) : leafPaths[leaf]
        }
        return sum
    }

    /// Calls `body` with the leaf that a row reaches in each tree, and the expected path of its
    /// insertion there.
    func forEachLeaf(_ row: Row, _ body: (_ leaf: Int, _ path: Float) -> Void) {
        let values = unsafe floats(row)
        for tree in 0..<treeCount {
            let start = unsafe Int(treeStarts[tree])
            var place = 0
            for _ in 0..<(unsafe treeDepths[tree]) {
                unsafe place = step(nodes + start, place, values)
            }
            let leaf = start &+ place
            body(leaf, unsafe insertionPath(row, leaf: leaf))
        }
    }

    /// Adds one tree's paths of eight rows, `width` vectors apart, to `sums`.
    @inline(__always)
    func addPaths(
        _ rows: Row, tree: Int, insertionAware: Bool, to sums: UnsafeMutablePointer<Float>
    ) {
        let start = unsafe Int(treeStarts[tree])
        let top = unsafe nodes + start
        let values = unsafe floats(rows)
        let stride = 8 &* width
        var places = InlineArray<8, Int>(repeating: 0)
        for _ in 0..<(unsafe treeDepths[tree]) {
            for lane in 0..<8 {
                unsafe places[lane] = step(top, places[lane], values + lane &* stride)
            }
        }
        for lane in 0..<8 {
            let leaf = start &+ places[lane]
            unsafe sums[lane] +=
                insertionAware
                ? insertionPath(rows + lane &* width, leaf: leaf) : leafPaths[leaf]
        }
    }

    /// The expected path of a row's insertion into the tree, given the leaf that it reaches: at
    /// every box on the path, it ends with the probability that the row is cut off there.
    @inline(__always)
    private func insertionPath(_ row: Row, leaf: Int) -> Float {
        var path = unsafe leafPaths[leaf]
        var number = unsafe Int(boxNumbers[leaf])
        while number >= 0 {
            let stay = unsafe stay(row, box: number)
            // A row within a box is within those above it, up to rounding.
            guard stay < 1 else { break }
            let depth = unsafe boxDepths[number]
            path = depth + stay * (path - depth)
            number = unsafe Int(boxParents[number])
        }
        return path
    }

    /// The probability that a row is not cut off from the rows of a box.
    @inline(__always)
    func stay(_ row: Row, box number: Int) -> Float {
        var product = SIMD8<Float>(repeating: 1)
        for vector in 0..<width {
            unsafe product *= excess(row, box: number, vector)
        }
        let half = product.lowHalf * product.highHalf
        let quarter = half.lowHalf * half.highHalf
        return 1 / (quarter.x * quarter.y)
    }

    /// The same, and each vector's `excess`.
    @inline(__always)
    func stay(_ row: Row, box number: Int, excesses: UnsafeMutablePointer<SIMD8<Float>>) -> Float {
        var product = SIMD8<Float>(repeating: 1)
        for vector in 0..<width {
            let excess = unsafe excess(row, box: number, vector)
            unsafe excesses[vector] = excess
            product *= excess
        }
        let half = product.lowHalf * product.highHalf
        let quarter = half.lowHalf * half.highHalf
        return 1 / (quarter.x * quarter.y)
    }

    /// By column, 1 + over / (range + resolution); 1 inside the box.
    @inline(__always)
    func excess(_ row: Row, box number: Int, _ vector: Int) -> SIMD8<Float> {
        let box = unsafe boxes + 3 &* (width &* number &+ vector)
        let distance = unsafe magnitude(row[vector] - box[0])
        return unsafe larger(distance * box[1] + box[2], SIMD8(repeating: 1))
    }

    @inline(__always)
    private func magnitude(_ value: SIMD8<Float>) -> SIMD8<Float> {
        let bits = unsafe unsafeBitCast(value, to: SIMD8<UInt32>.self)
        return unsafe unsafeBitCast(bits & 0x7FFF_FFFF, to: SIMD8<Float>.self)
    }
}

extension IsolationForest {
    /// Calls `body` with a walker over the arrays.
    func withWalker<R>(_ body: (Walker) -> R) -> R {
        unsafe nodes.withUnsafeBufferPointer { nodes in
            unsafe withPathPointers { leafPaths, boxNumbers, boxParents, boxDepths in
                unsafe boxes.withUnsafeBufferPointer { boxes in
                    unsafe columns.withUnsafeBufferPointer { columns in
                        unsafe withTreePointers { treeStarts, treeDepths in
                            body(
                                unsafe Walker(
                                    nodes: nodes.baseAddress!, leafPaths: leafPaths,
                                    boxNumbers: boxNumbers, boxParents: boxParents,
                                    boxDepths: boxDepths, boxes: boxes.baseAddress!,
                                    reader: RowReader(
                                        columnCount: columnCount,
                                        fill: columns.baseAddress! + vectorCount),
                                    treeStarts: treeStarts, treeDepths: treeDepths,
                                    treeCount: treeCount,
                                    width: vectorCount))
                        }
                    }
                }
            }
        }
    }

    private func withPathPointers<R>(
        _ body: (
            UnsafePointer<Float>, UnsafePointer<Int32>, UnsafePointer<Int32>, UnsafePointer<Float>
        ) -> R
    ) -> R {
        unsafe leafPaths.withUnsafeBufferPointer { leafPaths in
            unsafe boxNumbers.withUnsafeBufferPointer { boxNumbers in
                unsafe boxParents.withUnsafeBufferPointer { boxParents in
                    unsafe boxDepths.withUnsafeBufferPointer { boxDepths in
                        unsafe body(
                            leafPaths.baseAddress!, boxNumbers.baseAddress!,
                            boxParents.baseAddress!, boxDepths.baseAddress!)
                    }
                }
            }
        }
    }

    private func withTreePointers<R>(
        _ body: (UnsafePointer<Int32>, UnsafePointer<UInt8>) -> R
    ) -> R {
        unsafe treeStarts.withUnsafeBufferPointer { treeStarts in
            unsafe treeDepths.withUnsafeBufferPointer { treeDepths in
                unsafe body(treeStarts.baseAddress!, treeDepths.baseAddress!)
            }
        }
    }
}
