import FeatureExtraction
import Workloads

/// Clean windows of one scale, row after row.
struct RowTable: Sendable {
    /// `[count × Feature.count]` transformed values.
    private(set) var values: [Float] = []
    /// By row: the number of its identity.
    private(set) var identities: [Int32] = []
    /// By row: the second of its end, since the start of the training.
    private(set) var seconds: [Int32] = []
    /// By row: the digest of its address.
    private(set) var subjects: [UInt32] = []

    var count: Int { identities.count }

    func row(_ index: Int) -> [Float] {
        Array(values[index * Feature.count..<(index + 1) * Feature.count])
    }

    mutating func append(_ row: [Float], identity: Int32, second: Int32, subject: UInt32) {
        values += row
        subjects.append(subject)
        identities.append(identity)
        seconds.append(second)
    }

    /// Replaces a row.
    mutating func replace(
        _ index: Int, with row: [Float], identity: Int32, second: Int32, subject: UInt32
    ) {
        subjects[index] = subject
        for column in 0..<Feature.count { values[index * Feature.count + column] = row[column] }
        identities[index] = identity
        seconds[index] = second
    }
}

extension GroupBaseline {
    /// Raises the largest values to those of peaks.
    fileprivate mutating func raise(to peaks: [Peak]) {
        for column in peaks.indices where peaks[column].value.isFinite {
            largest[column] = max(largest[column], peaks[column].value)
        }
    }
}

/// The groups of all identities, by numbers.
struct GroupIndex {
    private(set) var names: [String] = []
    /// By identity, its groups, the narrowest first.
    private(set) var ofIdentity: [[Int]] = []
    let node: Int

    init(_ known: [Identity]) {
        var numbers = [ScaleBaseline.node: 0]
        names = [ScaleBaseline.node]
        node = 0
        for identity in known {
            ofIdentity.append(
                ScaleBaseline.groupNames(of: identity).map { name in
                    if let number = numbers[name] { return number }
                    numbers[name] = names.count
                    names.append(name)
                    return names.count - 1
                })
        }
    }
}

/// The statistics of every group over some rows of a table.
struct GroupStatistics {
    let index: GroupIndex
    /// By group; nil: it has too few rows.
    private(set) var baselines: [GroupBaseline?]
    /// By group, the peaks of its columns; empty if nothing is set aside.
    private var peaks: [[Peak]] = []

    /// - Parameters:
    ///   - rows: indices of rows.
    ///   - least: the number of rows that each group needs, except the whole node.
    ///   - oddOf: the scale of the windows, if odd values are to be set aside.
    init(
        _ index: GroupIndex, _ table: RowTable, rows: [Int], least: Int = 1, oddOf scale: Scale?
    ) {
        self.index = index
        var counts = [Int](repeating: 0, count: index.names.count)
        for row in rows {
            for group in index.ofIdentity[Int(table.identities[row])] { counts[group] += 1 }
        }
        // The rows of each group are adjacent in `members`.
        var ends = [Int](repeating: 0, count: counts.count)
        var total = 0
        for group in counts.indices {
            ends[group] = total
            total += counts[group]
        }
        var members = [Int32](repeating: 0, count: total)
        for row in rows {
            for group in index.ofIdentity[Int(table.identities[row])] {
                members[ends[group]] = Int32(row)
                ends[group] += 1
            }
        }
        var columns = [ColumnSample](repeating: ColumnSample(), count: Feature.count)
        baselines = counts.indices.map { group in
            guard counts[group] >= (group == index.node ? 1 : least) else { return nil }
            let rows = members[ends[group] - counts[group]..<ends[group]]
            return Self.baseline(of: rows, table, &columns)
        }
        guard let scale else { return }
        peaks = counts.indices.map { group in
            guard baselines[group] != nil else { return [] }
            return Self.peaks(
                of: members[ends[group] - counts[group]..<ends[group]], table, Peak.reach(scale))
        }
    }

    private static func peaks(
        of rows: ArraySlice<Int32>, _ table: RowTable, _ reach: Int32
    ) -> [Peak] {
        var peaks = [Peak](repeating: Peak(), count: Feature.count)
        let values = table.values.span
        for row in rows {
            let start = Int(row) * Feature.count
            Peak.add(
                values.extracting(start..<start + Feature.count), table.subjects[Int(row)],
                table.seconds[Int(row)], reach: reach, to: &peaks)
        }
        return peaks
    }

    private static func baseline(
        of rows: ArraySlice<Int32>, _ table: RowTable, _ columns: inout [ColumnSample]
    ) -> GroupBaseline {
        for column in columns.indices { columns[column].removeAll() }
        let values = table.values.span
        for row in rows {
            let start = Int(row) * Feature.count
            for column in columns.indices { columns[column].add(values[start + column]) }
        }
        let count = rows.count
        var group = GroupBaseline(windowCount: count, median: [], p99: [], largest: [])
        group.median.reserveCapacity(Feature.count)
        group.p99.reserveCapacity(Feature.count)
        group.largest.reserveCapacity(Feature.count)
        for column in columns.indices {
            group.median.append(columns[column].value(at: count / 2))
            group.p99.append(columns[column].value(at: min(count - 1, count * 99 / 100)))
            group.largest.append(columns[column].largest())
        }
        return group
    }

    /// The narrowest group of an identity that has enough windows.
    func group(of identity: Int32, scale: Scale) -> GroupBaseline? {
        let least = ScaleBaseline.leastWindows[scale] ?? 1
        for group in index.ofIdentity[Int(identity)] {
            guard let baseline = baselines[group],
                baseline.windowCount >= least || group == index.node
            else { continue }
            return baseline
        }
        return nil
    }

    /// The same as a part of a model.
    var scaleBaseline: ScaleBaseline {
        var groups: [String: GroupBaseline] = [:]
        groups.reserveCapacity(baselines.count)
        for (name, baseline) in zip(index.names, baselines) { groups[name] = baseline }
        return ScaleBaseline(groups: groups)
    }

    /// Adds the peaks of windows of an identity that are in no row.
    mutating func add(_ more: [Peak], of identity: Int, _ scale: Scale) {
        for group in index.ofIdentity[identity] where baselines[group] != nil {
            baselines[group]!.raise(to: more)
            guard !peaks.isEmpty, !peaks[group].isEmpty else { continue }
            for column in more.indices where more[column].value.isFinite {
                peaks[group][column].add(more[column], reach: Peak.reach(scale))
            }
        }
    }

    /// Takes values that are far above those of all other episodes out of the clean ranges.
    ///
    /// - Returns: what was set aside, of every group; times are since the start of the training.
    mutating func setAside(_ scale: Scale) -> [SetAside] {
        var found: [SetAside] = []
        let least = OddValues.leastWindows * scale.seconds / scale.bucketSeconds
        for group in peaks.indices {
            guard var baseline = baselines[group], baseline.windowCount >= least else { continue }
            for column in peaks[group].indices where OddValues.columns[column] {
                let (peak, measure) = (peaks[group][column], FeatureSchema.measures[column])
                guard peak.runnerUp.isFinite else { continue }
                let otherwise = max(peak.runnerUp, measure.ordinary)
                let steps = (peak.value - otherwise) / measure.resolution
                guard steps >= OddValues.leastSteps else { continue }
                baseline.largest[column] = peak.runnerUp
                baseline.p99[column] = min(baseline.p99[column], peak.runnerUp)
                baseline.median[column] = min(baseline.median[column], peak.runnerUp)
                let feature = Feature.allCases[column]
                let description = FeatureSchema.description(of: feature)
                found.append(
                    SetAside(
                        workload: index.names[group], feature: feature, scale: scale,
                        second: Int(peak.second),
                        value: description.raw(peak.value, seconds: scale.seconds),
                        otherwise: description.raw(peak.runnerUp, seconds: scale.seconds),
                        steps: steps))
            }
            baselines[group] = baseline
        }
        return found
    }
}
