package import FeatureExtraction
import NetworkAddresses

/// What everybody did evenly from the start of learning on.
///
/// Many short calls look like guessing, many datagrams like a flood and a steady upload like data
/// leaving: whoever does so in the first third of the time, and from its first tenth, works like
/// that. An attack that comes in between stands out against it. Scans, spoofing, SYN floods and
/// tunnels are nobody's habit.
package struct HabitFilter {
    private struct Habit {
        var firstSecond: Int
        var windows = 0
        /// Of each shape's measure, a second.
        var rates: [Pattern: Float] = [:]
    }

    private static let shapes: Set<Pattern> = [.guessing, .packetFlood, .exfiltration]
    /// Whose windows fill less of the first third has no habit.
    private static let leastShare = 0.7
    /// A habit has its ups and downs.
    private static let mostOfMean: Float = 2

    private var first: Int
    private var tenth: Int
    private var third: Int
    private var habits: [IPAddress: Habit] = [:]

    /// - Parameters:
    ///   - started: second since 1970.
    ///   - seconds: how long is learnt.
    package init(started: Int, seconds: Int) {
        first = started
        tenth = started + max(2, seconds / 10)
        third = started + seconds / 3
    }

    /// Goes on after the clock was set.
    package mutating func clockStepped(by seconds: Int) {
        first += seconds
        tenth += seconds
        third += seconds
        for subject in habits.keys { habits[subject]?.firstSecond += seconds }
    }

    /// Takes in a window, in its time.
    package mutating func observe(_ window: Window) {
        guard window.scale == .short, window.endSecond < third else { return }
        var habit = habits[window.subject] ?? Habit(firstSecond: window.endSecond)
        guard habit.firstSecond <= tenth else { return }
        habit.windows += 1
        for shape in Self.shapes { habit.rates[shape, default: 0] += Self.rate(window, shape) }
        habits[window.subject] = habit
    }

    /// Whether the first third is over, so that habits are known.
    package func isSettled(at second: Int) -> Bool { second >= third }

    /// Whether the subject always did as much of this.
    package func isUsual(_ window: Window, _ pattern: Pattern) -> Bool {
        guard Self.shapes.contains(pattern), let habit = habits[window.subject],
            Double(habit.windows) >= Self.leastShare * Double(third - first)
        else { return false }
        let mean = habit.rates[pattern, default: 0] / Float(habit.windows)
        return Self.rate(window, pattern) <= mean * Self.mostOfMean
    }

    private static func rate(_ window: Window, _ shape: Pattern) -> Float {
        window[shape.measure] / Float(max(1, min(window.scale.seconds, window.ageSeconds)))
    }
}
