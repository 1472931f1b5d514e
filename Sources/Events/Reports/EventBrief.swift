import AnomalyDetection
import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import Quarantine
import TextFormats
package import Timestamps

/// What a notification says about an alert or a change of the quarantine.
///
/// The texts come from packets, labels and names of containers; whoever writes a message escapes
/// them.
package struct EventBrief: Sendable, Equatable {
    /// A change of a rule, and its result.
    package struct Change: Sendable, Equatable {
        package var action: Event.QuarantineChange.Action
        /// The rule's action, such as `drop`.
        package var response: String
        package var until: Timestamp
        package var reason: String
        package var isDryRun: Bool
        package var failure: String?
        /// The command that removes the rule.
        package var release: String

        /// Whether a rule is active now that was not before.
        package var hasBegun: Bool {
            failure == nil && !isDryRun && (action == .add || action == .protect)
        }

        /// Whether the rule is over.
        package var hasEnded: Bool { failure == nil && (action == .release || action == .expire) }
    }

    package var severity: Event.Severity
    /// The offender's address, or the rule's target.
    package var subject: String
    /// The workload's own name; nil: it has none.
    package var workload: String?
    package var isOutside = false
    /// The name of the pattern in events, and for people.
    package var pattern: String?
    package var title: String?
    /// Whom the packets act on.
    package var target: String?
    package var reasons: [String] = []
    package var eventID: String?
    /// After so many seconds without another alert the incident is over.
    package var quietSeconds = 0
    /// Nil: this is an alert.
    package var change: Change?

    /// Nil for other kinds of events.
    package init?(_ event: Event) {
        switch event.payload {
        case .alert(let alert): self.init(alert)
        case .quarantine(let change): self.init(change)
        default: return nil
        }
    }

    private init(_ alert: Event.Alert) {
        severity = alert.severity
        // Of several senders that are not known, the alert names the target.
        subject = alert.offender.isUnspecified ? alert.workload : "\(alert.offender)"
        isOutside = alert.workload == "outside"
        let isNamed = !isOutside && !alert.workload.isEmpty && alert.workload != subject
        workload = isNamed ? alert.workload : nil
        pattern = alert.pattern?.rawValue
        title = alert.pattern?.title ?? "unusual traffic"
        target = alert.target?.text
        reasons = alert.reasons.map(\.text)
        eventID = alert.identifier
        // A continuing incident raises an alert for each window's length.
        quietSeconds = alert.scale.seconds + Self.slackSeconds
    }

    /// The quiet that ends an incident (`IncidentTracker`), and the delay of an alert.
    private static let slackSeconds = IncidentTracker.quietSeconds + 60

    private init(_ change: Event.QuarantineChange) {
        severity = change.failure == nil ? .medium : .high
        subject = "\(change.target)"
        isOutside = change.workload == "outside"
        if let name = change.workload, !name.isEmpty, !isOutside, name != subject {
            workload = name
        }
        reasons = change.action == .expire ? [] : [change.reason].filter { !$0.isEmpty }
        eventID = change.eventID
        self.change = Change(
            action: change.action, response: change.response.rawValue, until: change.until,
            reason: change.refusal ?? change.reason, isDryRun: change.isDryRun,
            failure: change.failure,
            release: Shell.line(["lazaret", "quarantine", "release", subject]))
    }
}
