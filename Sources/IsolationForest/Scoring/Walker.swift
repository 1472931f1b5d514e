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

    /// The sum over all trees of one row's path, or expected path.
    func sum(_ row: Row, insertionAware: Bool) -> Float {
        var sum: Float = 0
        withPaths(capacity: Self.treesAtOnce) { paths in
            for first in stride(from: 0, to: treeCount, by: Self.treesAtOnce) {
                let end = min(first &+ Self.treesAtOnce, treeCount)
                unsafe descend(row, trees: first..<end, &paths)
                if insertionAware { unsafe climb(row, stride: 0, &paths) }
                for lane in 0..<(end &- first) { unsafe sum += paths.lengths[lane] }
            }
        }
        return sum
    }

    private static var treesAtOnce: Int { 128 }

    /// Walks a row down some trees to their leaves, eight in parallel to hide the latency of loads;
    /// the first tree's path is that of lane 0.
    @inline(__always)
    private func descend(_ row: Row, trees: Range<Int>, _ paths: inout Paths) {
        let values = unsafe floats(row)
        paths.begin()
        var first = trees.lowerBound
        while first &+ 8 <= trees.upperBound {
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
                enter(leaf, first &+ lane &- trees.lowerBound, &paths)
            }
            first &+= 8
        }
        for tree in first..<trees.upperBound {
            unsafe enter(leaf(of: values, tree: tree), tree &- trees.lowerBound, &paths)
        }
    }

    @inline(__always)
    private func leaf(of values: UnsafePointer<Float>, tree: Int) -> Int {
        let start = unsafe Int(treeStarts[tree])
        var place = 0
        for _ in 0..<(unsafe treeDepths[tree]) {
            unsafe place = step(nodes + start, place, values)
        }
        return start &+ place
    }

    /// Calls `body` with the leaf that a row reaches in each tree, and the expected path of its
    /// insertion there.
    func forEachLeaf(_ row: Row, _ body: (_ leaf: Int, _ path: Float) -> Void) {
        withPaths(capacity: 1) { paths in
            for tree in 0..<treeCount {
                let leaf = unsafe leaf(of: floats(row), tree: tree)
                paths.begin()
                enter(leaf, 0, &paths)
                unsafe climb(row, stride: 0, &paths)
                body(leaf, unsafe paths.lengths[0])
            }
        }
    }

    /// Adds one tree's paths of rows, `width` vectors apart, to `sums`; their number is a multiple
    /// of 8.
    @inline(__always)
    func addPaths(
        _ rows: Row, count: Int, tree: Int, insertionAware: Bool, _ paths: inout Paths,
        to sums: UnsafeMutablePointer<Float>
    ) {
        let start = unsafe Int(treeStarts[tree])
        let top = unsafe nodes + start
        let stride = 8 &* width
        paths.begin()
        for first in Swift.stride(from: 0, to: count, by: 8) {
            let values = unsafe floats(rows) + first &* stride
            var places = InlineArray<8, Int>(repeating: 0)
            for _ in 0..<(unsafe treeDepths[tree]) {
                for lane in 0..<8 {
                    unsafe places[lane] = step(top, places[lane], values + lane &* stride)
                }
            }
            for lane in 0..<8 {
                enter(start &+ places[lane], first &+ lane, &paths)
            }
        }
        if insertionAware { unsafe climb(rows, stride: width, &paths) }
        for row in 0..<count { unsafe sums[row] += paths.lengths[row] }
    }

    /// Paths of rows in trees, each in a lane of its own: from a leaf up through the boxes above
    /// it, to the first that contains the row.
    ///
    /// SAFETY: a lane is below the capacity, entered at most once after `begin`, and read only if
    /// it was entered; so `openCount` is below the capacity where a lane is stored.
    @safe
    struct Paths {
        /// By lane: the expected length so far.
        fileprivate let lengths: UnsafeMutablePointer<Float>
        /// By lane: the number of the next box, −1 if there is none.
        fileprivate let boxes: UnsafeMutablePointer<Int32>
        /// The lanes that have a next box.
        fileprivate let open: UnsafeMutablePointer<Int32>
        fileprivate var openCount = 0

        @inline(__always)
        fileprivate mutating func begin() { openCount = 0 }
    }

    /// Calls `body` with space for as many paths.
    func withPaths(capacity: Int, _ body: (inout Paths) -> Void) {
        // SAFETY: the space has `capacity` lengths and twice as many numbers, and lives as long as
        // `body` runs.
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: capacity) { lengths in
            unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * capacity) {
                numbers in
                unsafe lengths.initialize(repeating: 0)
                unsafe numbers.initialize(repeating: 0)
                let boxes = numbers.baseAddress!
                var paths = unsafe Paths(
                    lengths: lengths.baseAddress!, boxes: boxes, open: boxes + capacity)
                body(&paths)
            }
        }
    }

    /// Begins a path at a leaf.
    @inline(__always)
    private func enter(_ leaf: Int, _ lane: Int, _ paths: inout Paths) {
        unsafe paths.lengths[lane] = leafPaths[leaf]
        let box = unsafe boxNumbers[leaf]
        unsafe paths.boxes[lane] = box
        unsafe paths.open[paths.openCount] = Int32(truncatingIfNeeded: lane)
        paths.openCount &+= box >= 0 ? 1 : 0
    }

    /// Completes the expected paths of insertions, of one row (`stride` 0) or of one a lane: at
    /// every box on the path, it ends with the probability that the row is cut off there.
    ///
    /// One box of every path is visited before the next ones, and no branch depends on a row: a
    /// path's length cannot be predicted, and a wrong prediction costs more than a box.
    @inline(__always)
    private func climb(_ rows: Row, stride: Int, _ paths: inout Paths) {
        var count = paths.openCount
        while count > 0 {
            var left = 0
            for index in 0..<count {
                let lane = unsafe Int(paths.open[index])
                let box = unsafe Int(paths.boxes[lane])
                let stay = unsafe stay(rows + lane &* stride, box: box)
                let depth = unsafe boxDepths[box]
                let length = unsafe paths.lengths[lane]
                let longer = depth + stay * (length - depth)
                let above = unsafe boxParents[box]
                // All ones outside the box. A row within a box is within those above it, up to
                // rounding, so its path is complete.
                let isOutside = Int32(bitPattern: (stay - 1).bitPattern) >> 31
                let mask = UInt32(bitPattern: isOutside)
                unsafe paths.lengths[lane] = Float(
                    bitPattern: longer.bitPattern & mask | length.bitPattern & ~mask)
                unsafe paths.boxes[lane] = above
                unsafe paths.open[left] = Int32(truncatingIfNeeded: lane)
                left &-= Int(isOutside & ~(above >> 31))
            }
            count = left
        }
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
