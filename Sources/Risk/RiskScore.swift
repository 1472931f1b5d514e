internal import Glibc

/// What a cause contributes to a workload's score, in words, and what to do about it.
public struct RiskPart: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case anomaly, indicators, runtime, vulnerability, posture, exposure
    }

    public var kind: Kind
    /// Its points of the score; those of all parts add up to the score.
    public var points: Double
    /// The points that it can have at most, if it is alone.
    public var most: Double
    /// Whether nobody has looked, so that the points are an assumption.
    public var isUnknown: Bool
    /// What was found, in a sentence.
    public var text: String
    /// What to do about it; nil: nothing.
    public var action: String?

    public init(
        kind: Kind, points: Double, most: Double, isUnknown: Bool, text: String, action: String?
    ) {
        self.kind = kind
        self.points = points
        self.most = most
        self.isUnknown = isUnknown
        self.text = text
        self.action = action
    }
}

/// How risky a workload is.
public struct RiskScore: Sendable, Equatable {
    public enum Band: String, Sendable, CaseIterable {
        case low, moderate, high, critical

        /// The least score of the band.
        public var least: Double {
            switch self {
            case .low: 0
            case .moderate: 20
            case .high: 40
            case .critical: 70
            }
        }
    }

    public var workload: String
    /// 0...100.
    public var value: Double
    /// One of each kind, the one with the most points first.
    public var parts: [RiskPart]

    /// The score of what is known of a workload.
    public init(_ factors: RiskFactors) {
        let shares = RiskFormula.shares(factors).map { part in
            (part.kind, (RiskFormula.weights[part.kind] ?? 0) * part.share)
        }
        // In logarithms the parts add up, so each has its share of them.
        let logarithms = shares.map { -log1p(-$0.1) }
        let sum = logarithms.reduce(0, +)
        let value = 100 * -expm1(-sum)
        workload = factors.workload
        self.value = value
        parts = zip(shares, logarithms).map { share, logarithm in
            let kind = share.0
            return RiskPart(
                kind: kind, points: sum > 0 ? value * logarithm / sum : 0,
                most: 100 * (RiskFormula.weights[kind] ?? 0),
                isUnknown: factors.isUnknown(kind), text: factors.text(of: kind),
                action: factors.action(against: kind))
        }.enumerated().sorted { ($1.element.points, $0.offset) < ($0.element.points, $1.offset) }
            .map(\.element)
    }

    public var band: Band { Band.allCases.last { value >= $0.least } ?? .low }

    /// The part with the most points.
    public var main: RiskPart? { parts.first }

    /// The first thing to do: that of the part with the most points that has one.
    public var action: String? { parts.lazy.filter { $0.points > 0 }.compactMap(\.action).first }

    /// Orders the riskiest first; equal ones by name.
    public static func isBefore(_ one: Self, _ other: Self) -> Bool {
        (other.value, one.workload) < (one.value, other.workload)
    }
}
