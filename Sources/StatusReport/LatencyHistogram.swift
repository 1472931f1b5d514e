/// A histogram of times: each bucket counts the times up to its bound and above the previous one.
public struct LatencyHistogram: Codable, Sendable, Equatable {
    /// Upper bounds in seconds; one more bucket counts the times above the last.
    public static let bounds = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30]

    public private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    public private(set) var sum = 0.0

    public init() {}

    public var count: UInt64 { counts.reduce(0, &+) }

    package mutating func add(_ seconds: Double) {
        let seconds = max(0, seconds)
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] &+= 1
        sum += seconds
    }
}
