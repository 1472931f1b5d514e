import FeatureExtraction
package import IsolationForest
package import Workloads

#if canImport(Glibc)
    import Glibc
#endif

/// The clean minutes of one workload, image or the whole node.
///
/// Medians and percentiles, not largest values: one anomalous minute in the training moves
/// neither.
public struct MinuteGroup: Sendable, Equatable {
    /// The number of clean minutes, each of one address.
    public internal(set) var minuteCount: Int
    /// The transformed values by column: the median, and the value that 95 % of the minutes do
    /// not exceed.
    public internal(set) var median: [Float]
    public internal(set) var upper: [Float]
    /// Scores of the minutes in rising order, each by a forest that did not see it; thinned to at
    /// most `keptLimit`.
    package var scores: [Float]
    /// The number of scores before thinning.
    var scoreCount: Int
    /// The share of the high scores that do not directly follow another high one of the same
    /// address (the extremal index): 1 if minutes are independent, 0.2 if high scores come five at
    /// a time.
    var independence: Double

    static let keptLimit = 4096
    /// Values of a row are limited to this.
    static let bound: Float = 11
    /// The share of a feature's step that is added to the width of its range.
    private static let marginShare: Float = 1 / 6
    /// The same for packets and bytes, which vary most between busy and calm hours.
    private static let volumeMarginShare: Float = 1 / 2

    /// Demand below this, in the feature's scale, is not compared.
    private static let demandMargin: Float = 0.1

    /// How far each value of a minute lies beyond `upper`, in widths of the range between median
    /// and `upper`; 0 within it. Counts that grow with demand are divided by its growth: a relay
    /// that serves twice as much may send twice as much.
    ///
    /// - Parameter allowed: values up to these are within the range.
    package func row(_ values: [Float], allowed: [Float]? = nil) -> [Float] {
        var row = values
        let served = Feature.served.rawValue
        let growth = max(
            1,
            (expm1f(values[served]) + Self.demandMargin)
                / (expm1f(median[served]) + Self.demandMargin))
        let measures = FeatureSchema.measures
        for column in measures.indices {
            // A value up to `upper` is within the range, however demand has grown.
            guard column != served, values[column] > upper[column],
                values[column] > allowed?[column] ?? -.infinity,
                let feature = Feature(rawValue: column)
            else {
                row[column] = 0
                continue
            }
            let margin =
                measures[column].resolution
                * (feature.isTraffic ? Self.volumeMarginShare : Self.marginShare)
            let value =
                feature.growsWithDemand ? log1pf(expm1f(values[column]) / growth) : values[column]
            let distance = value - median[column]
            let beyond = distance / (upper[column] - median[column] + margin) - 1
            row[column] = min(max(beyond, 0), Self.bound)
        }
        return row
    }

    /// A conformal p-value: the probability that a clean minute scores as high.
    package func pValue(_ score: Float) -> Double {
        let kept = scores.count - scores.partitioningIndex { $0 >= score }
        let above = Double(kept) * Double(scoreCount) / Double(max(scores.count, 1))
        return (1 + independence * above) / (1 + independence * Double(scoreCount))
    }

    /// The score from which the p-value is at most `chance`.
    package func score(atChance chance: Double) -> Float {
        guard !scores.isEmpty else { return 0 }
        return scores[min(scores.count - 1, Int(Double(scores.count) * (1 - chance)))]
    }
}

extension Feature {
    /// Whether a minute's value is divided by the growth of demand. A relay of mail, for example,
    /// also meets more peers and names, and sends more outside.
    fileprivate var growsWithDemand: Bool {
        switch self {
        case .bytesOutside, .dnsNewNames, .newOutsidePeers, .peers: true
        default: followsDemand
        }
    }

    /// Whether it measures traffic on connections that may be old.
    fileprivate var isTraffic: Bool {
        switch self {
        case .packetsOut, .bytesOut, .bytesIn: true
        default: false
        }
    }
}

/// What clean minutes look like, for evidence that builds up over many of them.
public struct MinuteModel: Sendable, Equatable {
    /// The number of clean minutes that a group needs before it is used.
    public static let leastMinutes = 12
    /// The share of the false-alarm budget that is for evidence over minutes.
    static let budgetShare = 0.5
    /// The lowest line, for a budget that is larger than the number of minutes.
    private static let lowestLine = 20.0

    public internal(set) var groups: [String: MinuteGroup]
    /// Minutes of active addresses in a day, outside ones too: the line is on the safe side.
    public internal(set) var minutesPerDay: Double
    package var forest: IsolationForest

    /// Whether the minutes of an identity are judged. Those of an outside address that the training
    /// has not seen need not be like those of others. In training they count, which raises the
    /// line.
    package static func covers(_ identity: Identity) -> Bool { identity.place != .outside }

    /// The group of an identity, or of its image, if it has enough minutes. Those of a network or
    /// of the node are of other workloads: what is ordinary for this one may be rare among them.
    package func group(of identity: Identity) -> (name: String, group: MinuteGroup)? {
        for name in Self.groupNames(of: identity) {
            guard let group = groups[name], group.scoreCount >= Self.leastMinutes else { continue }
            return (name, group)
        }
        return nil
    }

    /// The groups with which an identity may be compared, the narrowest first.
    static func groupNames(of identity: Identity) -> [String] {
        [identity.name] + (identity.image.map { ["image \($0)"] } ?? [])
    }

    /// The evidence from which an alert is raised: a factor by which the minutes are less likely
    /// for a clean workload than for an attacker.
    ///
    /// The expected number of crossings in n clean minutes is at most n divided by it.
    public func line(falseAlarmsPerDay perDay: Double) -> Double {
        max(minutesPerDay / max(perDay * Self.budgetShare, 1e-9), Self.lowestLine)
    }
}
