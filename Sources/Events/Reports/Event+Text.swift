import AnomalyDetection
import NetworkAddresses
import Quarantine
import TextFormats
import Timestamps

extension Event {
    /// The event as one line for people, without its time; nil for counters, for runtime events,
    /// which other tools log, and for responses, which log their steps themselves.
    public var text: String? {
        switch payload {
        case .alert(let alert): alert.text
        case .quarantine(let change): change.text
        case .response, .runtime, .stats: nil
        }
    }
}

extension Event.Severity {
    /// The word for people.
    public var word: String {
        switch self {
        case .high: "high"
        case .medium: "medium"
        case .low: "low"
        case .informational: "informational"
        }
    }
}

extension Event.Alert {
    /// `worker (10.60.4.13)`, or the address alone if it has no name of its own.
    var who: String {
        if offender.isUnspecified { return workload }
        return workload == "\(offender)" || workload == "outside"
            ? "\(offender)" : "\(workload) (\(offender))"
    }

    fileprivate var text: String {
        let title = signature.hasPrefix("Lazaret ") ? String(signature.dropFirst(8)) : signature
        var parts = [
            "alert, \(severity.word): \(title), \(who)"
                + (target.map { " -> \($0.text)" } ?? "")
        ]
        if let reason = reasons.first { parts.append(reason.text) }
        if let window {
            parts.append(UTC.span(Int64(window.lowerBound), Int64(window.upperBound)))
        }
        if let decision { parts.append(decision.rawValue) }
        if let identifier { parts.append("lazaret explain \(identifier)") }
        return parts.joined(separator: "; ")
    }
}

extension Event.QuarantineChange {
    fileprivate var text: String {
        let name = workload.flatMap { $0 == "\(target)" || $0.isEmpty ? nil : " (\($0))" } ?? ""
        let who = "\(target)\(name)"
        let end = "until \(UTC.moment(until))"
        if let failure {
            return action == .refuse
                ? "not fenced: \(who): \(failure)"
                : "\(action.rawValue) of \(who) failed: \(failure)"
        }
        let would = isDryRun ? "not enforcing: would " : ""
        switch action {
        case .add:
            return "\(would)fence \(who), \(response.rawValue), \(end): \(reason)"
                + (isDryRun ? "" : "; undo: \(undo)")
        case .protect:
            return "\(would)protect \(who), \(response.rawValue), \(end): \(reason)"
                + (isDryRun ? "" : "; undo: \(undo)")
        case .extend: return "\(would)extend the fence of \(who), \(end): \(reason)"
        case .release: return "released \(who): \(reason)"
        case .expire: return "expired: the fence of \(who)"
        case .refuse: return "not fenced: \(who): \(refusal ?? reason)"
        }
    }
}
