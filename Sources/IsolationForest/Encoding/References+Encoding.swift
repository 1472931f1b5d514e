extension References {
    /// Appends the references; `IsolationForest.encoded` has the format.
    func encode(to out: inout Encoder) {
        out.append(UInt32(count))
        out.append(usual)
        for half in 0..<2 {
            for column in 0..<columnCount {
                out.append(scales[half * (scales.count / 2) + column / 8][column % 8])
            }
        }
        for row in 0..<count {
            out.append(floor(row: row))
            for column in 0..<columnCount { out.append(place(row: row, column: column)) }
        }
    }

    /// Reads references and checks what scoring relies on: finite values, no negative floor, and
    /// spreads and a usual distance above 0.
    init(from input: inout Decoder, columnCount: Int) throws(ForestError) {
        let count = try input.count(in: 2...32_768, "reference count")
        let usual = try input.float("usual distance")
        guard usual >= Self.leastSquare, usual <= Self.most(columnCount: columnCount) else {
            throw .malformed("usual distance")
        }
        let means = try input.floats(columnCount, "reference scale")
        let inverses = try input.floats(columnCount, "reference scale")
        guard inverses.allSatisfy({ $0 > 0 && $0 <= 0x1p100 }) else {
            throw .malformed("reference scale")
        }
        var places: [Int16] = []
        var floors: [Float] = []
        for _ in 0..<count {
            let floor = try input.float("reference floor")
            // Halved for scoring, so it must not be subnormal: the same bytes come out again.
            guard floor.sign == .plus, floor == 0 || floor >= 0x1p-100,
                floor <= Self.most(columnCount: columnCount)
            else { throw .malformed("reference floor") }
            floors.append(floor)
            places += try input.int16s(columnCount, "reference")
        }
        self.init(
            places: places, floors: floors, columnCount: columnCount,
            scales: IsolationForest.vectors(means, columnCount)
                + IsolationForest.vectors(inverses, columnCount),
            usual: usual)
    }

    /// The largest square distance between squashed values: each is between −4 and 4.
    private static func most(columnCount: Int) -> Float { Float(64 * columnCount) }
}
