public import EventStore
public import FlowHistory
public import Posture
internal import Quarantine
internal import TextFormats
public import Timestamps

/// A model that the monitor used, as far as its file can be read.
public struct BaselineFacts: Sendable, Equatable {
    public var id: String
    public var workloads: Int
    public var contacts: Int
    /// The time of the traffic that it learned from.
    public var trained: Range<Timestamp>

    public init(id: String, workloads: Int, contacts: Int, trained: Range<Timestamp>) {
        self.id = id
        self.workloads = workloads
        self.contacts = contacts
        self.trained = trained
    }
}

/// What a report is made of, beside the standard.
public struct EvidenceSources {
    public var store: EventStore
    /// Nil: there is no flow history.
    public var history: HistoryReader?
    /// Nil: settings of containers were not read.
    public var posture: PostureReport?
    public var baselines: [BaselineFacts] = []
    /// Nil: scanners' reports, or what runs, were not read.
    public var images: ImageFacts?
    public var policyChecks: [PolicyCheckFacts] = []
    /// How long the monitor is configured to keep events and flows, such as `30d`; nil: unknown.
    public var eventAge: String?
    public var flowAge: String?

    public init(store: EventStore) { self.store = store }
}

/// Collects each kind of evidence once. Nothing is written.
struct EvidenceCollector {
    let sources: EvidenceSources
    let period: Range<Timestamp>
    /// The audit trail at the end of the period.
    let trail: TrailFacts
    let runs: RunTimes
    /// From before this time, no events are kept.
    let eventsSince: Timestamp?
    private var known: [EvidenceKind: Evidence] = [:]
    /// Read when a control needs it.
    private(set) var traffic: Result<FlowTraffic?, HistoryError>?

    init(
        _ sources: EvidenceSources, in period: Range<Timestamp>
    ) throws(EventStoreError) {
        self.sources = sources
        self.period = period
        trail = try TrailFacts(sources.store, in: period)
        var runs = RunTimes(period)
        try sources.store.eachStatistics(in: period) { time, uptime, drops in
            runs.add(time, uptime: uptime, drops: drops)
        }
        runs.finish()
        self.runs = runs
        eventsSince = try sources.store.earliestEvent()
    }

    /// - Parameter control: whose retention counts for the kind `retention`.
    mutating func evidence(
        _ kind: EvidenceKind, for control: ComplianceStandard.Control
    ) throws(EventStoreError) -> Evidence {
        if kind.isOfFlows, traffic == nil {
            traffic = Result { () throws(HistoryError) in
                try sources.history?.traffic(in: period)
            }
        }
        if kind == .retention { return retention(days: control.retentionDays ?? 0) }
        if let found = known[kind] { return found }
        var evidence = try collect(kind)
        if kind.isOfTrail {
            evidence.exceptions += trail.problems
            if let gap = trail.gap(in: period) { evidence.gaps.append(gap) }
        }
        if !evidence.isPresent, evidence.sentence.isEmpty {
            evidence.sentence = "no records in this period"
        }
        known[kind] = evidence
        return evidence
    }

    private mutating func collect(_ kind: EvidenceKind) throws(EventStoreError) -> Evidence {
        switch kind {
        case .baseline: baseline
        case .alerts: try alerts(isListed: false)
        case .indicators: try alerts(isListed: true)
        case .runtimeEvents: try runtimeEvents
        case .incidents: try incidents
        case .triage: try triage
        case .quarantine: try rules
        case .responses: try audit(kind, .responses)
        case .auditChain: trail.evidence(in: period)
        case .auditAdminActions: try audit(kind, .persons)
        case .sensorHealth: sensorHealth
        case .trafficMatrix: trafficMatrix
        case .plaintextProtocols: plaintext
        case .posture(let check): posture(check)
        case .images: images
        case .policyCheck: sources.policyChecks.evidence(in: period)
        case .retention: Evidence(kind, "")
        }
    }

    // MARK: - The monitor

    /// Parts of the period in which nothing shows that the monitor ran, or from which events are
    /// no longer kept.
    var monitoringGaps: [Evidence.Gap] {
        var gaps = runs.gaps.map {
            Evidence.Gap(
                from: $0.lowerBound, to: $0.upperBound,
                reason: "no record shows that the monitor ran")
        }
        if let eventsSince, eventsSince > period.lowerBound + .seconds(3600) {
            gaps.append(
                Evidence.Gap(
                    from: period.lowerBound, to: min(eventsSince, period.upperBound),
                    reason: "no events are kept from this time"))
        }
        return gaps
    }

    private var sensorHealth: Evidence {
        var evidence = Evidence(.sensorHealth, "")
        evidence.count = runs.rows
        (evidence.first, evidence.last) = (runs.first, runs.last)
        evidence.gaps = monitoringGaps
        guard runs.rows > 0 else { return evidence }
        let length = period.upperBound - period.lowerBound
        evidence.sentence =
            "the monitor ran for \(Words.length(runs.covered)) of \(Words.length(length)); "
            + "\(Words.count(runs.starts, "start", "starts")); "
            + "\(Words.count(runs.drops, "packet was", "packets were")) dropped by the kernel"
        if runs.gapCount > runs.gaps.count {
            evidence.sentence += "; \(runs.gapCount) gaps, the first are listed"
        }
        return evidence
    }

    private var baseline: Evidence {
        var evidence = Evidence(.baseline, "")
        let models = sources.baselines.filter { $0.trained.upperBound < period.upperBound }
        evidence.count = Int64(models.count)
        guard let latest = models.max(by: { $0.trained.upperBound < $1.trained.upperBound }) else {
            evidence.sentence = "no model of before the period's end is kept"
            return evidence
        }
        evidence.first = models.map(\.trained.lowerBound).min()
        evidence.last = latest.trained.upperBound
        evidence.sentence =
            "the latest of \(Words.count(models.count, "model", "models")) has "
            + "\(Words.count(latest.contacts, "contact", "contacts")) of "
            + "\(Words.count(latest.workloads, "workload", "workloads"))"
        evidence.references = models.suffix(Evidence.referenceLimit).map {
            Evidence.Reference(
                record: "model \($0.id)",
                about: "traffic from \(Words.time($0.trained.lowerBound)) to "
                    + Words.time($0.trained.upperBound))
        }
        return evidence
    }

    /// - Parameter days: for which the control wants records to be kept.
    private func retention(days: Int) -> Evidence {
        var evidence = Evidence(.retention, "")
        let wanted = period.upperBound - .seconds(Int64(days) * 86_400)
        let kept: [(name: String, oldest: Timestamp?, setting: String?)] = [
            ("the audit trail", trail.first?.entry.time, nil),
            ("events", eventsSince, sources.eventAge),
            ("flows", (try? traffic?.get())?.oldest, sources.flowAge),
        ]
        var parts: [String] = []
        for (name, oldest, setting) in kept {
            let configured = setting.map { " (configured: \($0))" } ?? ""
            guard let oldest, oldest < period.upperBound else {
                parts.append("\(name): none\(configured)")
                continue
            }
            evidence.count += 1
            evidence.first = min(evidence.first ?? oldest, oldest)
            parts.append("\(name) since \(Words.time(oldest))\(configured)")
            guard oldest > wanted else { continue }
            let isWhole = name == "the audit trail" && trail.first?.number == 1
            evidence.gaps.append(
                Evidence.Gap(
                    from: wanted, to: oldest,
                    reason: isWhole
                        ? "the audit trail begins later; nothing of it was deleted"
                        : "\(name) of this time: not kept, or there were none"))
        }
        evidence.last = evidence.isPresent ? period.upperBound : nil
        evidence.sentence = "wanted: \(days) days; oldest records: " + parts.joined(separator: ", ")
        return evidence
    }
}
