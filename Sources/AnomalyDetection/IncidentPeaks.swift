import AnomalyModel
import AttackPatterns
public import FeatureExtraction
import NetworkAddresses

/// What the windows of an incident reached at most, beyond their clean ranges: what becomes
/// ordinary if the incident is benign.
public struct IncidentPeaks: Sendable {
    /// By scale and feature; 0: within the clean range. Empty before the first window.
    private var rows: [Float] = []
    /// The contacts that were new, the first ones.
    public private(set) var contacts: [Contact] = []
    /// Whether there were more.
    public private(set) var hasMoreContacts = false

    /// The greatest number of contacts.
    public static let mostContacts = 16

    init() {}

    /// The greatest raw values in windows of `scale`, in the order of the features.
    public func values(_ scale: Scale) -> [(feature: Feature, value: Float)] {
        guard !rows.isEmpty else { return [] }
        return Feature.allCases.compactMap { feature in
            let value = rows[Self.place(scale, feature)]
            return value > 0 ? (feature, value) : nil
        }
    }

    private static func place(_ scale: Scale, _ feature: Feature) -> Int {
        scale.rawValue * Feature.count + feature.rawValue
    }

    /// Adds the window of a verdict. What needs no baseline has no amount that could be ordinary.
    mutating func add(_ verdict: Verdict) {
        guard verdict.pattern?.isRule != true else { return }
        if rows.isEmpty {
            rows = [Float](repeating: 0, count: Scale.allCases.count * Feature.count)
        }
        let scale = verdict.window.scale
        var novelty: Float = 0
        verdict.grounds.forEachExcess { feature, value in
            let place = Self.place(scale, feature)
            rows[place] = max(rows[place], value)
            if feature.isNovelty { novelty = max(novelty, value) }
        }
        // Of more, the number becomes ordinary, and no contact known.
        guard novelty > 0, novelty <= Feedback.namedContacts else { return }
        if let contact = verdict.shownContact { add(contact) }
        let start = verdict.window.startSecond
        for contact in verdict.window.newContacts where contact.second >= start { add(contact) }
    }

    private mutating func add(_ contact: Contact) {
        let isKnown = contacts.contains {
            $0.address == contact.address && $0.ipProtocol == contact.ipProtocol
                && $0.port == contact.port
        }
        guard !isKnown else { return }
        if contacts.count < Self.mostContacts {
            contacts.append(contact)
        } else {
            hasMoreContacts = true
        }
    }
}
