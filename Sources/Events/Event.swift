public import Timestamps

/// An event that Lazaret reports: an alert, a change of the quarantine, a response, what another
/// tool said of a workload's processes, or a monitor's counters.
///
/// It is created where it happens, and later stages filter on its fields. EVE JSON is one of its
/// formats: `eve` renders a line, `init(eve:)` parses one.
public struct Event: Sendable, Equatable {
    /// What an event reports; the raw values are those of `event_type`.
    public enum Kind: String, Sendable, CaseIterable {
        case alert, quarantine, response, runtime, stats
    }

    /// How urgent an event is; the raw values are Suricata's.
    public enum Severity: Int, Sendable {
        case high = 1
        case medium, low, informational
    }

    /// The facts of one kind of event.
    public enum Payload: Sendable, Equatable {
        case alert(Alert)
        case quarantine(QuarantineChange)
        case response(ResponseChange)
        case runtime(RuntimeReport)
        case stats(Statistics)
    }

    public var time: Timestamp
    public var payload: Payload

    public init(time: Timestamp, _ payload: Payload) {
        self.time = time
        self.payload = payload
    }

    public var kind: Kind {
        switch payload {
        case .alert: .alert
        case .quarantine: .quarantine
        case .response: .response
        case .runtime: .runtime
        case .stats: .stats
        }
    }

    public var severity: Severity {
        switch payload {
        case .alert(let alert): alert.severity
        case .quarantine, .response: .medium
        case .runtime(let report): report.severity
        case .stats: .informational
        }
    }

    /// The alert's or the rule's identifier. Every change of a rule has the same one.
    public var identifier: String? {
        switch payload {
        case .alert(let alert): alert.identifier
        case .quarantine(let change): change.quarantineID
        case .response(let change): change.quarantineID
        case .runtime, .stats: nil
        }
    }

    /// The rule that the event is about, or that acts on an alert's offender.
    public var quarantineID: String? {
        switch payload {
        case .alert(let alert): alert.quarantineID
        case .quarantine(let change): change.quarantineID
        case .response(let change): change.quarantineID
        case .runtime, .stats: nil
        }
    }

    /// The workload or the target of the event; empty for counters.
    public var subject: String {
        switch payload {
        case .alert(let alert): alert.workload
        case .quarantine(let change): "\(change.target)"
        case .response(let change): change.target
        case .runtime(let report): report.workload
        case .stats: ""
        }
    }
}

/// An event with its line of EVE JSON, which is rendered once for all sinks.
public struct RenderedEvent: Sendable {
    public let event: Event
    /// One JSON object, without the newline.
    public let line: String

    public init(_ event: Event) {
        self.event = event
        line = event.eve
    }
}
