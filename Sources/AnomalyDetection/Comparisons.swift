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
/// name. All windows are of one tracker, or of none.
struct Comparisons: Sendable {
    /// What is known of the host in a slot of its tracker.
    private struct Host {
        var number: UInt64 = 0
        /// By scale, the place of its comparison, or one of the values below.
        var places: [3 of Int32] = .init(repeating: Self.unknown)

        static let unknown: Int32 = -1
        /// The model has no group for it.
        static let none: Int32 = -2
    }

    private var hosts: [Host] = []
    /// All comparisons, and their amounts one after the other.
    private var all: [Comparison] = []
    private var amounts: [Float] = []
    /// The places of comparisons by scale, group, and workload with feedback.
    private var places: [[Key: Int32]] = Array(repeating: [:], count: Scale.allCases.count)

    private struct Key: Hashable {
        var group: String
        var workload: String?
    }

    /// The greatest slot, a bound of the memory.
    private static let slotLimit = 1 << 22

    /// The comparison for a window; nil if the model has no group for it.
    mutating func of(
        _ window: Window, _ identity: Identity, _ model: borrowing Model, _ feedback: FeedbackBook
    ) -> Comparison? {
        let place = place(
            window.slot, window.hostNumber, window.subject, window.scale, identity, model, feedback)
        return place < 0 ? nil : all[Int(place)]
    }

    /// Whether no judge would report the window whose values the tracker has just completed. True
    /// only for a short one, or a medium one where minutes do not count, without a takeover or an
    /// outage, that has no group or lies within its group's range.
    ///
    /// - Parameter judgesMinutes: whether minutes that are ordinary by themselves count.
    mutating func ruleOut(
        _ tracker: inout WindowTracker, _ model: borrowing Model, _ feedback: FeedbackBook,
        judgesMinutes: Bool
    ) -> Bool {
        let scale = tracker.window.scale
        guard scale == .short || scale == .medium && !judgesMinutes,
            tracker.window.takeover == nil, tracker.window.outage == nil
        else { return false }
        let place = place(
            tracker.window.slot, tracker.window.hostNumber, tracker.window.subject, scale,
            tracker.window.identity, model, feedback)
        guard place >= 0 else { return place == Host.none }
        return OrdinaryAmounts.contain(
            tracker.window.values, amounts.span, from: Int(place) * Feature.count)
    }

    /// The place of a host's comparison, `Host.none`, or `Host.unknown` without an identity.
    private mutating func place(
        _ slot: Int?, _ number: UInt64, _ subject: IPAddress, _ scale: Scale,
        _ identity: @autoclosure () -> Identity?, _ model: borrowing Model,
        _ feedback: FeedbackBook
    ) -> Int32 {
        let slot = makeRoom(for: slot, number)
        if let slot, hosts[slot].places[scale.rawValue] != Host.unknown {
            return hosts[slot].places[scale.rawValue]
        }
        guard let identity = identity() else { return Host.unknown }
        let place = find(subject, scale, identity, model, feedback)
        if let slot { hosts[slot].places[scale.rawValue] = place }
        return place
    }

    /// Returns the slot if it is one of a tracker; what is known there is of the host with this
    /// number.
    private mutating func makeRoom(for slot: Int?, _ number: UInt64) -> Int? {
        guard number != 0, let slot, (0..<Self.slotLimit).contains(slot) else { return nil }
        if slot >= hosts.count {
            let more = max(slot + 1, hosts.count * 2) - hosts.count
            hosts += [Host](repeating: Host(), count: more)
        }
        if hosts[slot].number != number { hosts[slot] = Host(number: number) }
        return slot
    }

    private mutating func find(
        _ subject: IPAddress, _ scale: Scale, _ identity: Identity, _ model: borrowing Model,
        _ feedback: FeedbackBook
    ) -> Int32 {
        guard let (name, baseline) = model[scale].baseline.group(of: identity, scale: scale) else {
            return Host.none
        }
        func workload() -> String {
            Detector.feedbackName(workload: identity.name, subject: subject)
        }
        let isAllowed = feedback.allowed(for: workload(), scale: scale) != nil
        let key = Key(group: name, workload: isAllowed ? workload() : nil)
        if let known = places[scale.rawValue][key] { return known }
        let widened =
            isAllowed ? feedback.widened(baseline, for: workload(), scale: scale) : baseline
        let made = Comparison(name: name, baseline: widened, scale: scale)
        places[scale.rawValue][key] = Int32(all.count)
        all.append(made)
        made.amounts.append(to: &amounts)
        return Int32(all.count - 1)
    }
}
