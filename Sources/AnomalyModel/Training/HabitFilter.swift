import AttackPatterns
package import FeatureExtraction
import NetworkAddresses

/// The steady traffic that each host had from the start of learning.
///
/// Many connections to shells look like password guessing, many datagrams like a flood, and a
/// steady upload like exfiltration. A host that does so throughout the first third of the time,
/// starting in its first tenth, is taken to work like that. An attack that starts later stands out
/// against that rate. Scans, spoofing, SYN floods, tunnels and passwords that are refused never
/// count as a habit.
package struct HabitFilter {
    private struct Habit {
        var firstSecond: Int
        var windows = 0
        /// The sum of each pattern's measure per second.
        var rates: [Pattern: Float] = [:]
    }

    private static let shapes: Set<Pattern> = [.guessing, .packetFlood, .exfiltration]
    /// The least share of the first third that a host's windows must fill.
    private static let leastShare = 0.7
    /// The greatest usual rate, in multiples of the mean.
    private static let mostOfMean: Float = 2

    /// The number of habits: an attacker can forge any number of addresses. Others have none.
    private static let habitLimit = 65_536

    private var first: Int
    private var tenth: Int
    private var third: Int
    private var habits: [IPAddress: Habit] = [:]

    /// - Parameters:
    ///   - started: the start of learning, in seconds since 1970.
    ///   - seconds: the duration of learning.
    package init(started: Int, seconds: Int) {
        first = started
        tenth = started + max(2, seconds / 10)
        third = started + seconds / 3
    }

    /// Shifts all times after the clock was set.
    package mutating func clockStepped(by seconds: Int) {
        first += seconds
        tenth += seconds
        third += seconds
        for subject in habits.keys { habits[subject]?.firstSecond += seconds }
    }

    /// Adds a window; windows come in order of time.
    package mutating func observe(_ window: Window) {
        guard window.scale == .short, window.endSecond < third else { return }
        let known = habits[window.subject]
        guard known != nil || habits.count < Self.habitLimit else { return }
        var habit = known ?? Habit(firstSecond: window.endSecond)
        guard habit.firstSecond <= tenth else { return }
        habit.windows += 1
        for shape in Self.shapes { habit.rates[shape, default: 0] += Self.rate(window, shape) }
        habits[window.subject] = habit
    }

    /// Whether the first third is over, so the habits are known.
    func isSettled(at second: Int) -> Bool { second >= third }

    /// Whether the subject's rate of this pattern is usual for it.
    func isUsual(_ window: Window, _ pattern: Pattern) -> Bool {
        // Passwords that are refused are no habit.
        guard Self.shapes.contains(pattern),
            pattern != .guessing || Float(window.refusedLogins) * 2 < window[.failedLogins],
            let habit = habits[window.subject],
            Double(habit.windows) >= Self.leastShare * Double(third - first)
        else { return false }
        let mean = habit.rates[pattern, default: 0] / Float(habit.windows)
        return Self.rate(window, pattern) <= mean * Self.mostOfMean
    }

    private static func rate(_ window: Window, _ shape: Pattern) -> Float {
        window[shape.measure] / Float(max(1, min(window.scale.seconds, window.ageSeconds)))
    }
}
