public import FeatureExtraction
public import NetworkAddresses

/// What a person said of an alert, and what the next windows of the same workload get for it.
///
/// *Benign*: the contact that the alert names is taken for known, and what the window held counts
/// as clean from now on, in windows as long and in longer ones; more than that is odd as before.
/// *Malicious*: the same pattern from the same workload may be fenced, however weak it is. The
/// model itself stays as it is.
public struct Feedback: Sendable, Equatable {
    public enum Judgement: String, Sendable { case benign, malicious }

    /// The alert's identifier.
    public var eventID: String
    public var judgement: Judgement
    /// Whom it is about: the workload, or the address where it has no name of its own.
    public var workload: String
    public var subject: IPAddress
    /// The flow that the alert names.
    public var peer: IPAddress?
    public var service: Service
    public var scale: Scale
    public var pattern: Pattern?
    /// Raw values of what made the window odd.
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

    /// New contacts that are excused by name, and not by number.
    static let namedContacts: Float = 3

    /// Whether it only tells of contacts: then the one that is named becomes known, and others stay
    /// new.
    var excusesContact: Bool {
        judgement == .benign && peer != nil
            && values.allSatisfy { !$0.key.isNovelty || $0.value <= Self.namedContacts }
    }

    /// The largest clean value, in a window of `scale`, that it stands for; by column, after the
    /// transform. Nil where it says nothing of such windows.
    func largest(_ scale: Scale) -> [Float]? {
        guard judgement == .benign, scale.rawValue >= self.scale.rawValue else { return nil }
        let ratio = Float(scale.seconds) / Float(self.scale.seconds)
        var row = [Float](repeating: -.infinity, count: Feature.count)
        for (feature, value) in values where !(excusesContact && feature.isNovelty) {
            // What goes on adds up in a longer window.
            let raw = feature.isVolume || feature == .newEdgeFailed ? value * ratio : value
            row[feature.rawValue] = FeatureSchema.description(of: feature)
                .transformed(raw, seconds: scale.seconds)
        }
        return row
    }
}

extension Feature {
    /// Whether it counts what the graph does not know.
    var isNovelty: Bool {
        switch self {
        case .newEdges, .newEdgeFailed, .newPeers, .newPorts, .newNetworks, .newOutsidePeers,
            .regularity:
            true
        default: false
        }
    }
}

/// All feedback, as the detector asks it.
struct FeedbackBook: Sendable {
    private struct Fence: Hashable {
        var workload: String
        var pattern: Pattern?
    }

    /// By workload and scale: largest clean values, after the transform.
    private var allowances: [String: [Scale: [Float]]] = [:]
    private var fences: Set<Fence> = []

    init(_ feedback: [Feedback] = []) {
        for said in feedback {
            if said.judgement == .malicious {
                fences.insert(Fence(workload: said.workload, pattern: said.pattern))
            }
            for scale in Scale.allCases {
                guard let largest = said.largest(scale) else { continue }
                let before = allowances[said.workload]?[scale] ?? largest
                allowances[said.workload, default: [:]][scale] = zip(before, largest).map(max)
            }
        }
    }

    /// The group's clean range, widened by what was called benign for `workload`.
    func widened(_ group: GroupBaseline, for workload: String, scale: Scale) -> GroupBaseline {
        guard !allowances.isEmpty, let allowed = allowances[workload]?[scale] else { return group }
        var widened = group
        for column in 0..<Feature.count {
            widened.largest[column] = max(group.largest[column], allowed[column])
        }
        return widened
    }

    /// Whether this was called malicious before.
    func mayFence(_ pattern: Pattern?, of workload: String) -> Bool {
        !fences.isEmpty && fences.contains(Fence(workload: workload, pattern: pattern))
    }
}
