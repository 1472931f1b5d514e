import FeatureExtraction
import NetworkAddresses

/// The largest value of a column, and the largest one outside its episode: the windows of the same
/// address near in time, which share its packets.
struct Peak: Sendable {
    private(set) var value = -Float.infinity
    /// The address whose window it is, as a digest, and the window's end.
    private(set) var subject: UInt32 = 0
    private(set) var second: Int32 = 0
    /// The largest value of all other episodes; −∞ if there is none.
    private(set) var runnerUp = -Float.infinity

    /// Seconds between the ends of windows, beyond their length, within which they are of one
    /// episode.
    private static let marginSeconds = 60

    /// The distance of the windows of one episode.
    static func reach(_ scale: Scale) -> Int32 { Int32(scale.seconds + marginSeconds) }

    /// Addresses with the same digest count as one, which leaves less out.
    static func digest(of address: IPAddress) -> UInt32 {
        var generator = SplitMix64(seed: address.high ^ address.low &* 0x9E37_79B9_7F4A_7C15)
        return UInt32(truncatingIfNeeded: generator.next())
    }

    /// Adds a value. Where episodes cannot be told apart, it counts as another one.
    @inline(__always)
    mutating func add(_ value: Float, _ subject: UInt32, _ second: Int32, reach: Int32) {
        // Nothing changes for most windows.
        guard value > runnerUp else { return }
        insert(value, subject, second, reach)
    }

    /// Adds a row of values to the peaks of their columns.
    static func add(
        _ row: Span<Float>, _ subject: UInt32, _ second: Int32, reach: Int32,
        to peaks: inout [Peak]
    ) {
        for column in peaks.indices {
            peaks[column].add(row[column], subject, second, reach: reach)
        }
    }

    private mutating func insert(
        _ value: Float, _ subject: UInt32, _ second: Int32, _ reach: Int32
    ) {
        let isSame = subject == self.subject && abs(Int(second) - Int(self.second)) <= reach
        if value > self.value {
            if !isSame { runnerUp = max(runnerUp, self.value) }
            self.value = value
            self.subject = subject
            self.second = second
        } else if !isSame {
            runnerUp = max(runnerUp, value)
        }
    }

    /// Adds what another one was added.
    mutating func add(_ other: Peak, reach: Int32) {
        runnerUp = max(runnerUp, min(other.runnerUp, max(value, other.value)))
        if other.value.isFinite { insert(other.value, other.subject, other.second, reach) }
    }
}
