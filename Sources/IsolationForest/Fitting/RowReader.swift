/// Copies rows for the forest: pads them with 0 to whole vectors, replaces NaN, and limits the
/// other values.
@safe
struct RowReader {
    /// Values in a row.
    let columnCount: Int
    /// By column, padded: the replacement of NaN.
    let fill: UnsafePointer<SIMD8<Float>>

    /// Vectors in a copied row.
    var width: Int { (columnCount + 7) / 8 }

    /// Copies one row.
    ///
    /// SAFETY: `row` has `columnCount` values; `copy` has space for `width` vectors, the last of
    /// which is already padded.
    @inline(__always)
    func read(_ row: UnsafePointer<Float>, into copy: UnsafeMutablePointer<SIMD8<Float>>) {
        unsafe take(row, into: copy)
        unsafe clean(copy)
    }

    /// Copies rows that follow each other.
    ///
    /// SAFETY: as for one row.
    @inline(__always)
    func read(
        _ rows: UnsafePointer<Float>, count: Int, into copies: UnsafeMutablePointer<SIMD8<Float>>
    ) {
        for row in 0..<count {
            unsafe read(rows + row * columnCount, into: copies + row * width)
        }
    }

    /// Copies the rows of a table at these places, one after the other.
    ///
    /// SAFETY: `rows` has a row at each place.
    static func copies(
        of places: [Int], in rows: UnsafeBufferPointer<Float>, columnCount: Int,
        fill: [SIMD8<Float>]
    ) -> [SIMD8<Float>] {
        let width = fill.count
        var copies = [SIMD8<Float>](repeating: .zero, count: places.count * width)
        unsafe fill.withUnsafeBufferPointer { fill in
            unsafe copies.withUnsafeMutableBufferPointer { copies in
                let reader = unsafe RowReader(columnCount: columnCount, fill: fill.baseAddress!)
                for (place, row) in places.enumerated() {
                    unsafe reader.take(
                        rows.baseAddress! + row * columnCount,
                        into: copies.baseAddress! + place * width)
                }
                for place in places.indices {
                    unsafe reader.clean(copies.baseAddress! + place * width)
                }
            }
        }
        return copies
    }

    /// Copies one row unchanged; a separate step, so that many cache misses overlap.
    @inline(__always)
    func take(_ row: UnsafePointer<Float>, into copy: UnsafeMutablePointer<SIMD8<Float>>) {
        unsafe UnsafeMutableRawPointer(copy).copyMemory(
            from: row, byteCount: columnCount * MemoryLayout<Float>.stride)
    }

    /// Replaces NaN in a copied row and limits the other values.
    @inline(__always)
    func clean(_ copy: UnsafeMutablePointer<SIMD8<Float>>) {
        for vector in 0..<width { unsafe copy[vector] = ordinary(copy[vector], fill[vector]) }
    }

    @inline(__always)
    private func ordinary(_ values: SIMD8<Float>, _ fill: SIMD8<Float>) -> SIMD8<Float> {
        let limit = SIMD8<Float>(repeating: IsolationForest.largest)
        // Also false for NaN.
        if all((values .<= limit) .& (values .>= -limit)) { return values }
        return values.replacing(with: limit, where: values .> limit)
            .replacing(with: -limit, where: values .< -limit)
            .replacing(with: fill, where: values .!= values)
    }
}
