public import AnomalyDetection
import AttackPatterns
public import FeatureExtraction
import NetworkAddresses
import SenderAttribution
import TextFormats

extension IncidentSummary {
    /// One of the patterns of an incident, with what its strongest window says.
    public struct PatternDetail: Sendable, Equatable {
        public var pattern: String
        public var technique: String?
        /// Seconds since 1970; `end` is exclusive.
        public var start: Int
        public var end: Int
        /// The number of its anomalous windows.
        public var windows: Int
        public var summary: String
        public var score: Double
        public var threshold: Double
        public var severity: Event.Severity
        public var reasons: [Event.Alert.Reason]
        public var scale: Scale
        public var evidence: String
        public var evidenceText: String
        /// Whom it acts on.
        public var target: AttackTarget?
        /// Where it acts on several, the first of them, with their names.
        public var targets: [AttackTarget.Host] = []

        /// - Parameter span: when it was seen.
        init(_ pattern: Pattern, _ verdict: Verdict, _ span: Incident.Span) {
            self.pattern = pattern.rawValue
            technique = pattern.technique
            start = span.firstSecond
            end = span.lastSecond + 1
            windows = span.verdictCount
            summary = verdict.summary
            score = Double(verdict.score)
            threshold = Double(verdict.threshold)
            severity = Event.Severity(verdict)
            reasons = verdict.reasons.map(Event.Alert.Reason.init)
            scale = verdict.window.scale
            evidence = verdict.window.attribution.evidence.rawValue
            evidenceText = verdict.window.attribution.text
            target = verdict.attacked
            targets = verdict.targets
        }
    }
}

extension Incident {
    /// Each of its patterns, the strongest first.
    var patternDetails: [IncidentSummary.PatternDetail] {
        patternsByStrength.compactMap { pattern in
            guard let verdict = patterns[pattern], let span = spans[pattern] else { return nil }
            return IncidentSummary.PatternDetail(pattern, verdict, span)
        }
    }
}

extension Incident.Span {
    /// Its start and end, with date and zone.
    package var timeText: String { UTC.span(Int64(firstSecond), Int64(lastSecond + 1)) }
}

extension IncidentSummary.PatternDetail {
    /// An object of an incident's `pattern_details`.
    var object: JSONObject {
        var object = JSONObject()
        object.put("pattern", pattern)
        object.put("technique", technique)
        object.put("start", start)
        object.put("end", end)
        object.put("windows", windows)
        object.put("summary", summary)
        object.put("score", score)
        object.put("threshold", threshold)
        object.put("severity", severity.rawValue)
        object.put("scale_s", scale.seconds)
        object.put("reasons", json: Event.Alert.Reason.json(reasons, scale))
        object.put("evidence", evidence)
        object.put("evidence_text", evidenceText)
        target?.put(in: &object)
        if targets.count > 1 { object.put("targets", targets.map(\.object)) }
        return object
    }
}

extension IncidentSummary.PatternDetail: Decodable {
    private enum Key: String, CodingKey {
        case pattern, technique, start, end, windows, summary, score, threshold, severity
        case reasons, evidence, targets
        case scale = "scale_s"
        case evidenceText = "evidence_text"
    }

    public init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        let name = try object.decode(String.self, forKey: .pattern)
        pattern = Pattern(named: name)?.rawValue ?? name
        technique = try object.decodeIfPresent(String.self, forKey: .technique)
        start = try object.decode(Int.self, forKey: .start)
        end = try object.decode(Int.self, forKey: .end)
        windows = try object.decode(Int.self, forKey: .windows)
        summary = try object.decode(String.self, forKey: .summary)
        score = try object.decode(Double.self, forKey: .score)
        threshold = try object.decode(Double.self, forKey: .threshold)
        severity =
            Event.Severity(rawValue: try object.decode(Int.self, forKey: .severity)) ?? .low
        reasons = try object.decode([Event.Alert.Reason].self, forKey: .reasons)
        let seconds = try object.decode(Int.self, forKey: .scale)
        scale = Scale.allCases.first { $0.seconds == seconds } ?? .short
        evidence = try object.decode(String.self, forKey: .evidence)
        evidenceText = try object.decode(String.self, forKey: .evidenceText)
        targets = try object.decodeIfPresent([AttackTarget.Host].self, forKey: .targets) ?? []
        target = try AttackTarget(try decoder.container(keyedBy: TargetKey.self))
    }
}
