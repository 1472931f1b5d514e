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

    var count: Int { identities.count }

    func row(_ index: Int) -> [Float] {
        Array(values[index * Feature.count..<(index + 1) * Feature.count])
    }

    mutating func append(_ row: [Float], identity: Int32, second: Int32) {
        values += row
        identities.append(identity)
        seconds.append(second)
    }

    /// Replaces a row.
    mutating func replace(_ index: Int, with row: [Float], identity: Int32, second: Int32) {
        for column in 0..<Feature.count { values[index * Feature.count + column] = row[column] }
        identities[index] = identity
        seconds[index] = second
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

    /// - Parameters:
    ///   - rows: indices of rows.
    ///   - least: the number of rows that each group needs, except the whole node.
    init(_ index: GroupIndex, _ table: RowTable, rows: [Int], least: Int = 1) {
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

    /// Raises the largest values of an identity's groups.
    mutating func raise(_ identity: Int32, to values: [Float]) {
        for group in index.ofIdentity[Int(identity)] { baselines[group]?.largest.raise(to: values) }
    }
}

extension [Float] {
    /// Replaces each value by the larger one of both arrays.
    mutating func raise(to other: [Float]) {
        for index in indices { self[index] = Swift.max(self[index], other[index]) }
    }
}
