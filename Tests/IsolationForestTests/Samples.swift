@testable import IsolationForest

/// Generated rows; the same on every machine.
enum Samples {
    /// `[rows × columns]` of a bell-shaped distribution around 0 with deviation 1.
    static func bell(rows: Int, columns: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed, stream: 0)
        return (0..<(rows * columns)).map { _ in
            (0..<12).reduce(Float(-6)) { sum, _ in sum + generator.unit() }
        }
    }

    /// A forest of few trees over `bell`.
    static func forest(
        rows: Int = 300, columns: Int = 5, seed: UInt64 = 1, trees: Int = 20,
        references: Int = 0
    ) throws -> IsolationForest {
        var options = IsolationForest.Options(seed: seed)
        options.treeCount = trees
        options.referenceCount = references
        return try IsolationForest(
            rows: bell(rows: rows, columns: columns, seed: 99), columnCount: columns,
            options: options)
    }
}
