public import BaselineGraph
public import FeatureExtraction
import IsolationForest
import NetworkAddresses
public import Workloads

/// Collects clean windows and trains a model on them: the second of the two passes of training.
public struct Trainer: Sendable {
    /// The greatest number of windows kept for one scale; beyond it, a seeded reservoir sample is
    /// kept, and the largest values of all others.
    public static let rowLimit = 60_000
    /// The number of folds of time for cross-fitting: each is scored by a forest that did not see
    /// it.
    static let foldCount = 4

    /// The upper limit of the threshold, however heavy the tail of a short training appears: a
    /// window with such a score is always anomalous.
    static let highestThreshold: Float = 0.75

    struct Row: Sendable {
        package var values: [Float]
        package var identity: Int32
        package var second: Int32
    }

    private let identities: IdentityMap
    private let seed: UInt64
    private var known: [Identity] = []
    private var indexOf: [IPAddress: Int32] = [:]
    private var indexOfIdentity: [Identity: Int32] = [:]
    private var rows: [[Row]] = [[], [], []]
    private var seen = [0, 0, 0]
    private var learnedSeconds = [0, 0, 0]
    /// The largest values of the windows that are not in the sample, by scale and identity.
    private var leftOut: [[Int32: [Float]]] = [[:], [:], [:]]
    /// Nil if evidence over minutes is not learned.
    private var minutes: MinuteTrainer?
    /// The same for times of the day.
    private var times: TimeTrainer?
    private var baseSecond: Int?
    private var lastSecond = 0

    /// - Parameter learnsTime: whether the model can accumulate evidence over minutes, and compare
    ///   times of the day.
    public init(inventory: Inventory, seed: UInt64, learnsTime: Bool = true) {
        identities = IdentityMap(inventory: inventory)
        self.seed = seed
        minutes = learnsTime ? MinuteTrainer() : nil
        times = learnsTime ? TimeTrainer() : nil
    }

    /// The number of workloads and unnamed addresses seen.
    public var workloadCount: Int { known.count }

    /// Adds one clean window.
    public mutating func observe(_ window: Window) {
        let base = baseSecond ?? window.endSecond
        baseSecond = base
        lastSecond = window.endSecond
        let scale = window.scale.rawValue
        let row = Row(
            values: RelativeVector.transformed(window.values, seconds: window.scale.seconds),
            identity: index(of: window),
            second: Int32(clamping: window.endSecond - base))
        if window.scale == .medium {
            minutes?.observe(
                window, row.values, identity: row.identity, second: window.endSecond - base)
        }
        if window.scale == .long {
            times?.observe(window, row.values, identity: row.identity)
        }
        seen[scale] += 1
        learnedSeconds[scale] = max(learnedSeconds[scale], window.coveredSeconds)
        if rows[scale].count < Self.rowLimit {
            rows[scale].append(row)
        } else {
            var generator = SplitMix64(seed: seed ^ UInt64(seen[scale]) &* 0x9E37_79B9_7F4A_7C15)
            let at = Int(generator.next() % UInt64(seen[scale]))
            var rest = row
            if at < Self.rowLimit { swap(&rows[scale][at], &rest) }
            noteLeftOut(rest, scale)
        }
    }

    private mutating func noteLeftOut(_ row: Row, _ scale: Int) {
        leftOut[scale][row.identity, default: row.values].raise(to: row.values)
    }

    private mutating func index(of window: Window) -> Int32 {
        let address = window.subject
        if let identity = window.identity {
            if let index = indexOf[address], known[Int(index)] == identity { return index }
            return remember(identity, of: address)
        }
        return indexOf[address] ?? remember(identities.identity(of: address), of: address)
    }

    private mutating func remember(_ identity: Identity, of address: IPAddress) -> Int32 {
        let index = indexOfIdentity[identity] ?? Int32(known.count)
        if Int(index) == known.count {
            known.append(identity)
            indexOfIdentity[identity] = index
        }
        if indexOf.count > 262_144 { indexOf.removeAll() }
        indexOf[address] = index
        return index
    }

    /// Fits baselines, forests and thresholds.
    ///
    /// - Throws: `.tooLittleData` if there is no window to learn from.
    public func finish(
        graph: CommunicationGraph, provenance: Model.Provenance
    ) throws(ModelError) -> Model {
        guard !rows[0].isEmpty, let baseSecond else {
            throw .tooLittleData(
                "no flow was opened: there is nothing to learn from")
        }
        let duration = max(lastSecond - baseSecond, 1)
        var scales: [Model.ScaleModel] = []
        for scale in Scale.allCases {
            // A short capture has no long windows; shorter ones replace them, so every scale has a
            // model.
            let own = rows[scale.rawValue]
            let usable = own.isEmpty ? rows.last { !$0.isEmpty } ?? rows[0] : own
            // A forest needs two rows, so a single row is used twice.
            scales.append(
                try fit(
                    scale, usable.count == 1 ? usable + usable : usable, duration,
                    provenance.falseAlarmsPerDay))
        }
        return Model(
            provenance: provenance, graph: graph, scales: scales,
            minutes: try minutes?.finish(known: known, duration: duration, seed: seed),
            times: times?.finish(known: known),
            arriving: graph.arriving(since: lastSecond - duration / 5))
    }

    private func fit(
        _ scale: Scale, _ rows: [Row], _ duration: Int, _ falseAlarmsPerDay: Double
    ) throws(ModelError) -> Model.ScaleModel {
        var baseline = baseline(of: rows)
        for (identity, values) in leftOut[scale.rawValue] {
            for name in ScaleBaseline.groupNames(of: known[Int(identity)]) {
                baseline.groups[name]?.largest.raise(to: values)
            }
        }
        let forest = try forest(of: rows, baseline, scale, salt: 0)
        let held = try heldOutScores(scale, rows, duration)
        let perDay = Double(held.count) / Double(duration) * 86_400
        let calibration = Calibration(blockMaxima: held, blocksPerDay: perDay)
        // The three scales share the budget.
        let threshold = min(
            calibration.threshold(
                falseAlarmsPerDay: falseAlarmsPerDay / Double(Scale.allCases.count)),
            Self.highestThreshold)
        return Model.ScaleModel(
            baseline: baseline, calibration: calibration, threshold: threshold,
            learnedSeconds: learnedSeconds[scale.rawValue], forest: forest)
    }

    private func baseline(of rows: [Row]) -> ScaleBaseline {
        var members: [String: [[Float]]] = [:]
        for row in rows {
            for name in ScaleBaseline.groupNames(of: known[Int(row.identity)]) {
                members[name, default: []].append(row.values)
            }
        }
        return ScaleBaseline(groups: members.mapValues(GroupBaseline.init(rows:)))
    }

    /// Fits a forest on relative rows; a chatty workload contributes no more rows than its share.
    private func forest(
        of rows: [Row], _ baseline: ScaleBaseline, _ scale: Scale, salt: UInt64
    ) throws(ModelError) -> IsolationForest {
        var counts: [Int32: Int] = [:]
        for row in rows { counts[row.identity, default: 0] += 1 }
        let share = max(200, 20_000 / max(counts.count, 1))
        var flat: [Float] = []
        var taken: [Int32: Int] = [:]
        for row in rows {
            let stride = max(1, (counts[row.identity] ?? 1) / share)
            let number = taken[row.identity, default: 0]
            taken[row.identity] = number + 1
            guard number % stride == 0 else { continue }
            flat += relative(row, baseline, scale)
        }
        var options = IsolationForest.Options(seed: seed &+ UInt64(scale.rawValue) << 8 &+ salt)
        options.resolution = [Float](repeating: RelativeVector.resolution, count: Feature.count)
        do {
            return try IsolationForest(rows: flat, columnCount: Feature.count, options: options)
        } catch {
            throw .tooLittleData("the forest cannot be grown: \(error)")
        }
    }

    private func relative(_ row: Row, _ baseline: ScaleBaseline, _ scale: Scale) -> [Float] {
        guard let group = baseline.group(of: known[Int(row.identity)], scale: scale) else {
            return row.values
        }
        return RelativeVector.relative(row.values, to: group.baseline)
    }

    /// The highest score of each subject and minute, each from a forest that did not see it.
    private func heldOutScores(
        _ scale: Scale, _ rows: [Row], _ duration: Int
    ) throws(ModelError) -> [Float] {
        let foldSeconds = duration / Self.foldCount + 1
        var maxima: [UInt64: Float] = [:]
        for fold in 0..<Self.foldCount {
            let rest = rows.filter { Int($0.second) / foldSeconds != fold }
            guard rest.count >= 2, rest.count < rows.count else { continue }
            let baseline = baseline(of: rest)
            let forest = try forest(of: rest, baseline, scale, salt: UInt64(fold + 1))
            for row in rows where Int(row.second) / foldSeconds == fold {
                let score = forest.score(relative(row, baseline, scale))
                let block =
                    UInt64(UInt32(bitPattern: row.identity)) << 32
                    | UInt64(Int(row.second) / Calibration.blockSeconds)
                maxima[block] = max(maxima[block] ?? 0, score)
            }
        }
        return maxima.values.sorted()
    }
}

extension [Float] {
    /// Replaces each value by the larger one of both arrays.
    fileprivate mutating func raise(to other: [Float]) {
        for index in indices { self[index] = Swift.max(self[index], other[index]) }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
