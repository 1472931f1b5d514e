internal import EventStore
internal import Monitor
internal import Quarantine
import StatusReport

/// The responses of the operations.
extension Schema {
    static let status = object(
        [
            ("version", string), ("pid", integer), ("started", nanoseconds),
            ("updated", nanoseconds),
            ("phase", string(oneOf: MonitorStatus.Phase.allCases.map(\.rawValue))),
            ("is_enforcing", boolean), ("applies_rules", boolean),
            ("interfaces", array(of: string)),
            ("missing", array(of: string)), ("identities", string), ("named_workloads", count),
            ("capture", map(of: count)), ("decoder", map(of: count)),
            ("malformed", map(of: count)), ("flow", map(of: count)),
            ("packets_per_second", number), ("bits_per_second", number),
            ("resident_bytes", count), ("rested_seconds", number), ("hosts", count),
            ("hosts_dropped", count), ("windows", count), ("windows_scored", count),
            ("windows_unscored", count), ("verdicts", count), ("verdicts_dropped", count),
            ("fences", count), ("fence_evidence", map(of: count)), ("is_breaker_open", boolean),
            ("events_lost", count),
            ("sinks", array(of: sink)), ("entrances", array(of: entrance)),
            ("scores", array(of: count)),
            ("verdict_latency", histogram), ("fence_latency", histogram), ("alerts", count),
            ("alerts_suppressed", count), ("alerts_muted", count), ("actions", map(of: count)),
            ("responses", array(of: responses)),
            ("troubles", array(of: string)),
        ],
        optional: [
            ("state_directory", string), ("blind", string), ("model", modelSummary),
            ("model_file", string),
            ("learning", learning), ("runtime_events", array(of: runtimeSource)),
            ("history", history), ("enforcement", open([("mode", string)])),
            ("alerts_by_pattern", map(of: map(of: count))), ("reload", reload),
        ])

    private static let reload = object(
        [("read", nanoseconds)], optional: [("failed", nanoseconds), ("reason", string)])

    private static let responses = object([
        ("action", string), ("applied", count), ("failed", count), ("retried", count),
        ("undone", count), ("skipped", count), ("left", count), ("standing", count),
        ("waiting", count),
    ])

    private static let runtimeSource = object(
        [
            ("name", string), ("lines", count), ("joined", count), ("malformed", count),
            ("oversized", count), ("foreign", count), ("below", count), ("of_host", count),
            ("unknown", count), ("ambiguous", count), ("out_of_time", count), ("refused", count),
        ], optional: [("trouble", string)])

    private static let sink = object(
        [
            ("name", string), ("written", count), ("lost", count), ("waiting", count),
            ("lag_seconds", number),
        ], optional: [("trouble", string)])

    private static let entrance = object(
        [
            ("name", string(oneOf: ["socket", "port"])), ("address", string),
            ("wrong_tokens", count), ("refused_tokens", count),
        ], optional: [("trouble", string)])

    private static let histogram = object([("counts", array(of: count)), ("sum", number)])

    private static let modelSummary = object([
        ("id", string), ("first_second", integer), ("last_second", integer), ("workloads", count),
        ("quality", array(of: quality)),
    ])

    private static let quality = object([
        ("name", string), ("windows", count), ("minutes", count), ("contacts", count),
        ("arriving", count), ("gaps", array(of: string)),
    ])

    private static let learning = object([
        ("seconds_done", count), ("seconds_total", count), ("windows", count),
        ("workloads", count), ("facts", count), ("arriving", map(of: count)),
        ("suspects", array(of: string)),
    ])

    static let rate = object([
        ("second", integer), ("packets", number), ("bits", number), ("verdicts", count),
    ])

    static let scores = object([
        ("total", count),
        (
            "workloads",
            array(
                of: object([
                    ("workload", string), ("scores", array(of: integer(0...100))),
                ]))
        ),
    ])

    static let contact = object([("from", string), ("to", string), ("service", string)])

    static let model = object([
        ("id", string), ("created", timestamp), ("sources", string), ("note", string),
        ("active", boolean),
    ])

    /// EVE JSON has further members, depending on the event's type.
    static let event = open([("timestamp", timestamp), ("event_type", string)])

    static let incident = open(
        [
            ("event_id", string), ("offender", string), ("workload", string), ("start", integer),
            ("end", integer), ("summary", string), ("score", number),
            ("decision", string(oneOf: ["watch", "quarantine"])), ("reasons", array(of: reason)),
            ("patterns", array(of: string)),
            ("triage", triage),
        ],
        optional: [
            ("target", string), ("target_text", string), ("targets", array(of: target)),
            ("target_count", count), ("pattern_details", array(of: patternDetail)),
            ("quarantine_id", string), ("refused_because", string), ("outcome", outcome),
        ])

    /// What became of the decision.
    private static let outcome = object(
        [
            ("state", string(oneOf: IncidentOutcome.State.allCases.map(\.rawValue))),
            ("text", string),
        ], optional: [("until", timestamp)])

    private static let patternDetail = open(
        [
            ("pattern", string), ("start", integer), ("end", integer), ("windows", count),
            ("summary", string), ("score", number), ("threshold", number),
            ("severity", integer(1...4)), ("scale_s", count), ("reasons", array(of: reason)),
            ("evidence", string), ("evidence_text", string),
        ],
        optional: [
            ("technique", string), ("target", string), ("target_text", string),
            ("targets", array(of: target)),
        ])

    private static let reason = open([("text", string)])

    private static let target = object([("address", string)], optional: [("workload", string)])

    static let rule = open([
        ("id", string), ("target", string), ("response", action), ("in_force", boolean),
        ("dry_run", boolean), ("remaining_seconds", number), ("until", timestamp),
        ("until_ns", nanoseconds), ("packets_held", count), ("bytes_held", count),
        ("level", count), ("reason", string), ("by", string), ("forced", boolean),
    ])

    static let addition = object(
        [
            ("id", string), ("target", string), ("response", action), ("until", timestamp),
            ("until_ns", nanoseconds),
        ], optional: [("overridden", string)])

    static let targets = array(of: string)

    static let problem = object(
        [("title", string), ("status", integer(400...599)), ("detail", string)],
        optional: [("parameter", string)])

    private static let action = string(oneOf: QuarantineRule.Action.allCases.map(\.rawValue))
    /// Nanoseconds since 1970.
    private static let nanoseconds = integer(0...Int64.max)
    /// The format of EVE JSON: 2026-11-21T01:12:57.000250+0000.
    private static let timestamp = string
}
