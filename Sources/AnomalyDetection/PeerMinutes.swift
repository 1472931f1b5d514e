import NetworkAddresses

/// The scores of the last hour's minutes, by group: what other members of a group do at the same
/// time.
///
/// If a whole group is busier than in the training, a high score is no evidence against one member.
/// Only the minutes of others count, so a host cannot make its own minutes ordinary.
struct PeerMinutes: Sendable {
    private static let seconds = 3600
    /// Minutes of others that are needed.
    private static let leastOthers = 20
    /// The greatest number of minutes of a group, 32 bytes each; the oldest are forgotten.
    static let limit = 2048

    private struct Minute {
        var subject: IPAddress
        var second: Int
        var score: Float
    }

    private var groups: [String: [Minute]] = [:]

    /// Adds a minute.
    ///
    /// - Returns: the share of other members' minutes with at least this score, less one standard
    ///   deviation, since a few may do so by chance; 0 if there are too few.
    mutating func add(_ subject: IPAddress, second: Int, score: Float, to group: String) -> Double {
        // After the clock was set back, the minutes before are of no use.
        if let last = groups[group]?.last, last.second > second + Self.seconds {
            groups[group] = nil
        }
        let minute = Minute(subject: subject, second: second, score: score)
        return Self.add(minute, to: &groups[group, default: []])
    }

    private static func add(_ minute: Minute, to minutes: inout [Minute]) -> Double {
        var old = max(0, minutes.count - limit + 1)
        while old < minutes.count, minutes[old].second < minute.second - seconds { old += 1 }
        if old > 0 { minutes.removeFirst(old) }
        var others = 0
        var above = 0
        if minute.score > 0 {
            for other in minutes where other.subject != minute.subject {
                others += 1
                above += other.score >= minute.score ? 1 : 0
            }
        }
        minutes.append(minute)
        let surplus = Double(above) - Double(above).squareRoot()
        return others < leastOthers ? 0 : surplus / Double(others)
    }
}
