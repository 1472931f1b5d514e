import AnomalyModel
import FeatureExtraction
import NetworkAddresses
import Workloads

/// What the windows of an identity and a scale are compared with.
final class Comparison: Sendable {
    /// The group whose baseline it is.
    let name: String
    let baseline: GroupBaseline
    let amounts: OrdinaryAmounts

    init(name: String, baseline: GroupBaseline, scale: Scale) {
        self.name = name
        self.baseline = baseline
        amounts = OrdinaryAmounts(of: baseline, seconds: scale.seconds)
    }
}

/// Remembers what each host's windows are compared with, so that no window looks for its group by
/// name.
struct Comparisons: Sendable {
    /// By the slot of the host in its tracker: whose comparisons they are.
    private var subjects: [IPAddress?] = []
    private var identities: [Identity?] = []
    /// By the slot, and by scale; nil: not yet known.
    private var found: [Comparison?] = []
    /// By scale and group, without feedback.
    private var groups: [[String: Comparison]] = Array(
        repeating: [:], count: Scale.allCases.count)

    /// The greatest slot, a bound of the memory.
    private static let slotLimit = 1 << 22

    /// The comparison for a window; nil if the model has no group for it.
    mutating func of(
        _ window: Window, _ identity: Identity, _ model: borrowing Model, _ feedback: FeedbackBook
    ) -> Comparison? {
        guard let slot = window.slot, (0..<Self.slotLimit).contains(slot) else {
            return make(window, identity, model, feedback)
        }
        let place = slot * Scale.allCases.count
        if slot >= subjects.count { makeRoom(for: slot) }
        if subjects[slot] != window.subject || identities[slot] != identity {
            subjects[slot] = window.subject
            identities[slot] = identity
            for scale in Scale.allCases { found[place + scale.rawValue] = nil }
        }
        if let known = found[place + window.scale.rawValue] { return known }
        let made = make(window, identity, model, feedback)
        found[place + window.scale.rawValue] = made
        return made
    }

    private mutating func makeRoom(for slot: Int) {
        let more = max(slot + 1, subjects.count * 2) - subjects.count
        subjects += [IPAddress?](repeating: nil, count: more)
        identities += [Identity?](repeating: nil, count: more)
        found += [Comparison?](repeating: nil, count: more * Scale.allCases.count)
    }

    private mutating func make(
        _ window: Window, _ identity: Identity, _ model: borrowing Model, _ feedback: FeedbackBook
    ) -> Comparison? {
        let scale = window.scale
        guard let (name, baseline) = model[scale].baseline.group(of: identity, scale: scale) else {
            return nil
        }
        func workload() -> String {
            Detector.feedbackName(workload: identity.name, subject: window.subject)
        }
        if feedback.allowed(for: workload(), scale: scale) != nil {
            return Comparison(
                name: name, baseline: feedback.widened(baseline, for: workload(), scale: scale),
                scale: scale)
        }
        if let known = groups[scale.rawValue][name] { return known }
        let made = Comparison(name: name, baseline: baseline, scale: scale)
        groups[scale.rawValue][name] = made
        return made
    }
}
