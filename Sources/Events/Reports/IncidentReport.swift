public import AnomalyDetection
import AttackPatterns
import FeatureExtraction
import NetworkAddresses
public import Quarantine
import RuntimeEvents
import SenderAttribution
import TextFormats
import Timestamps

/// Incidents as text for the operator.
public enum IncidentReport {
    /// A few lines for each incident: offender, time, pattern with numbers, and the decision.
    ///
    /// - Parameters:
    ///   - decisions: the policy's decisions, in order.
    ///   - isColoured: whether to use the terminal's colours.
    public static func table(
        _ incidents: [Incident], decisions: [QuarantineDecision], isColoured: Bool
    ) -> String {
        guard !incidents.isEmpty else {
            return "No incidents: all traffic matches the baseline.\n"
        }
        var text = ""
        for (number, incident) in incidents.enumerated() {
            text += block(number + 1, incident, decisions, isColoured)
        }
        return text
    }

    private static func block(
        _ number: Int, _ incident: Incident, _ decisions: [QuarantineDecision], _ isColoured: Bool
    ) -> String {
        func paint(_ text: String, _ code: String) -> String {
            isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
        }
        let isFence = incident.level == .quarantine
        let titles = incident.patternsByStrength.prefix(3).map(\.title)
        let title = titles.isEmpty ? "unusual traffic" : titles.joined(separator: ", ")
        let technique = incident.strongest.pattern?.technique.map { " (\($0))" } ?? ""
        let who =
            incident.isAgainstTarget
            ? "\(incident.workload) to \(incident.target.map { "\($0)" } ?? "several")"
            : incident.workload == "\(incident.offender)"
                ? "\(incident.offender)" : "\(incident.workload.printable) (\(incident.offender))"
        var lines = [
            paint("#\(number)", "1") + "  \(incident.timeText)  " + paint(who, "1") + "  "
                + paint(title, isFence ? "31" : "33") + technique
        ]
        if let target = incident.attacked { lines.append("      target: \(target.text.printable)") }
        for event in incident.runtimeEvents.prefix(4) {
            lines.append("      " + event.text(from: incident.firstSecond).printable)
        }
        if incident.runtimeEvents.count > 4 {
            lines.append("      \(incident.runtimeEvents.count - 4) further runtime events")
        }
        for reason in incident.strongest.reasons.prefix(3) {
            lines.append("      " + reason.text.printable)
        }
        if let link = incident.spoofingLink {
            lines.append("      sent by interface \(link), which borrowed the addresses of others")
        }
        if let running = incident.strongest.running { lines.append("      \(running.text)") }
        lines.append("      evidence: \(evidence(of: incident).printable)")
        lines.append(
            """
                  score \(JSONObject.number(Double(incident.strongest.score), digits: 3)), \
            threshold \
            \(JSONObject.number(Double(incident.strongest.threshold), digits: 3)), against \
            the baseline of \
            \(incident.strongest.baselineName.printable); \(incident.verdictCount) anomalous \
            windows
            """
        )
        for other in others(of: incident) {
            lines.append("      also: \(other.span.timeText)  \(other.text.printable)")
            if let target = other.verdict.attacked {
                lines.append("            target: \(target.text.printable)")
            }
            lines.append("            evidence: \(evidence(of: other.verdict).printable)")
        }
        lines.append("      " + decision(incident, decisions).printable)
        return lines.joined(separator: "\n") + "\n"
    }

    /// The evidence against the offender, in words.
    package static func evidence(of incident: Incident) -> String {
        evidence(of: incident.strongest)
    }

    /// The same, of one verdict.
    package static func evidence(of verdict: Verdict) -> String {
        let attribution = verdict.window.attribution
        return "\(attribution.evidence.rawValue), \(attribution.text)"
    }

    /// A pattern of an incident besides that of its strongest verdict.
    package struct Other {
        package var verdict: Verdict
        package var span: Incident.Span
        /// Its name and amount, and its class in ATT&CK.
        package var text: String
    }

    /// The patterns of an incident besides that of its strongest verdict, the strongest first.
    package static func others(of incident: Incident) -> [Other] {
        incident.patternsByStrength.compactMap { pattern in
            guard pattern != incident.strongest.pattern, let verdict = incident.patterns[pattern],
                let span = incident.spans[pattern]
            else { return nil }
            let technique = pattern.technique.map { " (\($0))" } ?? ""
            return Other(verdict: verdict, span: span, text: verdict.summary + technique)
        }
    }

    /// The decision about an incident, in words.
    package static func decision(_ incident: Incident, _ decisions: [QuarantineDecision]) -> String
    {
        if let fence = fence(of: incident, decisions) {
            let words = "-> quarantine \(fence.target), \(fence.rule.action.rawValue), "
            let isOlder = fence.time < Timestamp(second: incident.firstSecond)
            if isOlder || fence.kind == .extend {
                return words
                    + "already active, until \(UTC.moment(fence.rule.expires))"
            }
            return words + "for \((fence.rule.expires - fence.time).wholeSeconds / 60) min"
        }
        if let why = refusal(of: incident, decisions) { return "-> watch: not fenced, \(why)" }
        return incident.level == .quarantine ? "-> watch: once is not enough to fence" : "-> watch"
    }

    /// The fence that an incident led to, or that was already active for its offender; of several,
    /// the one that expires last.
    package static func fence(
        of incident: Incident, _ decisions: [QuarantineDecision]
    ) -> QuarantineDecision? {
        let first = Timestamp(second: incident.firstSecond - 1)
        let last = Timestamp(second: incident.lastWindowSecond + 2)
        var fence: QuarantineDecision?
        for decided in decisions where decided.time < last && concerns(decided, incident) {
            switch decided.kind {
            case .add, .extend:
                guard decided.rule.action.isAgainstTarget else { continue }
                if decided.rule.expires >= fence?.rule.expires ?? .distantPast { fence = decided }
            case .release, .expire:
                if decided.time < first, fence?.target == decided.target { fence = nil }
            case .refuse: break
            }
        }
        return fence.flatMap { $0.rule.expires > first ? $0 : nil }
    }

    /// Why a rule that an incident requested was refused; nil: it was not.
    static func refusal(
        of incident: Incident, _ decisions: [QuarantineDecision]
    ) -> String? {
        for decided in decisionsOf(incident, decisions) {
            if case .refuse(let why) = decided.kind { return "\(why)" }
        }
        return nil
    }

    /// The decisions that an incident led to.
    package static func decisionsOf(
        _ incident: Incident, _ decisions: [QuarantineDecision]
    ) -> [QuarantineDecision] {
        decisions.filter { decided in
            let second = decided.time.second
            return second >= incident.firstSecond - 1 && second <= incident.lastWindowSecond + 1
                && concerns(decided, incident)
        }
    }

    private static func concerns(_ decided: QuarantineDecision, _ incident: Incident) -> Bool {
        switch decided.target {
        case .prefix(let prefix): prefix.contains(incident.offender)
        case .link(let link): incident.spoofingLink == link
        case .port(let name): incident.portName == name
        }
    }
}

extension Incident {
    /// Its start and end, with date and zone.
    package var timeText: String { UTC.span(Int64(firstSecond), Int64(lastSecond + 1)) }
}
