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
