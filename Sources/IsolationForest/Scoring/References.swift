/// Training rows that a forest keeps, to measure how far a row is from the nearest of them.
///
/// The sum of a row's paths over the trees is coarse: it hardly sees a row that is within the range
/// of each column and unlike every training row nevertheless. The nearest training rows are far
/// from such a row.
///
/// A column's values are compared on a scale that its own spread determines: with t = (value −
/// mean) / (deviation + resolution), they are squashed to t / (1 + |t| / 4), between −4 and 4, so
/// that a single column with long tails does not decide.
///
/// A distance is not below the reference's floor: a share of its distance to other references. So
/// an outlier among the training rows makes few rows usual, not even itself.
struct References: Sendable, Equatable {
    /// Rows in a block: that many are compared with a row at once.
    static var blockSize: Int { 32 }
    /// Squashed values are multiples of the inverse of this, and fit into 16 bits.
    static var steps: Float { 8_192 }
    /// The floor is this share of the distance to the reference's neighbour of `rank`.
    static var floorShare: Float { 0.4 }
    /// The rank of that neighbour, as a share of the references.
    static var rank: Double { 0.05 }
    /// Square distances below it count as it, which is above the rounding errors.
    static var leastSquare: Float { 1e-6 }
    /// Every `boxStride`-th tree of a forest with references has boxes.
    static var boxStride: Int { 4 }

    /// The number of rows.
    let count: Int
    let columnCount: Int
    /// By column and padded with 0: the mean, then the inverse of deviation + resolution.
    let scales: [SIMD8<Float>]
    /// Block after block: by column, the squashed values of the block's rows.
    let values: [SIMD8<Float>]
    /// By row: half of its square distance from 0, very large past the last.
    let halfNorms: [SIMD8<Float>]
    /// By row: half of the square of its floor.
    let halfFloors: [SIMD8<Float>]
    /// The median square distance of a reference from the nearest other one.
    let usual: Float

    /// Arranges rows for scoring.
    ///
    /// - Parameters:
    ///   - places: `[count × columnCount]`, row after row: squashed values in units of 1 / `steps`.
    ///   - floors: `[count]`, the squares of the floors.
    init(
        places: [Int16], floors: [Float], columnCount: Int, scales: [SIMD8<Float>], usual: Float
    ) {
        count = floors.count
        self.columnCount = columnCount
        self.scales = scales
        self.usual = usual
        let vectors = Self.blockSize / 8
        let blockCount = (count + Self.blockSize - 1) / Self.blockSize
        var values = [SIMD8<Float>](repeating: .zero, count: blockCount * columnCount * vectors)
        var halfNorms = [SIMD8<Float>](
            repeating: .init(repeating: 1e30), count: blockCount * vectors)
        var halfFloors = [SIMD8<Float>](repeating: .zero, count: blockCount * vectors)
        for row in 0..<count {
            let (vector, lane) = (row / 8, row % 8)
            let start = vector / vectors * columnCount * vectors + vector % vectors
            var norm: Float = 0
            for column in 0..<columnCount {
                let value = Float(places[row * columnCount + column]) / Self.steps
                values[start + column * vectors][lane] = value
                norm += value * value
            }
            halfNorms[vector][lane] = norm / 2
            halfFloors[vector][lane] = floors[row] / 2
        }
        self.values = values
        self.halfNorms = halfNorms
        self.halfFloors = halfFloors
    }

    /// The squashed value of a row, in units of 1 / `steps`.
    func place(row: Int, column: Int) -> Int16 {
        let vectors = Self.blockSize / 8
        let start = row / Self.blockSize * columnCount * vectors
        let vector = start + column * vectors + row % Self.blockSize / 8
        return Int16(values[vector][row % 8] * Self.steps)
    }

    /// The square of a row's floor.
    func floor(row: Int) -> Float { halfFloors[row / 8][row % 8] * 2 }

    /// The memory in bytes.
    var memoryByteCount: Int {
        (scales.count + values.count + halfNorms.count + halfFloors.count)
            * MemoryLayout<SIMD8<Float>>.stride
    }

    /// Squashes eight values.
    @inline(__always)
    static func squashed(
        _ values: SIMD8<Float>, mean: SIMD8<Float>, inverse: SIMD8<Float>
    ) -> SIMD8<Float> {
        let most = SIMD8<Float>(repeating: 0x1p30)
        let scaled = larger(smaller((values - mean) * inverse, most), -most)
        return scaled / (1 + 0.25 * larger(scaled, -scaled))
    }

    /// Calls `body` with a seeker over the arrays.
    func withSeeker<R>(_ body: (Seeker) -> R) -> R {
        unsafe values.withUnsafeBufferPointer { values in
            unsafe halfNorms.withUnsafeBufferPointer { norms in
                unsafe halfFloors.withUnsafeBufferPointer { floors in
                    unsafe scales.withUnsafeBufferPointer { scales in
                        body(
                            unsafe Seeker(
                                values: values.baseAddress!, halfNorms: norms.baseAddress!,
                                halfFloors: floors.baseAddress!, scales: scales.baseAddress!,
                                blockCount: norms.count * 8 / Self.blockSize,
                                columnCount: columnCount))
                    }
                }
            }
        }
    }
}

/// The references' arrays without bounds checks.
///
/// SAFETY, for every access below. A seeker exists only inside `References.withSeeker`, which keeps
/// the arrays; their sizes are those that the initializer of `References` gives them. A row has
/// `width` vectors.
@safe
struct Seeker {
    let values: UnsafePointer<SIMD8<Float>>
    let halfNorms: UnsafePointer<SIMD8<Float>>
    let halfFloors: UnsafePointer<SIMD8<Float>>
    let scales: UnsafePointer<SIMD8<Float>>
    let blockCount: Int
    let columnCount: Int

    /// Vectors in a row.
    var width: Int { (columnCount + 7) / 8 }

    /// Squashes the values of a copied row, and returns half of its square distance from 0.
    func squash(_ row: UnsafeMutablePointer<SIMD8<Float>>) -> Float {
        var sum = SIMD8<Float>.zero
        for vector in 0..<width {
            let value = unsafe References.squashed(
                row[vector], mean: scales[vector], inverse: scales[width &+ vector])
            unsafe row[vector] = value
            sum += value * value
        }
        return sum.sum() / 2
    }

    /// Lowers `least`, lane by lane, to half the square distances of a squashed row from the
    /// references of a block: ½|r|² − r·x + ½|x|² = ½|r − x|².
    @inline(__always)
    func lower(
        _ least: inout SIMD8<Float>, row: UnsafePointer<SIMD8<Float>>, half: Float, block: Int
    ) {
        let row = unsafe UnsafeRawPointer(row).assumingMemoryBound(to: Float.self)
        let norms = unsafe halfNorms + 4 &* block
        let floors = unsafe halfFloors + 4 &* block
        var first = unsafe norms[0]
        var second = unsafe norms[1]
        var third = unsafe norms[2]
        var fourth = unsafe norms[3]
        var next = unsafe values + 4 &* columnCount &* block
        for column in 0..<columnCount {
            let value = unsafe SIMD8<Float>(repeating: row[column])
            unsafe first -= next[0] * value
            unsafe second -= next[1] * value
            unsafe third -= next[2] * value
            unsafe fourth -= next[3] * value
            unsafe next += 4
        }
        unsafe least = smaller(least, larger(first + half, floors[0]))
        unsafe least = smaller(least, larger(second + half, floors[1]))
        unsafe least = smaller(least, larger(third + half, floors[2]))
        unsafe least = smaller(least, larger(fourth + half, floors[3]))
    }

    /// The square distance of a copied row, which is squashed in place, from the nearest reference.
    func nearest(_ row: UnsafeMutablePointer<SIMD8<Float>>) -> Float {
        let half = unsafe squash(row)
        var least = SIMD8<Float>(repeating: .greatestFiniteMagnitude)
        for block in 0..<blockCount {
            unsafe lower(&least, row: UnsafePointer(row), half: half, block: block)
        }
        return 2 * least.min()
    }

    /// The same of `count` rows, `width` vectors apart; a block of references stays in the cache
    /// for all of them.
    func nearest(
        _ rows: UnsafeMutablePointer<SIMD8<Float>>, count: Int,
        halves: UnsafeMutablePointer<Float>, least: UnsafeMutablePointer<SIMD8<Float>>
    ) {
        for row in 0..<count {
            unsafe halves[row] = squash(rows + row &* width)
            unsafe least[row] = SIMD8(repeating: .greatestFiniteMagnitude)
        }
        for block in 0..<blockCount {
            for row in 0..<count {
                unsafe lower(
                    &least[row], row: UnsafePointer(rows + row &* width), half: halves[row],
                    block: block)
            }
        }
    }
}
