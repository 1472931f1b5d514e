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
    /// The number of workloads and addresses beyond which mere addresses are not learned: an
    /// attacker can forge any number of them, and each takes 3 KB. Others have twice the room.
    static let identityLimit = 65_536

    /// The number of folds of time for cross-fitting: each is scored by a forest that did not see
    /// it.
    static let foldCount = 4

    /// The upper limit of the threshold, however heavy the tail of a short training appears: a
    /// window with such a score is always anomalous.
    static let highestThreshold: Float = 0.75

    private let identities: IdentityMap
    private let seed: UInt64
    private var known: [Identity] = []
    private var indexOf: [IPAddress: Int32] = [:]
    private var indexOfIdentity: [Identity: Int32] = [:]
    private var tables = [RowTable](repeating: RowTable(), count: Scale.allCases.count)
    private var seen = [0, 0, 0]
    private var learnedSeconds = [0, 0, 0]
    /// The peaks of the windows that are not in the sample, by scale and identity; empty for an
    /// identity without such windows.
    private var leftOut: [[[Peak]]] = [[], [], []]
    private let setsAside: Bool
    private let calibrates: Bool
    /// Nil if evidence over minutes is not learned.
    private var minutes: MinuteTrainer?
    /// The same for times of the day.
    private var times: TimeTrainer?
    private var baseSecond: Int?
    private var lastSecond = 0

    /// - Parameters:
    ///   - learnsTime: whether the model can accumulate evidence over minutes, and
    ///     compare times of the day.
    ///   - setsAside: whether what was seen once, far beyond all else, is not taken for clean.
    ///   - calibrates: whether the scores of clean windows are learned; without, p-values and
    ///     thresholds of the model mean nothing.
    public init(
        inventory: Inventory, seed: UInt64, learnsTime: Bool = true, setsAside: Bool = true,
        calibrates: Bool = true
    ) {
        self.setsAside = setsAside
        self.calibrates = calibrates
        identities = IdentityMap(inventory: inventory)
        self.seed = seed
        minutes = learnsTime ? MinuteTrainer() : nil
        times = learnsTime ? TimeTrainer() : nil
    }

    /// The number of threads that fit a model; the model does not depend on it.
    public var threadCount = 1

    /// The number of workloads and unnamed addresses seen.
    public var workloadCount: Int { known.count }
    /// The number of windows that were not learned, because there are too many addresses.
    private(set) var unlearnedCount = 0

    /// What was not learned for want of room, and of the graph that belongs to it: a line each.
    package func unlearned(_ graph: CommunicationGraph) -> [String] {
        [
            (unlearnedCount, "windows", "addresses"),
            (graph.droppedFacts, "contacts and names", "addresses, contacts or names"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1) were not learned: there are too many \($0.2)" }
    }

    /// Adds one clean window.
    ///
    /// - Returns: false if it is not learned, because there are too many addresses.
    @discardableResult
    public mutating func observe(_ window: Window) -> Bool {
        let base = baseSecond ?? window.endSecond
        baseSecond = base
        lastSecond = window.endSecond
        guard let identity = index(of: window) else {
            unlearnedCount += 1
            return false
        }
        learn(window, identity, base)
        return true
    }

    private mutating func learn(_ window: Window, _ identity: Int32, _ base: Int) {
        let scale = window.scale.rawValue
        let row = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        // A capture's clock may jump back.
        let elapsed = max(0, window.endSecond - base)
        if window.scale == .medium {
            minutes?.observe(window, row, identity: identity, second: elapsed)
        }
        if window.scale == .long { times?.observe(window, row, identity: identity) }
        seen[scale] += 1
        learnedSeconds[scale] = max(learnedSeconds[scale], window.coveredSeconds)
        let second = Int32(clamping: elapsed)
        let subject = Peak.digest(of: window.subject)
        guard tables[scale].count >= Self.rowLimit else {
            return tables[scale].append(
                row, identity: identity, second: second, subject: subject)
        }
        var generator = SplitMix64(seed: seed ^ UInt64(seen[scale]) &* 0x9E37_79B9_7F4A_7C15)
        let at = Int(generator.next() % UInt64(seen[scale]))
        guard at < Self.rowLimit else {
            return noteLeftOut(row, identity, second, subject, window.scale)
        }
        noteLeftOut(
            tables[scale].row(at), tables[scale].identities[at], tables[scale].seconds[at],
            tables[scale].subjects[at], window.scale)
        tables[scale].replace(at, with: row, identity: identity, second: second, subject: subject)
    }

    private mutating func noteLeftOut(
        _ values: [Float], _ identity: Int32, _ second: Int32, _ subject: UInt32, _ scale: Scale
    ) {
        let identity = Int(identity)
        let missing = identity + 1 - leftOut[scale.rawValue].count
        if missing > 0 { leftOut[scale.rawValue] += repeatElement([], count: missing) }
        if leftOut[scale.rawValue][identity].isEmpty {
            leftOut[scale.rawValue][identity] = [Peak](repeating: Peak(), count: Feature.count)
        }
        Peak.add(
            values.span, subject, second, reach: Peak.reach(scale),
            to: &leftOut[scale.rawValue][identity])
    }

    /// The number of the window's workload or address; nil if there are too many.
    private mutating func index(of window: Window) -> Int32? {
        let address = window.subject
        if let identity = window.identity {
            if let index = indexOf[address], known[Int(index)] == identity { return index }
            return remember(identity, of: address)
        }
        return indexOf[address] ?? remember(identities.identity(of: address), of: address)
    }

    private mutating func remember(_ identity: Identity, of address: IPAddress) -> Int32? {
        let index = indexOfIdentity[identity] ?? Int32(known.count)
        if Int(index) == known.count {
            let limit = (identity.isMereAddress ? 1 : 2) * Self.identityLimit
            guard known.count < limit else { return nil }
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
        try fitted(graph: graph, provenance: provenance).model
    }

    /// Fits a model, and returns with it what was seen once and is not taken for clean.
    ///
    /// - Throws: `.tooLittleData` if there is no window to learn from.
    public func fitted(
        graph: CommunicationGraph, provenance: Model.Provenance
    ) throws(ModelError) -> (model: Model, setAside: [SetAside]) {
        guard tables[0].count > 0, let baseSecond else {
            throw .tooLittleData(
                "no flow was opened: there is nothing to learn from")
        }
        let duration = max(lastSecond - baseSecond, 1)
        let index = GroupIndex(known)
        let parts = Scale.allCases.map { Part(scale: $0, table: usableTable($0), index: index) }
        let jobs = parts.flatMap { part in
            [Job(part: part, fold: nil)]
                + (calibrates ? (0..<Self.foldCount).map { Job(part: part, fold: $0) } : [])
        }
        let done = ForkJoin.map(jobs.count, threads: threadCount) { run(jobs[$0], duration) }
        var scales: [Model.ScaleModel] = []
        var odd: [SetAside] = []
        for part in parts {
            var results: [Done] = []
            for (job, result) in zip(jobs, done) where job.part.scale == part.scale {
                results.append(try result.get())
            }
            let (made, aside) = scaleModel(
                part.scale, results, duration, provenance.falseAlarmsPerDay)
            scales.append(made)
            odd += aside
        }
        let names = Set(known.map(\.name))
        odd = odd.filter { names.contains($0.workload) }.map {
            var one = $0
            one.second += baseSecond
            return one
        }
        let model = Model(
            provenance: provenance, graph: graph, scales: scales,
            minutes: try minutes?.finish(known: known, duration: duration, seed: seed),
            times: times?.finish(known: known),
            arriving: graph.arriving(since: lastSecond - duration / 5))
        return (model, SetAside.merged(odd))
    }

    /// The windows of one scale, and their groups.
    private struct Part {
        var scale: Scale
        var table: RowTable
        var index: GroupIndex
    }

    /// What one thread does: a scale's baselines and forest, or the scores of one fold of it.
    private struct Job {
        var part: Part
        var fold: Int?
    }

    private enum Done: Sendable {
        case fit(ScaleBaseline, IsolationForest, [SetAside])
        /// The highest score of each subject and minute.
        case fold([UInt64: Float])
    }

    /// A short capture has no long windows; shorter ones replace them, so every scale has a model.
    private func usableTable(_ scale: Scale) -> RowTable {
        let own = tables[scale.rawValue]
        var usable = own.count > 0 ? own : tables.last { $0.count > 0 } ?? tables[0]
        // A forest needs two rows, so a single row is used twice.
        if usable.count == 1 {
            usable.append(
                usable.row(0), identity: usable.identities[0], second: usable.seconds[0],
                subject: usable.subjects[0])
        }
        return usable
    }

    private func run(_ job: Job, _ duration: Int) -> Result<Done, ModelError> {
        do throws(ModelError) {
            guard let fold = job.fold else { return .success(try fit(job.part, duration)) }
            return .success(.fold(try heldOutScores(job.part, fold, duration)))
        } catch {
            return .failure(error)
        }
    }

    private func fit(_ part: Part, _ duration: Int) throws(ModelError) -> Done {
        let (scale, table) = (part.scale, part.table)
        let rows = Array(0..<table.count)
        let isOwn = tables[scale.rawValue].count > 0
        let setsAside = setsAside && isOwn && duration >= OddValues.leastSeconds
        var statistics = GroupStatistics(
            part.index, table, rows: rows, oddOf: setsAside ? scale : nil)
        for (identity, peaks) in leftOut[scale.rawValue].enumerated() where !peaks.isEmpty {
            statistics.add(peaks, of: identity, scale)
        }
        let aside = statistics.setAside(scale)
        let forest = try forest(of: rows, table, statistics, scale, salt: 0)
        return .fit(statistics.scaleBaseline, forest, aside)
    }

    private func scaleModel(
        _ scale: Scale, _ results: [Done], _ duration: Int, _ falseAlarmsPerDay: Double
    ) -> (Model.ScaleModel, [SetAside]) {
        var maxima: [UInt64: Float] = [:]
        for case .fold(let scores) in results { maxima.merge(scores, uniquingKeysWith: max) }
        guard case .fit(let baseline, let forest, let aside) = results[0] else {
            preconditionFailure("the first job of a scale fits it")
        }
        let held = maxima.values.sorted()
        let perDay = Double(held.count) / Double(duration) * 86_400
        let calibration = Calibration(blockMaxima: held, blocksPerDay: perDay)
        // The three scales share the budget.
        let threshold = min(
            calibration.threshold(
                falseAlarmsPerDay: falseAlarmsPerDay / Double(Scale.allCases.count)),
            Self.highestThreshold)
        return (
            Model.ScaleModel(
                baseline: baseline, calibration: calibration, threshold: threshold,
                learnedSeconds: learnedSeconds[scale.rawValue], forest: forest),
            aside
        )
    }

    /// Fits a forest on relative rows; a chatty workload contributes no more rows than its share.
    private func forest(
        of rows: [Int], _ table: RowTable, _ statistics: GroupStatistics, _ scale: Scale,
        salt: UInt64
    ) throws(ModelError) -> IsolationForest {
        var counts = [Int](repeating: 0, count: known.count)
        for row in rows { counts[Int(table.identities[row])] += 1 }
        let share = max(200, 20_000 / max(counts.count { $0 > 0 }, 1))
        var taken = [Int](repeating: 0, count: known.count)
        let sample = rows.filter { row in
            let identity = Int(table.identities[row])
            let number = taken[identity]
            taken[identity] += 1
            return number % max(1, counts[identity] / share) == 0
        }
        var options = IsolationForest.Options(seed: seed &+ UInt64(scale.rawValue) << 8 &+ salt)
        options.resolution = [Float](repeating: RelativeVector.resolution, count: Feature.count)
        do {
            return try IsolationForest(
                rows: relative(sample, table, statistics, scale), columnCount: Feature.count,
                options: options)
        } catch {
            throw .tooLittleData("the forest cannot be grown: \(error)")
        }
    }

    /// The relative values of some rows, row after row.
    private func relative(
        _ rows: [Int], _ table: RowTable, _ statistics: GroupStatistics, _ scale: Scale
    ) -> [Float] {
        var flat: [Float] = []
        flat.reserveCapacity(rows.count * Feature.count)
        for row in rows {
            let values = table.values.span.extracting(
                row * Feature.count..<(row + 1) * Feature.count)
            if let group = statistics.group(of: table.identities[row], scale: scale) {
                RelativeVector.append(values, relativeTo: group, to: &flat)
            } else {
                for column in values.indices { flat.append(values[column]) }
            }
        }
        return flat
    }

    /// The highest score of each subject and minute of a fold, from a forest that did not see it.
    private func heldOutScores(
        _ part: Part, _ fold: Int, _ duration: Int
    ) throws(ModelError) -> [UInt64: Float] {
        let (scale, table) = (part.scale, part.table)
        let foldSeconds = duration / Self.foldCount + 1
        func isHeld(_ row: Int) -> Bool { Int(table.seconds[row]) / foldSeconds == fold }
        let rest = table.seconds.indices.filter { !isHeld($0) }
        guard rest.count >= 2, rest.count < table.count else { return [:] }
        let statistics = GroupStatistics(
            part.index, table, rows: rest, least: ScaleBaseline.leastWindows[scale] ?? 1,
            oddOf: nil)
        let forest = try forest(of: rest, table, statistics, scale, salt: UInt64(fold + 1))
        let held = table.seconds.indices.filter(isHeld)
        let scores = forest.scores(rows: relative(held, table, statistics, scale))
        var maxima: [UInt64: Float] = [:]
        for (row, score) in zip(held, scores) {
            let block =
                UInt64(UInt32(bitPattern: table.identities[row])) << 32
                | UInt64(Int(table.seconds[row]) / Calibration.blockSeconds)
            maxima[block] = max(maxima[block] ?? 0, score)
        }
        return maxima
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
