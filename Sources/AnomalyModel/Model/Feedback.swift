public import AttackPatterns
public import BaselineGraph
public import FeatureExtraction
public import NetworkAddresses

/// An operator's judgement of an alert, and its effect on later windows of the same workload.
///
/// *Benign*: the contact that the alert names becomes known, and the values of the window count as
/// clean from now on, in windows of the same or greater length; greater values are anomalous as
/// before. *Malicious*: the same pattern from the same workload may be fenced, however weak it is.
/// The model itself does not change.
public struct Feedback: Sendable, Equatable {
    public enum Judgement: String, Sendable { case benign, malicious }

    /// The alert's identifier.
    public var eventID: String
    public var judgement: Judgement
    /// The workload that it applies to, or the address if the subject has no name of its own.
    public var workload: String
    public var subject: IPAddress
    /// The flow that the alert names.
    public var peer: IPAddress?
    public var service: Service
    public var scale: Scale
    public var pattern: Pattern?
    /// The raw values of the features that made the window anomalous.
    public var values: [Feature: Float]

    public init(
        eventID: String, judgement: Judgement, workload: String, subject: IPAddress,
        peer: IPAddress?, service: Service, scale: Scale, pattern: Pattern?,
        values: [Feature: Float]
    ) {
        self.eventID = eventID
        self.judgement = judgement
        self.workload = workload
        self.subject = subject
        self.peer = peer
        self.service = service
        self.scale = scale
        self.pattern = pattern
        self.values = values
    }

    /// Up to this many new contacts, the named one becomes known; beyond, their number counts as
    /// clean.
    package static let namedContacts: Float = 3

    /// Whether the named contact explains the novelty: then it becomes known, and others stay new.
    package var excusesContact: Bool {
        judgement == .benign && peer != nil
            && values.allSatisfy { !$0.key.isNovelty || $0.value <= Self.namedContacts }
    }

    /// The largest clean values in a window of `scale` by this feedback; by column, after the
    /// transform. Nil if the feedback does not apply to such windows.
    package func largest(_ scale: Scale) -> [Float]? {
        guard judgement == .benign, scale.rawValue >= self.scale.rawValue else { return nil }
        let ratio = Float(scale.seconds) / Float(self.scale.seconds)
        var row = [Float](repeating: -.infinity, count: Feature.count)
        for (feature, value) in values where !(excusesContact && feature.isNovelty) {
            // A volume that continues adds up in a longer window.
            let raw = feature.isVolume || feature == .newEdgeFailed ? value * ratio : value
            row[feature.rawValue] = FeatureSchema.description(of: feature)
                .transformed(raw, seconds: scale.seconds)
        }
        return row
    }
}

extension Feature {
    /// Whether it counts contacts that are not in the graph.
    package var isNovelty: Bool {
        switch self {
        case .newEdges, .newEdgeFailed, .newPeers, .newPorts, .newNetworks, .newOutsidePeers,
            .regularity:
            true
        default: false
        }
    }
}

/// All feedback, indexed for the detector.
package struct FeedbackBook: Sendable {
    private struct Fence: Hashable {
        var workload: String
        var pattern: Pattern?
    }

    /// The largest clean values by workload and scale, after the transform.
    private var allowances: [String: [Scale: [Float]]] = [:]
    private var fences: Set<Fence> = []
    /// Patterns without a baseline that were judged benign.
    private var excused: Set<Fence> = []

    package init(_ feedback: [Feedback] = []) {
        for said in feedback {
            if said.judgement == .malicious {
                fences.insert(Fence(workload: said.workload, pattern: said.pattern))
            } else if said.pattern?.isRule == true {
                excused.insert(Fence(workload: said.workload, pattern: said.pattern))
            }
            for scale in Scale.allCases {
                guard let largest = said.largest(scale) else { continue }
                let before = allowances[said.workload]?[scale] ?? largest
                allowances[said.workload, default: [:]][scale] = zip(before, largest).map(max)
            }
        }
    }

    /// Returns the group's clean range, widened by the feedback *benign* for `workload`.
    package func widened(_ group: GroupBaseline, for workload: String, scale: Scale)
        -> GroupBaseline
    {
        guard !allowances.isEmpty, let allowed = allowances[workload]?[scale] else { return group }
        var widened = group
        for column in 0..<Feature.count {
            widened.largest[column] = max(group.largest[column], allowed[column])
        }
        return widened
    }

    /// Whether a pattern that needs no baseline was judged benign for this workload.
    package func excuses(_ pattern: Pattern, of workload: String) -> Bool {
        excused.contains(Fence(workload: workload, pattern: pattern))
    }

    /// The values that feedback made clean in a window of `scale`, after the transform.
    package func allowed(for workload: @autoclosure () -> String, scale: Scale) -> [Float]? {
        allowances.isEmpty ? nil : allowances[workload()]?[scale]
    }

    /// Whether this pattern of this workload was judged malicious before.
    package func mayFence(_ pattern: Pattern?, of workload: String) -> Bool {
        !fences.isEmpty && fences.contains(Fence(workload: workload, pattern: pattern))
    }
}
