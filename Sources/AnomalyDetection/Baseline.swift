public import FeatureExtraction
import NetworkAddresses
public import Workloads

/// What clean windows of one workload, image, network or the whole node look like, for one scale.
public struct GroupBaseline: Sendable, Equatable {
    /// Clean windows behind the numbers.
    public var windowCount: Int
    /// Transformed values by column: median, 99th percentile and largest.
    public var median: [Float]
    public var p99: [Float]
    public var largest: [Float]

    /// The numbers of `rows`, which hold transformed values.
    ///
    /// - Parameter rows: at least one row of `Feature.count` values.
    init(rows: [[Float]]) {
        windowCount = rows.count
        median = []
        p99 = []
        largest = []
        for column in 0..<Feature.count {
            let sorted = rows.map { $0[column] }.sorted()
            median.append(sorted[sorted.count / 2])
            p99.append(sorted[min(sorted.count - 1, sorted.count * 99 / 100)])
            largest.append(sorted[sorted.count - 1])
        }
    }

    init(windowCount: Int, median: [Float], p99: [Float], largest: [Float]) {
        self.windowCount = windowCount
        self.median = median
        self.p99 = p99
        self.largest = largest
    }
}

/// The baselines of one scale, from the narrowest group to the whole node.
public struct ScaleBaseline: Sendable, Equatable {
    /// Windows that a group needs before its own numbers are used.
    public static let leastWindows: [Scale: Int] = [.short: 30, .medium: 8, .long: 3]
    /// The name of the group of all.
    public static let node = "node"

    public internal(set) var groups: [String: GroupBaseline]

    init(groups: [String: GroupBaseline]) { self.groups = groups }

    /// The narrowest group that has enough windows, of the ones that an identity belongs to.
    public func group(of identity: Identity, scale: Scale) -> (
        name: String, baseline: GroupBaseline
    )? {
        for name in Self.groupNames(of: identity) {
            guard let baseline = groups[name],
                baseline.windowCount >= (Self.leastWindows[scale] ?? 1) || name == Self.node
            else { continue }
            return (name, baseline)
        }
        return nil
    }

    /// The groups an identity belongs to, narrowest first.
    static func groupNames(of identity: Identity) -> [String] {
        var names = [identity.name]
        if let image = identity.image { names.append("image \(image)") }
        names.append("network \(identity.network)")
        names.append(node)
        return names
    }
}

/// Turns raw windows into rows for the forest: how far each value lies from its group's own clean
/// range, in units of that range and of the feature's resolution.
enum RelativeVector {
    /// Rows are kept within ± this.
    static let bound: Float = 40
    /// The smallest difference in a row that means anything.
    static let resolution: Float = 0.5

    /// Transformed values of a window.
    static func transformed(_ values: [Float], seconds: Int) -> [Float] {
        var row = values
        for description in FeatureSchema.table {
            let column = description.feature.rawValue
            row[column] = description.transformed(values[column], seconds: seconds)
        }
        return row
    }

    /// (value - median) / (p99 - median + resolution), by column.
    static func relative(_ transformed: [Float], to group: GroupBaseline) -> [Float] {
        var row = transformed
        for description in FeatureSchema.table {
            let column = description.feature.rawValue
            let spread = group.p99[column] - group.median[column] + description.resolution
            row[column] = min(
                max((transformed[column] - group.median[column]) / spread, -bound), bound)
        }
        return row
    }

    /// How many resolutions each value lies above everything that the group's clean windows held; 0 within.
    ///
    /// What grows with demand is compared with demand: a proxy that is asked ten times as much may send ten times as much.
    static func excess(_ transformed: [Float], over group: GroupBaseline) -> [Float] {
        var row = transformed
        let served = Feature.served.rawValue
        let demand = max(0, transformed[served] - group.largest[served])
        for description in FeatureSchema.table {
            let column = description.feature.rawValue
            row[column] = max(
                0,
                (transformed[column] - group.largest[column]
                    - (description.feature.followsDemand ? demand : 0)) / description.resolution)
        }
        return row
    }
}
