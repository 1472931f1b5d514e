package import IsolationForest

/// A forest that all who score with it share: a copy is one reference, and not one for each of its
/// arrays.
package final class SharedForest: Sendable, Equatable {
    package let value: IsolationForest

    package init(_ forest: IsolationForest) { value = forest }

    package static func == (one: SharedForest, other: SharedForest) -> Bool {
        one === other || one.value == other.value
    }

    /// The insertion-aware score of a row, 0...1.
    package func score(_ row: [Float]) -> Float { value.score(row.span) }

    /// Computes which columns make a row anomalous; see `IsolationForest.attribute`.
    package func attribute(_ row: [Float], to shares: inout [Float]) {
        value.attribute(row, to: &shares)
    }

    /// The same with the score.
    package func attribute(_ row: [Float], into shares: inout [Float]) -> Float {
        value.attribute(row, into: &shares)
    }
}
