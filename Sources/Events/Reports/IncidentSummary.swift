public import AnomalyDetection
import AttackPatterns
public import FeatureExtraction
public import NetworkAddresses
public import Quarantine
public import RuntimeEvents
import SenderAttribution
import TextFormats
import Timestamps

/// An incident as JSON, for `replay --format json`, the store and the control server.
public struct IncidentSummary: Sendable, Equatable {
    /// Identifier of its first alert.
    public var eventID: String
    public var offender: String
    public var workload: String
    /// The MAC address of an offender that spoofed addresses.
    public var link: String?
    /// Seconds since 1970.
    public var start: Int
    public var end: Int
    /// The strongest pattern first.
    public var patterns: [String]
    /// Each of them with its times, targets and evidence, in the same order; empty in incidents
    /// that earlier versions stored.
    public var patternDetails: [PatternDetail] = []
    public var technique: String?
    public var summary: String
    public var score: Double
    public var pValue: Double
    public var threshold: Double
    public var baseline: String
    /// The number of its anomalous windows.
    public var windows: Int
    public var decision: Event.Alert.Decision
    /// That of its strongest alert.
    public var severity: Event.Severity
    public var quarantineID: String?
    /// Why no rule was added although one was requested.
    public var refusal: String?
    /// Those of the window that `summary`, `score` and `scale` are about.
    public var reasons: [Event.Alert.Reason]
    public var scale = Scale.short
    /// The evidence against the offender; nil in incidents that earlier versions stored.
    public var evidence: String?
    public var evidenceText: String?
    /// The port of the node by which its packets came.
    public var port: String?
    /// Whom it acts on.
    public var target: AttackTarget?
    /// Where it acts on several, the first of them, with their names.
    public var targets: [AttackTarget.Host] = []
    /// How many addresses it acts on, at least.
    public var targetCount = 0
    /// What was said of the workload's processes before and during it, the earliest first.
    public var runtimeEvents: [RuntimeEvent] = []
    /// What its windows reached at most; nil in incidents that earlier versions stored.
    public var peaks: Peaks?

    public var targetAddress: IPAddress? { target?.address }
    public var targetText: String? { target?.text }
    /// The names and addresses of offender and targets, to search in.
    public var ends: [String] {
        [workload, offender, targetText ?? ""]
            + targets.flatMap { [$0.workload ?? "", "\($0.address)"] }
    }
    /// Whether nothing but contacts with listed addresses and names raised it.
    public var isOnlyAboutIndicators: Bool {
        !patterns.isEmpty && patterns.allSatisfy { Pattern(named: $0)?.isIndicator ?? false }
    }

    public init(
        eventID: String, offender: String, workload: String, start: Int, end: Int,
        patterns: [String], summary: String, score: Double, pValue: Double, threshold: Double,
        baseline: String, windows: Int, decision: Event.Alert.Decision,
        severity: Event.Severity = .low,
        reasons: [Event.Alert.Reason]
    ) {
        self.eventID = eventID
        self.offender = offender
        self.workload = workload
        self.start = start
        self.end = end
        self.patterns = patterns
        self.summary = summary
        self.score = score
        self.pValue = pValue
        self.threshold = threshold
        self.baseline = baseline
        self.windows = windows
        self.decision = decision
        self.severity = severity
        self.reasons = reasons
    }

    /// - Parameter decisions: the decisions about rules, in order.
    public init(_ incident: Incident, decisions: [QuarantineDecision]) {
        let rule = IncidentReport.fence(of: incident, decisions)?.rule
        let strongest = incident.strongest
        eventID = incident.eventID
        offender = incident.isAgainstTarget ? "unknown" : "\(incident.offender)"
        workload = incident.workload
        link = incident.spoofingLink.map { "\($0)" }
        start = incident.firstSecond
        end = incident.lastSecond + 1
        patterns = incident.patternsByStrength.map(\.rawValue)
        patternDetails = incident.patternDetails
        technique = strongest.pattern?.technique
        summary = strongest.summary
        score = Double(strongest.score)
        pValue = strongest.pValue
        threshold = Double(strongest.threshold)
        baseline = strongest.baselineName
        windows = incident.verdictCount
        decision = rule == nil ? .watch : .quarantine
        severity = Event.Severity(strongest)
        quarantineID = rule?.id
        refusal = rule == nil ? IncidentReport.refusal(of: incident, decisions) : nil
        reasons = strongest.reasons.map(Event.Alert.Reason.init)
        scale = strongest.window.scale
        let attribution = strongest.window.attribution
        evidence = attribution.evidence.rawValue
        evidenceText = attribution.text
        port = incident.portName
        target = incident.attacked
        targets = incident.targets
        targetCount = incident.targetCount
        runtimeEvents = incident.runtimeEvents
        peaks = Peaks(incident.peaks)
    }

    /// One object on one line.
    public var json: String {
        var object = JSONObject()
        object.put("event_id", eventID)
        object.put("offender", offender)
        object.put("workload", workload)
        object.put("mac", link)
        object.put("start", start)
        object.put("end", end)
        object.put("patterns", patterns)
        if !patternDetails.isEmpty {
            object.put("pattern_details", patternDetails.map(\.object))
        }
        object.put("technique", technique)
        object.put("summary", summary)
        object.put("score", score)
        object.put("p_value", pValue, significant: 2)
        object.put("threshold", threshold)
        object.put("baseline", baseline)
        object.put("windows", windows)
        object.put("decision", decision.rawValue)
        object.put("severity", severity.rawValue)
        object.put("quarantine_id", quarantineID)
        object.put("refused_because", refusal)
        object.put("scale_s", scale.seconds)
        object.put("reasons", json: Event.Alert.Reason.json(reasons, scale))
        object.put("evidence", evidence)
        object.put("evidence_text", evidenceText)
        object.put("port", port)
        target?.put(in: &object)
        if targetCount > 1 {
            object.put("targets", targets.map(\.object))
            object.put("target_count", targetCount)
        }
        if !runtimeEvents.isEmpty {
            object.put("runtime_events", runtimeEvents.map { $0.object(from: start) })
        }
        peaks?.put(in: &object)
        return object.text
    }
}

extension IncidentSummary: Decodable {
    private enum Key: String, CodingKey {
        case offender, workload, start, end, patterns, technique, summary, score, threshold
        case baseline, windows, decision, severity, reasons, evidence, port, targets
        case targetCount = "target_count"
        case patternDetails = "pattern_details"
        case scale = "scale_s"
        case evidenceText = "evidence_text"
        case runtimeEvents = "runtime_events"
        case eventID = "event_id"
        case link = "mac"
        case pValue = "p_value"
        case quarantineID = "quarantine_id"
        case refusal = "refused_because"
    }

    public init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        self.init(
            eventID: try object.decode(String.self, forKey: .eventID),
            offender: try object.decode(String.self, forKey: .offender),
            workload: try object.decode(String.self, forKey: .workload),
            start: try object.decode(Int.self, forKey: .start),
            end: try object.decode(Int.self, forKey: .end),
            patterns: try object.decode([String].self, forKey: .patterns).map {
                Pattern(named: $0)?.rawValue ?? $0
            },
            summary: try object.decode(String.self, forKey: .summary),
            score: try object.decode(Double.self, forKey: .score),
            pValue: try object.decode(Double.self, forKey: .pValue),
            threshold: try object.decode(Double.self, forKey: .threshold),
            baseline: try object.decode(String.self, forKey: .baseline),
            windows: try object.decode(Int.self, forKey: .windows),
            decision: try object.decode(Event.Alert.Decision.self, forKey: .decision),
            reasons: try object.decode([Event.Alert.Reason].self, forKey: .reasons))
        // Earlier versions did not keep it.
        severity =
            try object.decodeIfPresent(Int.self, forKey: .severity)
            .flatMap(Event.Severity.init(rawValue:)) ?? (decision == .quarantine ? .medium : .low)
        patternDetails =
            try object.decodeIfPresent([PatternDetail].self, forKey: .patternDetails) ?? []
        link = try object.decodeIfPresent(String.self, forKey: .link)
        technique = try object.decodeIfPresent(String.self, forKey: .technique)
        quarantineID = try object.decodeIfPresent(String.self, forKey: .quarantineID)
        refusal = try object.decodeIfPresent(String.self, forKey: .refusal)
        evidence = try object.decodeIfPresent(String.self, forKey: .evidence)
        evidenceText = try object.decodeIfPresent(String.self, forKey: .evidenceText)
        port = try object.decodeIfPresent(String.self, forKey: .port)
        runtimeEvents =
            try object.decodeIfPresent([RuntimeEvent].self, forKey: .runtimeEvents) ?? []
        let seconds = try object.decodeIfPresent(Int.self, forKey: .scale)
        scale = Scale.allCases.first { $0.seconds == seconds } ?? .short
        targets = try object.decodeIfPresent([AttackTarget.Host].self, forKey: .targets) ?? []
        targetCount = try object.decodeIfPresent(Int.self, forKey: .targetCount) ?? 0
        target = try AttackTarget(try decoder.container(keyedBy: TargetKey.self))
        peaks = try Peaks(from: decoder)
    }
}
