/// The risk of a workload on one day, as it is kept.
public struct RiskDay: Sendable, Equatable {
    /// Days since 1970, UTC.
    public var day: Int
    /// The day's highest score.
    public var score: Double
    /// The day's greatest number of new outside peers.
    public var newOutsidePeers: Int
    /// The day's greatest number of incidents with anomalous windows on that day.
    public var incidents: Int
    /// The day's last number of findings of high or critical severity; nil: unknown.
    public var findings: Int?
    /// The same of vulnerabilities: critical ones and those that are known to be exploited.
    public var vulnerabilities: Int?

    public init(day: Int, score: Double) {
        self.day = day
        self.score = score
        newOutsidePeers = 0
        incidents = 0
    }

    /// - Parameter secondOfDay: how much of the day is over.
    public init(day: Int, secondOfDay: Int, _ factors: RiskFactors, _ score: RiskScore) {
        self.init(day: day, score: score.value)
        newOutsidePeers = factors.newOutsidePeers
        let share = Double(secondOfDay) / 86_400
        incidents = factors.incidents.count {
            $0.judgement != .dismissed && $0.ageDays <= share
        }
        findings = factors.posture.map { $0.critical + $0.high }
        vulnerabilities = factors.vulnerability.map { $0.critical + $0.exploited }
    }

    /// The same day, seen later: the highest counts of both, and the later settings.
    public func merged(with later: Self) -> Self {
        var all = later
        all.score = max(score, later.score)
        all.newOutsidePeers = max(newOutsidePeers, later.newOutsidePeers)
        all.incidents = max(incidents, later.incidents)
        all.findings = later.findings ?? findings
        all.vulnerabilities = later.vulnerabilities ?? vulnerabilities
        return all
    }
}

/// How the risk of a workload changes over days.
public struct RiskTrend: Sendable, Equatable {
    public enum Direction: String, Sendable, CaseIterable {
        case rising, steady, falling
        /// There are fewer than three earlier days of the last seven to compare with.
        case unknown
    }

    /// A change of fewer points than this is none.
    static let threshold = 5.0

    public var direction: Direction
    /// What drives it, in words: `rising: new outside peers 3 days in a row`.
    public var text: String
    /// Nil: too few days are known.
    public var forecast: RiskForecast?
    /// Scores of the days until today, the latest last; nil: none is known.
    public var scores: [Double?]

    /// The days of `scores`, as many as the forecast uses.
    public static let days = RiskForecast.window

    /// - Parameters:
    ///   - history: days in any order, each once; those after today are left out.
    ///   - today: in days since 1970.
    public init(_ history: [RiskDay], today: Int) {
        var known: [Int: RiskDay] = [:]
        for day in history where day.day <= today && day.day > today - Self.days {
            known[day.day] = day
        }
        scores = (0..<Self.days).map { known[today - Self.days + 1 + $0]?.score }
        forecast = RiskForecast(scores)
        let before = (1...7).compactMap { known[today - $0]?.score }.sorted()
        guard let now = known[today]?.score, before.count >= 3 else {
            direction = .unknown
            text = "too few days are known"
            return
        }
        let usual = before[before.count / 2]
        let change = now - usual
        direction =
            change >= Self.threshold ? .rising : change <= -Self.threshold ? .falling : .steady
        var words = Self.drivers(known, today)
        if words.isEmpty, direction != .steady {
            words = ["\(Int(now.rounded())) instead of \(Int(usual.rounded())) in the last 7 days"]
        }
        text = direction.rawValue + (words.isEmpty ? "" : ": " + words.joined(separator: "; "))
    }

    /// What happened on several days in a row, or has become more.
    private static func drivers(_ days: [Int: RiskDay], _ today: Int) -> [String] {
        func row(_ count: (RiskDay) -> Int) -> Int {
            // A day that has only begun does not end a row.
            let begin = (days[today].map(count) ?? 0) > 0 ? today : today - 1
            var length = 0
            while let day = days[begin - length], count(day) > 0 { length += 1 }
            return length
        }
        var words: [String] = []
        for (name, count) in [
            ("new outside peers", \RiskDay.newOutsidePeers), ("incidents", \.incidents),
        ] {
            let length = row { $0[keyPath: count] }
            if length >= 2 {
                words.append("\(name) \(length) days in a row")
            } else if length == 1, days[today].map({ $0[keyPath: count] > 0 }) ?? false {
                words.append("\(name) today")
            }
        }
        let past = days.keys.filter { (today - 7..<today).contains($0) }.min()
        for (name, count) in [
            ("severe findings", \RiskDay.findings), ("severe vulnerabilities", \.vulnerabilities),
        ] {
            guard let past, let before = days[past]?[keyPath: count],
                let now = days[today]?[keyPath: count], now != before
            else { continue }
            words.append("\(name) from \(before) to \(now)")
        }
        return words
    }
}
