extension References {
    /// The references that distances are measured from while fitting: more would hardly change a
    /// floor, and take longer.
    private static var probeCount: Int { 256 }

    /// Picks references among the rows of a table.
    ///
    /// - Complexity: O(references × columns × 256), whatever the number of rows.
    init(
        rows: UnsafeBufferPointer<Float>, rowCount: Int, columnCount: Int, fill: [SIMD8<Float>],
        resolution: [SIMD8<Float>], options: IsolationForest.Options
    ) {
        // The trees have the streams below 2³².
        var generator = SeededGenerator(seed: options.seed, stream: 1 << 32)
        let picked = generator.sample(min(options.referenceCount, rowCount), of: rowCount)
        let width = fill.count
        // SAFETY: `rows` has `rowCount` rows, and the sampled indices are below that.
        let copies = unsafe RowReader.copies(
            of: picked, in: rows, columnCount: columnCount, fill: fill)
        let scales = Self.scales(
            copies, count: picked.count, columnCount: columnCount, resolution: resolution)
        var places: [Int16] = []
        places.reserveCapacity(picked.count * columnCount)
        for row in 0..<picked.count {
            for column in 0..<columnCount {
                let vector = column / 8
                let value = Self.squashed(
                    copies[row * width + vector], mean: scales[vector],
                    inverse: scales[width + vector])[column % 8]
                places.append(Int16(max(-32_767, min(32_767, (value * Self.steps).rounded()))))
            }
        }
        let (floors, usual) = Self.floors(places, count: picked.count)
        self.init(
            places: places, floors: floors, columnCount: columnCount, scales: scales, usual: usual)
    }

    /// By column, the mean, then the inverse of deviation + resolution.
    private static func scales(
        _ rows: [SIMD8<Float>], count: Int, columnCount: Int, resolution: [SIMD8<Float>]
    ) -> [SIMD8<Float>] {
        let width = resolution.count
        var means: [SIMD8<Float>] = []
        var inverses: [SIMD8<Float>] = []
        for vector in 0..<width {
            var sum = SIMD8<Double>.zero
            for row in 0..<count { sum += SIMD8<Double>(rows[row * width + vector]) }
            let mean = sum / Double(count)
            var squares = SIMD8<Double>.zero
            for row in 0..<count {
                let difference = SIMD8<Double>(rows[row * width + vector]) - mean
                squares += difference * difference
            }
            let spread = (squares / Double(count)).squareRoot() + SIMD8<Double>(resolution[vector])
            means.append(SIMD8<Float>(mean))
            // In a constant column without resolution, the smallest deviation counts fully.
            let inverse = (1 / spread).clamped(
                lowerBound: .zero, upperBound: SIMD8(repeating: 0x1p100))
            inverses.append(SIMD8<Float>(inverse))
        }
        // The padding of a decoded forest is 0, too.
        for lane in columnCount % 8..<8 where columnCount % 8 > 0 { inverses[width - 1][lane] = 0 }
        return means + inverses
    }

    /// The squares of the floors, and the median square distance from the nearest other reference.
    private static func floors(_ places: [Int16], count: Int) -> (floors: [Float], usual: Float) {
        let columnCount = places.count / count
        let values = places.map { Float($0) / steps }
        let stride = (count + probeCount - 1) / probeCount
        let probes = Array(Swift.stride(from: 0, to: count, by: stride))
        // By row: its square distances from the probes.
        var squares = [Float](repeating: 0, count: count * probes.count)
        for row in 0..<count {
            for (number, probe) in probes.enumerated() {
                var sum: Float = 0
                for column in 0..<columnCount {
                    let difference =
                        values[row * columnCount + column] - values[probe * columnCount + column]
                    sum += difference * difference
                }
                squares[row * probes.count + number] = sum
            }
        }
        var floors: [Float] = []
        for row in 0..<count {
            var others: [Float] = []
            for (number, probe) in probes.enumerated() where probe != row {
                others.append(squares[row * probes.count + number])
            }
            others.sort()
            let rank = max(2, Int((Double(probes.count) * rank).rounded()))
            floors.append(others[min(rank, others.count) - 1] * floorShare * floorShare)
        }
        var nearest: [Float] = []
        for (number, probe) in probes.enumerated() {
            var least = Float.greatestFiniteMagnitude
            for row in 0..<count where row != probe {
                least = min(least, max(squares[row * probes.count + number], floors[row]))
            }
            nearest.append(least)
        }
        nearest.sort()
        return (floors, max(leastSquare, nearest[(nearest.count - 1) / 2]))
    }
}
