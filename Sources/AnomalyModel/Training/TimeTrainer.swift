import FeatureExtraction
import NetworkAddresses
import Workloads

/// Collects what each workload does in each hour of a training of several days.
struct TimeTrainer: Sendable {
    /// The greatest number of hours kept, over all workloads: about 35 MB.
    private static let hourLimit = 262_144

    /// The largest amounts of one workload in one hour, by the columns of `TimeProfile`.
    private typealias Amounts = [Float]

    /// By the index of the identity and the hour since 1970.
    private var amounts: [Int32: [Int: Amounts]] = [:]
    private var hourCount = 0
    /// The hours in which any workload was seen.
    private var hours: Set<Int> = []

    /// Adds a window of 600 s.
    ///
    /// - Parameter values: its transformed values, by feature.
    mutating func observe(_ window: Window, _ values: [Float], identity: Int32) {
        let hour = TimeModel.hour(of: window.endSecond)
        guard hours.contains(hour) || hours.count < Self.hourLimit else { return }
        hours.insert(hour)
        let known = amounts[identity]?[hour]
        guard known != nil || hourCount < Self.hourLimit else { return }
        hourCount += known == nil ? 1 : 0
        var row = known ?? Amounts(repeating: 0, count: TimeProfile.width)
        for (column, feature) in TimeProfile.features.enumerated() {
            row[column] = max(row[column], values[feature.rawValue])
        }
        amounts[identity, default: [:]][hour] = row
    }

    /// Fits the times; nil if no hour of the day was seen on three days, or if there were more
    /// hours than are kept.
    func finish(known: [Identity]) -> TimeModel? {
        guard hourCount < Self.hourLimit, let period = period() else { return nil }
        var cycles = [Int](repeating: 0, count: period.slotCount)
        for hour in hours { cycles[hour % period.slotCount] += 1 }
        var merged: [String: [Int: Amounts]] = [:]
        for (index, rows) in amounts {
            let identity = known[Int(index)]
            guard identity.place != .outside else { continue }
            merged[identity.name, default: [:]].merge(rows) { zip($0, $1).map(max) }
        }
        let groups = Dictionary(grouping: hours.sorted()) { $0 % period.slotCount }
        let cycleCount = Set(hours.map { $0 / period.slotCount }).count
        return TimeModel(
            period: period, cycles: cycles,
            profiles: merged.mapValues { Self.profile(of: $0, groups, period, cycleCount) })
    }

    /// A week, if half of its hours were seen often enough; otherwise a day, if any hour was.
    private func period() -> TimeModel.Period? {
        func often(_ period: TimeModel.Period) -> Int {
            var counts: [Int: Int] = [:]
            for hour in hours { counts[hour % period.slotCount, default: 0] += 1 }
            return counts.values.count { $0 >= TimeModel.leastCycles }
        }
        if often(.week) * 2 >= TimeModel.Period.week.slotCount { return .week }
        return often(.day) > 0 ? .day : nil
    }

    private static func profile(
        of rows: [Int: Amounts], _ groups: [Int: [Int]], _ period: TimeModel.Period,
        _ cycleCount: Int
    ) -> TimeProfile {
        let width = TimeProfile.width
        var limits = [Float](repeating: 0, count: period.slotCount * width)
        var margins = [Float](repeating: 0, count: width)
        /// By column, the greatest excess of each day or week, where it is not 0.
        var excesses: [[Int: Float]] = Array(repeating: [:], count: width)
        for (slot, members) in groups {
            // Most hosts are there for few of the hours; in the others all is 0.
            let present = members.filter {
                rows[$0 - 1] != nil || rows[$0] != nil || rows[$0 + 1] != nil
            }
            guard !present.isEmpty else { continue }
            for column in 0..<width {
                let wide = present.map { around($0, column, rows) }
                let largest = wide.sorted(by: >).prefix(3)
                limits[slot * width + column] = usual(largest, of: members.count)
                for (place, hour) in present.enumerated() {
                    var others = largest
                    // Which of equal ones is removed makes no difference.
                    if let own = others.firstIndex(of: wide[place]) { others.remove(at: own) }
                    let excess = (rows[hour]?[column] ?? 0) - usual(others, of: members.count - 1)
                    let cycle = hour / period.slotCount
                    excesses[column][cycle] = max(excesses[column][cycle] ?? 0, excess)
                }
            }
        }
        for column in 0..<width {
            let largest = excesses[column].values.sorted(by: >).prefix(2)
            margins[column] = max(0, usual(largest, of: cycleCount))
        }
        return TimeProfile(limits: limits, margins: margins)
    }

    /// The largest amount in an hour and the hours beside it.
    private static func around(_ hour: Int, _ column: Int, _ rows: [Int: Amounts]) -> Float {
        (hour - 1...hour + 1).reduce(0) { max($0, rows[$1]?[column] ?? 0) }
    }

    /// The largest of the values of `count` days; of five or more the second largest, so that one
    /// unusual day changes nothing.
    ///
    /// - Parameter largest: the two largest of them, or more, in falling order, or all but zeros.
    private static func usual(_ largest: ArraySlice<Float>, of count: Int) -> Float {
        let values = count >= TimeModel.robustCycles ? largest.dropFirst() : largest
        return values.first ?? 0
    }
}
