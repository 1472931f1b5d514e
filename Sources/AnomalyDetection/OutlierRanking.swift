import AnomalyModel
public import AttackPatterns
import BaselineGraph
public import FeatureExtraction
import IsolationForest
public import NetworkAddresses
public import Workloads

/// Ranks the addresses of a capture against each other, where there is no baseline.
///
/// No traffic is known to be clean, so a forest is fitted on the capture itself. In addition,
/// patterns that need no baseline detect scans, floods, password guessing and tunnels. There are
/// two passes: `collect` every window and `fit`, then `rank` every window.
public struct OutlierRanking: Sendable {
    /// One address with its most anomalous window.
    public struct Entry: Sendable {
        public var subject: IPAddress
        public var workload: String
        /// The forest's score of the window, 0...1.
        public var score: Float
        public var pattern: Pattern?
        /// The strength in multiples of the pattern's least amount; 0 without a pattern.
        public var strength: Float
        /// Which way the answers lean where its window lies, −1 (benign) to 1 (malicious).
        public internal(set) var lean: Float = 0
        /// What the window and the reasons rest on.
        fileprivate var ranked: RankedWindow

        /// The window, with the contact that the pattern is about.
        public var window: Window { pattern?.shown(ranked.window) ?? ranked.window }

        /// The anomalous features; the clean values are those of the whole capture.
        ///
        /// - Complexity: that of an attribution by the forest, for each call.
        public var reasons: [Verdict.Reason] { ranked.reasons }

        /// Orders the entries that have a pattern, and those that have none: by the pattern's
        /// strength, the score, and what answers add.
        public var rank: Float {
            Self.shape(strength) + score + ForestLeans.weight * lean
        }

        /// Whether it has a pattern: then it comes before those without, whatever the answers.
        var hasPattern: Bool { strength >= 1 }

        /// What a pattern of this strength adds to the score.
        static func shape(_ strength: Float) -> Float {
            strength >= 1 ? 1 + Float(strength.exponent) * 0.25 + strength.significand * 0.1 : 0
        }
    }

    /// The most that answers add to a score, or take from it.
    public static var mostByAnswers: Float { ForestLeans.weight }

    private var trainer: Trainer
    /// What windows are compared with, by scale; empty before `fit`.
    private var standards: [Standard] = []
    private let identities: IdentityMap
    private var best: [IPAddress: Entry] = [:]
    /// What each of them has to be compared with: an entry is large.
    private var standings: [IPAddress: Standing] = [:]

    private struct Standard: Sendable {
        var node: GroupBaseline
        var forest: IsolationForest
    }

    private struct Standing {
        var strength: Float
        var rank: Float
    }

    /// Addresses that are kept, the most anomalous; a capture of forged ones may have millions.
    private let entryLimit: Int
    /// Whether addresses were left out.
    public private(set) var isCut = false

    /// - Parameter entryLimit: the number of addresses that are kept; up to twice as many
    ///   meanwhile, 1.5 KB each.
    public init(inventory: Inventory, seed: UInt64, entryLimit: Int = 65_536) {
        self.entryLimit = entryLimit
        // A ranking reads neither p-values nor thresholds.
        trainer = Trainer(
            inventory: inventory, seed: seed, learnsTime: false, setsAside: false,
            calibrates: false)
        identities = IdentityMap(inventory: inventory)
    }

    /// The number of threads that fit and score; the ranking does not depend on it.
    public var threadCount: Int {
        get { trainer.threadCount }
        set { trainer.threadCount = newValue }
    }

    /// First pass.
    public mutating func collect(_ window: Window) { trainer.observe(window) }

    /// Fits the forest; returns false if no flow was opened, so there is nothing to rank.
    public mutating func fit() -> Bool {
        let model = try? trainer.finish(
            graph: CommunicationGraph(), provenance: Model.Provenance())
        // A model has a baseline of the whole node for each scale.
        standards =
            model?.scales.map {
                Standard(node: $0.baseline.groups[ScaleBaseline.node]!, forest: $0.forest)
            } ?? []
        return !standards.isEmpty
    }

    /// Second pass, before `answer`: ranks the next windows. The forest scores many at once faster.
    ///
    /// - Returns: the score of each window compared with all others; none before `fit`.
    @discardableResult
    public mutating func rank(_ windows: [Window]) -> [Float] {
        guard !standards.isEmpty else { return [] }
        let standards = standards
        let size = Self.scoredAtOnce
        let parts = (windows.count + size - 1) / size
        let scored = ForkJoin.map(parts, threads: threadCount) { part in
            Scored(windows[part * size..<min((part + 1) * size, windows.count)], standards)
        }
        for (part, scored) in scored.enumerated() {
            for place in scored.scores.indices { take(windows[part * size + place], scored, place) }
        }
        return scored.flatMap(\.scores)
    }

    /// The number of windows that a thread scores together.
    private static let scoredAtOnce = 1024

    /// Some windows, scored.
    private struct Scored: Sendable {
        /// By window.
        private(set) var scores: [Float] = []
        private(set) var patterns: [(pattern: Pattern, strength: Float)?] = []
        /// By scale, row after row; and by window, the place of its row among them.
        private var rows: [[Float]]
        private var places: [Int] = []

        init(_ windows: ArraySlice<Window>, _ standards: [Standard]) {
            let nodes = standards.map(\.node)
            rows = nodes.map { _ in [] }
            for window in windows {
                let scale = window.scale.rawValue
                let values = RelativeVector.transformed(
                    window.values, seconds: window.scale.seconds)
                places.append(rows[scale].count / Feature.count)
                RelativeVector.append(values.span, relativeTo: nodes[scale], to: &rows[scale])
                patterns.append(Pattern.ranked(window))
            }
            let byScale = zip(standards, rows).map { $0.forest.scores(rows: $1) }
            scores = zip(windows, places).map { byScale[$0.scale.rawValue][$1] }
        }

        /// The row of a window.
        func row(_ place: Int, _ scale: Scale) -> [Float] {
            let start = places[place] * Feature.count
            return Array(rows[scale.rawValue][start..<start + Feature.count])
        }
    }

    private mutating func take(_ window: Window, _ scored: Scored, _ place: Int) {
        let (found, score) = (scored.patterns[place], scored.scores[place])
        let before = standings[window.subject]
        let strength = found?.strength ?? 0
        // A weaker pattern than an earlier one counts less, whatever its score.
        if let before, before.strength >= 1, strength < before.strength { return }
        let rank = Entry.shape(strength) + score
        guard before.map({ rank > $0.rank }) ?? true else { return }
        let standard = standards[window.scale.rawValue]
        best[window.subject] = Entry(
            subject: window.subject,
            workload: (window.identity ?? identities.identity(of: window.subject)).name,
            score: score, pattern: found?.pattern, strength: strength,
            ranked: RankedWindow(
                window: window, row: scored.row(place, window.scale), node: standard.node,
                forest: standard.forest, pattern: found?.pattern))
        standings[window.subject] = Standing(strength: strength, rank: rank)
        guard best.count > 2 * entryLimit else { return }
        isCut = true
        best = Dictionary(
            uniqueKeysWithValues: entries.prefix(entryLimit).map { ($0.subject, $0) })
        standings = standings.filter { best[$0.key] != nil }
    }

    /// All addresses, most anomalous first.
    public var entries: [Entry] {
        best.values.sorted {
            ($1.hasPattern ? 1 : 0, $1.rank, $0.subject)
                < ($0.hasPattern ? 1 : 0, $0.rank, $1.subject)
        }
    }

    /// Orders the entries by answers to some of them, too: those that are like the malicious ones
    /// move up, and those that are like the benign ones down, by no more than `ForestLeans.weight`.
    /// It replaces earlier answers.
    ///
    /// - Parameter judge: whether an entry is malicious; nil: nothing is said of it.
    /// - Returns: the number of entries that were answered.
    @discardableResult
    public mutating func answer(_ judge: (Entry) -> Bool?) -> Int {
        // Sums of numbers depend on their order.
        let answers = best.sorted { $0.key < $1.key }.compactMap { _, entry in
            judge(entry).map { ForestLeans.Answer(row: entry.ranked.row, isAnomaly: $0) }
        }
        let leans = standards.map { ForestLeans(answers, of: $0.forest) }
        for (subject, entry) in best {
            let scale = entry.ranked.window.scale.rawValue
            best[subject]?.lean = leans[scale].lean(
                of: entry.ranked.row, in: standards[scale].forest)
        }
        return answers.count
    }
}

extension OutlierRanking.Entry {
    /// The amounts in its window that are not 0, in the order of the features.
    public var amounts: [(name: String, value: Float)] {
        let window = window
        return FeatureSchema.table.compactMap { row in
            let value = window[row.feature]
            return value == 0 ? nil : (row.name, value)
        }
    }
}

/// A window with what it was compared with: all others of its capture.
struct RankedWindow: Sendable {
    @Boxed var window: Window
    /// `[Feature.count]`, as the forest scored it.
    var row: [Float]
    var node: GroupBaseline
    var forest: IsolationForest
    var pattern: Pattern?

    /// The pattern's rule or the value that triggered it, and the features with the greatest
    /// weight.
    var reasons: [Verdict.Reason] {
        var shares = [Float](repeating: 0, count: Feature.count)
        forest.attribute(row, to: &shares)
        let order = Feature.allCases.filter { row[$0.rawValue] > 0.5 && window[$0] > 0 }
            .sorted { shares[$0.rawValue] > shares[$1.rawValue] }
        if let pattern, let text = pattern.ruleText(of: window) {
            return [pattern.ruleReason(text, window, node)]
                + order.prefix(3).map { reason($0, shares) }
        }
        var shown = Array(order.prefix(3))
        if let trigger = pattern?.trigger(in: window) {
            shown.removeAll { $0 == trigger }
            shown = [trigger] + shown.prefix(2)
        }
        return shown.map { reason($0, shares) }
    }

    private func reason(_ feature: Feature, _ shares: [Float]) -> Verdict.Reason {
        let description = FeatureSchema.description(of: feature)
        let seconds = window.scale.seconds
        func raw(_ values: [Float]) -> Float {
            description.raw(values[feature.rawValue], seconds: seconds)
        }
        let median = raw(node.median)
        return Verdict.Reason(
            feature: feature, value: window[feature], baselineMedian: median,
            baselineP99: raw(node.p99), baselineLargest: raw(node.largest),
            share: shares[feature.rawValue],
            text: Explanation.amount(window[feature], description, window)
                + " \(description.counts) in \(seconds) s (median of all "
                + "\(Explanation.number(median, description)))")
    }
}
