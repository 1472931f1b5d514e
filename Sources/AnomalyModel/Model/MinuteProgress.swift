import FeatureExtraction

/// Finds the windows of 60 s that follow each other without overlap.
package struct MinuteProgress: Sendable {
    private var start: Int
    private var last: Int

    private static let bucket = Scale.medium.bucketSeconds
    private static let length = Scale.medium.seconds

    /// - Parameter second: the end of the first window.
    package init(second: Int) {
        start = second - Self.bucket + 1
        last = second
    }

    /// Whether the window that ends with `second` closes a minute, which then ends. After a minute
    /// without windows, or if the clock was set back, a new one starts.
    package mutating func closes(at second: Int) -> Bool {
        if second - last > Self.length || second < last {
            start = second - Self.bucket + 1
        }
        last = second
        guard second - start >= Self.length - Self.bucket else { return false }
        start = second + 1
        return true
    }
}
