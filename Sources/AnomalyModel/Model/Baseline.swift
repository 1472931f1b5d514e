public import FeatureExtraction
import NetworkAddresses
public import Workloads

/// Statistics of the clean windows of one workload, image, network or the whole node, for one
/// scale.
public struct GroupBaseline: Sendable, Equatable {
    /// The number of clean windows.
    public var windowCount: Int
    /// The transformed values by column: median, 99th percentile and largest.
    public var median: [Float]
    public var p99: [Float]
    public var largest: [Float]

    /// Computes the statistics of `rows`, which contain transformed values.
    ///
    /// - Parameter rows: at least one row of `Feature.count` values.
    package init(rows: [[Float]]) {
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

    package init(windowCount: Int, median: [Float], p99: [Float], largest: [Float]) {
        self.windowCount = windowCount
        self.median = median
        self.p99 = p99
        self.largest = largest
    }
}

/// The baselines of one scale, from the narrowest group to the whole node.
public struct ScaleBaseline: Sendable, Equatable {
    /// The number of windows that a group needs before its own statistics are used.
    public static let leastWindows: [Scale: Int] = [.short: 30, .medium: 8, .long: 3]
    /// The number of windows that a group needs before a pattern of clean traffic, too, leads to a
    /// fence: half a minute, 2 and 10 minutes of one address.
    public static let leastToFence: [Scale: Int] = [.short: 30, .medium: 24, .long: 20]
    /// The name of the group that contains all workloads.
    public static let node = "node"

    public internal(set) var groups: [String: GroupBaseline]

    package init(groups: [String: GroupBaseline]) { self.groups = groups }

    /// Why a group is too thin to fence by, as text that follows a reason; nil if it is not.
    package static func windowsLacking(_ group: GroupBaseline, _ scale: Scale) -> String? {
        let least = leastToFence[scale] ?? 1
        guard group.windowCount < least else { return nil }
        return "; leads to no fence: the baseline has \(group.windowCount) windows of "
            + "\(scale.seconds) s, \(least) are needed"
    }

    /// The narrowest group of an identity that has enough windows.
    public func group(of identity: Identity, scale: Scale) -> (
        name: String, baseline: GroupBaseline
    )? {
        // Most windows belong to a workload with a baseline of its own: no other name is made.
        if let own = group(identity.name, scale) { return (identity.name, own) }
        for name in Self.groupNames(of: identity).dropFirst() {
            if let baseline = group(name, scale) { return (name, baseline) }
        }
        return nil
    }

    private func group(_ name: String, _ scale: Scale) -> GroupBaseline? {
        guard let baseline = groups[name],
            baseline.windowCount >= (Self.leastWindows[scale] ?? 1) || name == Self.node
        else { return nil }
        return baseline
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
package enum RelativeVector {
    /// Values of a row are limited to ± this.
    static let bound: Float = 40
    /// The smallest significant difference in a row.
    static let resolution: Float = 0.5

    /// Transformed values of a window.
    package static func transformed(_ values: [Float], seconds: Int) -> [Float] {
        var row = values
        let length = FeatureMeasure.length(seconds: seconds)
        for (column, measure) in FeatureSchema.measures.enumerated() {
            row[column] = measure.transformed(values[column], length: length)
        }
        return row
    }

    /// The position of each value in its group's clean range: up to 1 at the largest clean value,
    /// and beyond that 1 plus the excess in resolutions.
    ///
    /// The rows of all groups thus fill the same range, and a distance beyond it means the same for
    /// each.
    package static func relative(_ transformed: [Float], to group: GroupBaseline) -> [Float] {
        var row = excess(transformed, over: group)
        for (column, measure) in FeatureSchema.measures.enumerated() {
            let value = transformed[column]
            let median = group.median[column]
            let p99 = group.p99[column]
            let share = (min(value, p99) - median) / (p99 - median + measure.resolution)
            guard value > p99 else {
                row[column] = max(share, -bound)
                continue
            }
            let tail = max(group.largest[column] - p99, 0.001)
            let place = share + (1 - share) * min((value - p99) / tail, 1)
            row[column] = min(place + row[column], bound)
        }
        return row
    }

    /// The number of resolutions by which each value exceeds the largest value in the group's clean
    /// windows; 0 within the range.
    ///
    /// Features that grow with demand are compared relative to it: a proxy that gets ten times as
    /// many requests may send ten times as many.
    package static func excess(_ transformed: [Float], over group: GroupBaseline) -> [Float] {
        var row = transformed
        let demand = demand(transformed, beyond: group)
        for (column, measure) in FeatureSchema.measures.enumerated() {
            row[column] = excess(transformed[column], measure, demand, group.largest[column])
        }
        return row
    }

    /// The same for a value in place of a feature's own.
    ///
    /// - Parameter value: in the feature's unit.
    package static func excess(
        of value: Float, as feature: Feature, _ transformed: [Float], seconds: Int,
        over group: GroupBaseline
    ) -> Float {
        let measure = FeatureSchema.measures[feature.rawValue]
        let length = FeatureMeasure.length(seconds: seconds)
        return excess(
            measure.transformed(value, length: length), measure,
            demand(transformed, beyond: group), group.largest[feature.rawValue])
    }

    private static func demand(_ transformed: [Float], beyond group: GroupBaseline) -> Float {
        let served = Feature.served.rawValue
        return max(0, transformed[served] - group.largest[served])
    }

    @inline(__always)
    private static func excess(
        _ value: Float, _ measure: FeatureMeasure, _ demand: Float, _ largest: Float
    ) -> Float {
        max(
            0,
            (value - max(largest, measure.ordinary) - (measure.followsDemand ? demand : 0))
                / measure.resolution)
    }
}
