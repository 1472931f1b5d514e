internal import EventStore
internal import Events
internal import FoundationEssentials
internal import Indicators
internal import NetworkAddresses
internal import Risk
internal import SenderAttribution
internal import Timestamps
internal import Workloads

/// Incidents and contacts with listed objects of the last days, by workload, from the store.
struct RiskEvidence {
    /// What is older hardly counts.
    private static let span = Interval.seconds(14 * 86_400)
    private static let incidentLimit = 5000
    private static let alertLimit = 5000
    /// Clocks and queues: alerts may arrive this much later than their time.
    private static let lateness = Interval.seconds(600)

    private(set) var incidents: [String: [RiskFactors.Incident]] = [:]
    /// The latest contact of each workload with each listed object.
    private var contacts: [String: [String: Contact]] = [:]
    /// Alerts until this time have been read.
    private var readUntil: Timestamp?

    private struct Contact {
        var time: Timestamp
        var confidence: Int
        var isProven: Bool
    }

    /// The workloads with evidence against them.
    var workloads: Set<String> { Set(incidents.keys).union(contacts.keys) }

    /// Reads what has changed since the last call.
    mutating func update(from store: EventStore, now: Timestamp) throws(EventStoreError) {
        let first = now - Self.span
        incidents = [:]
        for (incident, state) in try store.incidents(
            endedSince: Int64(first.second), limit: Self.incidentLimit)
        {
            guard let made = RiskFactors.Incident(incident, state, now: now),
                let accused = Self.accused(incident.workload, incident.offender)
            else { continue }
            incidents[accused, default: []].append(made)
        }
        // A clock that was set back may show other alerts: all are read again.
        if let readUntil, readUntil > now {
            self.readUntil = nil
            contacts = [:]
        }
        let since = max(first, (readUntil ?? first) - Self.lateness)
        let alerts = try store.alertsWithIndicators(since: since, limit: Self.alertLimit)
        readUntil = now
        for stored in alerts { add(stored) }
        contacts = contacts.mapValues { $0.filter { $0.value.time >= first } }
            .filter { !$0.value.isEmpty }
    }

    /// The workload that is accused; nil: only the target is known, or the offender is outside. A
    /// host of a private network that nobody names is one of ours, as for indicators.
    private static func accused(_ workload: String, _ offender: String) -> String? {
        guard workload == IdentityMap.outside else {
            return offender == "unknown" ? nil : workload
        }
        return IPAddress(offender)?.isPrivate == true ? offender : nil
    }

    private mutating func add(_ stored: StoredEvent) {
        guard let event = try? Event(eve: Data(stored.line.utf8)),
            case .alert(let alert) = event.payload,
            let workload = Self.accused(alert.workload, "\(alert.offender)")
        else { return }
        let isProven = alert.attribution.map { !$0.evidence.mayBeForged } ?? false
        for hit in alert.indicators where hit.value != "\(alert.offender)" {
            let found = Contact(
                time: event.time, confidence: hit.confidence, isProven: isProven)
            let known = contacts[workload]?[hit.value]
            // Proof and confidence of earlier contacts stay with the object.
            contacts[workload, default: [:]][hit.value] = Contact(
                time: max(found.time, known?.time ?? found.time),
                confidence: max(found.confidence, known?.confidence ?? 0),
                isProven: found.isProven || known?.isProven ?? false)
        }
    }

    /// The listed objects that a workload contacted, by value.
    func indicators(of workload: String, now: Timestamp) -> [RiskFactors.Indicator] {
        (contacts[workload] ?? [:]).sorted { $0.key < $1.key }.map { value, contact in
            RiskFactors.Indicator(
                value: value, confidence: contact.confidence, isProven: contact.isProven,
                ageDays: max(0, (now - contact.time).inSeconds / 86_400))
        }
    }
}

extension RiskFactors.Incident {
    /// Nil: the stored text cannot be read, or the incident is only about listed objects, which
    /// count on their own.
    init?(_ stored: StoredIncident, _ state: Triage.State, now: Timestamp) {
        guard
            let facts = try? JSONDecoder().decode(
                IncidentSummary.self, from: Data(stored.json.utf8)),
            !facts.isOnlyAboutIndicators
        else { return nil }
        self.init(
            id: facts.eventID, summary: facts.summary,
            severity: facts.severity == .high ? .high : facts.severity == .medium ? .medium : .low,
            isProven: facts.evidence.flatMap(Evidence.init).map { !$0.mayBeForged } ?? false,
            ageDays: max(0, (Double(now.second) - Double(facts.end)) / 86_400),
            judgement: state == .malicious
                ? .malicious : state == .benign || state == .closed ? .dismissed : .open)
    }
}
