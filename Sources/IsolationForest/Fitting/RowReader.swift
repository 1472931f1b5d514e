/// Copies rows as the forest reads them: padded with 0 to whole vectors, unknown values filled in,
/// the rest bounded.
@safe
struct RowReader {
    /// Values in a row.
    let columnCount: Int
    /// By column, padded: what NaN counts as.
    let fill: UnsafePointer<SIMD8<Float>>

    /// Vectors in a copied row.
    var width: Int { (columnCount + 7) / 8 }

    /// Copies one row.
    ///
    /// SAFETY: `row` has `columnCount` values; `copy` has room for `width` vectors, the last of
    /// which is padded already.
    @inline(__always)
    func read(_ row: UnsafePointer<Float>, into copy: UnsafeMutablePointer<SIMD8<Float>>) {
        unsafe take(row, into: copy)
        unsafe clean(copy)
    }

    /// Copies one row as it is; by itself, so that many cache misses are under way at once.
    @inline(__always)
    func take(_ row: UnsafePointer<Float>, into copy: UnsafeMutablePointer<SIMD8<Float>>) {
        unsafe UnsafeMutableRawPointer(copy).copyMemory(
            from: row, byteCount: columnCount * MemoryLayout<Float>.stride)
    }

    /// Fills in what is unknown in a copied row and bounds the rest.
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
