import AttackPatterns
public import FeatureExtraction
import TextFormats

/// A value that a training saw once, far above all others, and that is left out of its clean range.
public struct SetAside: Sendable, Equatable {
    public var workload: String
    public var feature: Feature
    public var scale: Scale
    /// The end of its window, in seconds since 1970.
    public var second: Int
    /// The value and the largest one of all other times, in the feature's unit.
    public var value: Float
    public var otherwise: Float
    /// The distance between both, in the feature's resolutions.
    public var steps: Float

    /// One line of text for an operator.
    public var text: String {
        let description = FeatureSchema.description(of: feature)
        return "\(workload), \(Explanation.number(value, description)) \(description.counts) in "
            + "\(scale.seconds) s at \(UTC.moment(Int64(second))), at all other times at most "
            + Explanation.number(otherwise, description)
    }

    /// The number of values that are named.
    private static let shownLines = 8

    /// A line for each of the farthest, and one that counts the others.
    public static func lines(_ all: [SetAside]) -> [String] {
        let shown = all.sorted { $0.steps > $1.steps }.prefix(shownLines)
        let more = all.count - shown.count
        return shown.map { "not learned, since it was seen once: \($0.text)" }
            + (more > 0 ? ["\(more) more were seen once, and not learned"] : [])
    }

    /// The farthest of each workload's episodes, in order of time.
    static func merged(_ all: [SetAside]) -> [SetAside] {
        var kept: [SetAside] = []
        for one in all.sorted(by: { ($1.steps, $0.second) < ($0.steps, $1.second) }) {
            let isKnown = kept.contains {
                $0.workload == one.workload
                    && abs($0.second - one.second) <= Int(Peak.reach(.long))
            }
            if !isKnown { kept.append(one) }
        }
        return kept.sorted { ($0.second, $0.workload) < ($1.second, $1.workload) }
    }
}

/// Which values are set aside.
///
/// A value that is a step or more above those of all other episodes is left out of the clean range,
/// so that one odd window moves no limit by as much as makes a window anomalous.
enum OddValues {
    /// The distance from all other episodes, in the feature's resolutions.
    static let leastSteps: Float = 1
    /// The least length of a training: in a short one, much that is usual was seen once.
    static let leastSeconds = 3600
    /// The windows, without those that overlap, that a group needs.
    static let leastWindows = 10

    /// What depends on contacts and names that the model knows: these are learned when they are
    /// seen once, and the first minute of a capture has connections that began before it.
    private static let learnedOnce: Set<Feature> = [
        .newEdges, .newEdgeFailed, .newPeers, .newPorts, .newNetworks, .newOutsidePeers,
        .dnsNewNames,
    ]

    /// By column, whether its values may be set aside.
    static let columns = Feature.allCases.map { !learnedOnce.contains($0) }
}
