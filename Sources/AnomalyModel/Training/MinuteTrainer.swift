import FeatureExtraction
import IsolationForest
import NetworkAddresses
import Workloads

/// Collects the clean minutes of each address, and fits their groups and forest.
struct MinuteTrainer: Sendable {
    /// The greatest number of minutes kept: about 25 MB.
    private static let rowLimit = 200_000
    /// Beyond the limit, whole periods of this length are left out: high scores come in runs, which
    /// single minutes would not show.
    private static let periodSeconds = 3000
    /// The number of parts of the time; each is scored by a forest of the others.
    private static let foldCount = 4
    /// Minutes that a group needs in the other parts.
    private static let leastInFolds = MinuteModel.leastMinutes * 2 / 3
    /// Seconds between two minutes of an address that count as successive.
    static let successionSeconds = 130
    private static let addressLimit = 262_144

    private struct Row: Sendable {
        var values: [Float]
        var identity: Int32
        var subject: Int32
        var second: Int
    }

    /// A minute scored by a forest that did not see it.
    struct Held {
        var subject: Int32
        var second: Int
        var score: Float
    }

    private var progress: [IPAddress: (index: Int32, minute: MinuteProgress)] = [:]
    private var nextIndex: Int32 = 0
    private var rows: [Row] = []
    private var seen = 0
    private var thinning = 0

    /// Adds a window of 60 s.
    ///
    /// - Parameters:
    ///   - values: its transformed values.
    ///   - second: its end, since the start of the training.
    mutating func observe(_ window: Window, _ values: [Float], identity: Int32, second: Int) {
        guard var state = progress[window.subject] else {
            if progress.count >= Self.addressLimit { progress = [:] }
            progress[window.subject] = (nextIndex, MinuteProgress(second: window.endSecond))
            nextIndex &+= 1
            return
        }
        let isMinute = state.minute.closes(at: window.endSecond)
        progress[window.subject] = state
        guard isMinute else { return }
        seen += 1
        guard isKept(second) else { return }
        rows.append(
            Row(values: values, identity: identity, subject: state.index, second: second))
        if rows.count > Self.rowLimit {
            thinning += 1
            rows = rows.filter { isKept($0.second) }
        }
    }

    private func isKept(_ second: Int) -> Bool {
        second / Self.periodSeconds & ((1 << thinning) - 1) == 0
    }

    /// Fits the minutes; nil if there are too few.
    func finish(known: [Identity], duration: Int, seed: UInt64) throws(ModelError)
        -> MinuteModel?
    {
        guard rows.count >= 2 else { return nil }
        let names = known.map { MinuteModel.groupNames(of: $0) + [ScaleBaseline.node] }
        var groups = Self.groups(of: rows, names)
        guard
            let forest = try Self.forest(
                of: rows, groups, names, least: MinuteModel.leastMinutes, seed: seed)
        else { return nil }
        let held = try heldOutScores(names, duration, seed)
        for (name, scores) in held { groups[name]?.calibrate(scores) }
        return MinuteModel(
            groups: groups,
            minutesPerDay: Double(seen) / Double(max(duration, 60)) * 86_400, forest: forest)
    }

    private static func groups(of rows: [Row], _ names: [[String]]) -> [String: MinuteGroup] {
        var members: [String: [[Float]]] = [:]
        for row in rows {
            for name in names[Int(row.identity)] { members[name, default: []].append(row.values) }
        }
        return members.mapValues(MinuteGroup.init(rows:))
    }

    /// The group that a row is compared with; nil if it has too few minutes.
    private static func narrowest(
        _ names: [String], _ groups: [String: MinuteGroup], least: Int
    ) -> MinuteGroup? {
        for name in names where name != ScaleBaseline.node {
            if let group = groups[name], group.minuteCount >= least { return group }
        }
        return nil
    }

    /// A forest of the minutes in groups that are large enough; nil if there are too few.
    private static func forest(
        of rows: [Row], _ groups: [String: MinuteGroup], _ names: [[String]], least: Int,
        seed: UInt64
    ) throws(ModelError) -> IsolationForest? {
        var flat: [Float] = []
        flat.reserveCapacity(rows.count * Feature.count)
        for row in rows {
            guard let group = narrowest(names[Int(row.identity)], groups, least: least)
            else { continue }
            flat += group.row(row.values)
        }
        guard flat.count >= 2 * Feature.count else { return nil }
        do {
            return try IsolationForest(
                rows: flat, columnCount: Feature.count,
                options: IsolationForest.Options(seed: seed))
        } catch {
            throw .tooLittleData("the forest of minutes cannot be grown: \(error)")
        }
    }

    /// The scores of all minutes by group, in order of subject and time.
    private func heldOutScores(
        _ names: [[String]], _ duration: Int, _ seed: UInt64
    ) throws(ModelError) -> [String: [Held]] {
        let foldSeconds = duration / Self.foldCount + 1
        var held: [String: [Held]] = [:]
        for fold in 0..<Self.foldCount {
            let rest = rows.filter { $0.second / foldSeconds != fold }
            guard rest.count < rows.count else { continue }
            let groups = Self.groups(of: rest, names)
            guard
                let forest = try Self.forest(
                    of: rest, groups, names, least: Self.leastInFolds,
                    seed: seed &+ UInt64(fold + 1))
            else { continue }
            for row in rows where row.second / foldSeconds == fold {
                for name in names[Int(row.identity)] where name != ScaleBaseline.node {
                    guard let group = groups[name], group.minuteCount >= Self.leastInFolds
                    else { continue }
                    held[name, default: []].append(
                        Held(
                            subject: row.subject, second: row.second,
                            score: forest.minuteScore(group.row(row.values))))
                }
            }
        }
        return held
    }
}

extension IsolationForest {
    /// The score of a minute; 0 if every value is within its range.
    package func minuteScore(_ row: [Float]) -> Float {
        row.contains { $0 > 0 } ? score(row) : 0
    }
}

extension MinuteGroup {
    /// - Parameter rows: at least one row of transformed values.
    fileprivate init(rows: [[Float]]) {
        var median: [Float] = []
        var upper: [Float] = []
        for column in 0..<Feature.count {
            let sorted = rows.map { $0[column] }.sorted()
            median.append(sorted[sorted.count / 2])
            upper.append(sorted[min(sorted.count - 1, sorted.count * 95 / 100)])
        }
        self.init(
            minuteCount: rows.count, median: median, upper: upper, scores: [], scoreCount: 0,
            independence: 1)
    }

    /// Stores the scores of clean minutes, and how independent the high ones are.
    fileprivate mutating func calibrate(_ held: [MinuteTrainer.Held]) {
        let sorted = held.map(\.score).sorted()
        guard !sorted.isEmpty else { return }
        scoreCount = sorted.count
        let stride = (sorted.count + Self.keptLimit - 1) / Self.keptLimit
        // Thinned from the top, so the highest score is kept.
        scores = Swift.stride(from: sorted.count - 1, through: 0, by: -stride).map { sorted[$0] }
            .reversed()
        let high = sorted[sorted.count * 9 / 10]
        let order = held.sorted { ($0.subject, $0.second) < ($1.subject, $1.second) }
        var count = 0
        var runs = 0
        var last: MinuteTrainer.Held?
        for minute in order where minute.score > high {
            count += 1
            let follows =
                last.map {
                    $0.subject == minute.subject
                        && minute.second - $0.second <= MinuteTrainer.successionSeconds
                } ?? false
            runs += follows ? 0 : 1
            last = minute
        }
        independence = min(max(Double(runs) / Double(max(count, 1)), 0.1), 1)
    }
}
