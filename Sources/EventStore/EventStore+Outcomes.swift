internal import FoundationEssentials
internal import Quarantine
internal import TextFormats
public import Timestamps

/// What became of the decision about an incident's offender.
public struct IncidentOutcome: Sendable, Equatable {
    /// The raw values are the words in JSON.
    public enum State: String, CaseIterable, Sendable {
        /// It was only reported.
        case watched
        /// A safety limit forbade a rule.
        case refused
        case fenced
        /// The rule exists in a dry run only.
        case wouldFence = "would_fence"
        /// An operator, or a change of the node, ended the rule before its time.
        case released
        case expired
        /// The rule ended otherwise, or is no longer in the ledger.
        case ended
    }

    public var state: State
    /// The same in words, with times, the person and the reason.
    public var text: String
    /// The expiry of the rule.
    public var until: Timestamp?

    /// Creates an outcome.
    public init(_ state: State, text: String, until: Timestamp? = nil) {
        self.state = state
        self.text = text
        self.until = until
    }

    /// One object: `state`, `text` and, of a rule, `until`.
    public var json: String {
        var object = JSONObject()
        object.put("state", state.rawValue)
        object.put("text", text)
        object.put("until", until.map(UTC.timestamp))
        return object.text
    }
}

extension EventStore {
    /// What became of the decisions about incidents, by the ledger.
    ///
    /// - Parameter now: rules that are older than their expiry have expired, also if no monitor has
    ///   noted that.
    /// - Returns: an outcome for each incident, by its identifier.
    public func outcomes(
        of incidents: [StoredIncident], at now: Timestamp
    ) throws(EventStoreError) -> [String: IncidentOutcome] {
        let decided = incidents.map { ($0.id, IncidentDecision($0)) }
        let rules = Dictionary(
            grouping: try rules(ofDecisions: Set(decided.compactMap(\.1.quarantine_id))), by: \.id)
        return Dictionary(
            decided.map { id, decision in
                (id, decision.outcome(by: rules[decision.quarantine_id ?? ""] ?? [], at: now))
            }, uniquingKeysWith: { first, _ in first })
    }
}

/// The members of an incident that say what was decided. Reading the others takes longer.
private struct IncidentDecision: Decodable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var quarantine_id: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var refused_because: String?

    init(_ incident: StoredIncident) {
        let read = try? JSONDecoder().decode(Self.self, from: Data(incident.json.utf8))
        quarantine_id = read?.quarantine_id
        refused_because = read?.refused_because
    }

    /// - Parameter rules: those of the decision, on each of the offender's addresses.
    func outcome(by rules: [QuarantineRule], at now: Timestamp) -> IncidentOutcome {
        guard quarantine_id != nil else {
            return refused_because.map { IncidentOutcome(.refused, text: "refused: \($0)") }
                ?? IncidentOutcome(.watched, text: "watch")
        }
        // Of several, the one that is active for longest, else the one that was.
        let order = rules.sorted {
            ($0.isOver ? 1 : 0, $1.expires) < ($1.isOver ? 1 : 0, $0.expires)
        }
        guard let rule = order.first else {
            return IncidentOutcome(.ended, text: "was fenced; its rule is no longer in the ledger")
        }
        let until = UTC.moment(rule.expires)
        let action = rule.action == .drop ? "" : " (\(rule.action.rawValue))"
        let isExpired = rule.isOver ? rule.ending == "time over" : rule.expires <= now
        if rule.isDryRun {
            let words = isExpired || rule.isOver ? "would have been fenced" : "would be fenced"
            return IncidentOutcome(
                .wouldFence, text: "\(words) until \(until)\(action): dry run",
                until: rule.expires)
        }
        if isExpired {
            return IncidentOutcome(
                .expired, text: "fence expired at \(until)\(action)", until: rule.expires)
        }
        guard rule.isOver else {
            return IncidentOutcome(
                .fenced, text: "fenced until \(until)\(action)", until: rule.expires)
        }
        let ending = rule.ending.isEmpty ? "the fence has ended" : rule.ending
        return ending.hasPrefix("released")
            ? IncidentOutcome(.released, text: ending, until: rule.expires)
            : IncidentOutcome(.ended, text: "fence ended: \(ending)", until: rule.expires)
    }
}

extension QuarantineRule {
    /// Whether it was ended, or is being removed.
    fileprivate var isOver: Bool { state == .ended || state == .removing }
}
