/// Copies rows as the forest reads them: padded with 0 to whole vectors, unknown values filled in, the
/// rest bounded.
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
    /// SAFETY: `row` has `columnCount` values, `copy` and `fill` have room for `width` vectors.
    @inline(__always)
    func read(_ row: UnsafePointer<Float>, into copy: UnsafeMutablePointer<SIMD8<Float>>) {
        let whole = columnCount / 8
        for vector in 0..<whole {
            let values = unsafe UnsafeRawPointer(row + vector * 8)
                .loadUnaligned(as: SIMD8<Float>.self)
            unsafe copy[vector] = ordinary(values, fill[vector])
        }
        guard whole * 8 < columnCount else { return }
        var values = SIMD8<Float>.zero
        for column in (whole * 8)..<columnCount { unsafe values[column & 7] = row[column] }
        unsafe copy[whole] = ordinary(values, fill[whole])
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
