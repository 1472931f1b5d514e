public import AnomalyDetection
import AttackPatterns
import FeatureExtraction
import Indicators
import NetworkAddresses
public import Quarantine
import RuntimeEvents
import SenderAttribution
import Timestamps

extension Event.Alert {
    /// Creates an alert from a verdict; the caller adds the decision about its offender.
    public init(_ verdict: Verdict, identifier: String, modelID: String) {
        let window = verdict.window
        self.init(
            identifier: identifier, looksLike: verdict.pattern,
            severity: Event.Severity(verdict), offender: verdict.subject,
            workload: verdict.workload, scale: window.scale, score: Double(verdict.score))
        link = window.mac == .zero ? nil : window.mac
        attribution = window.attribution
        contact = verdict.shownContact.flatMap(Contact.init)
        target = verdict.attacked
        self.window = window.startSecond..<window.endSecond + 1
        pValue = verdict.pValue
        threshold = Double(verdict.threshold)
        running = verdict.running
        baseline = verdict.baselineName
        self.modelID = modelID
        pattern = verdict.pattern
        reasons = verdict.reasons.map(Reason.init)
        indicators = verdict.indicators
        // The alert of an indicator has this as its reason already.
        if verdict.pattern?.isIndicator != true {
            reasons += indicators.map { Reason(text: $0.text) }
        }
        runtimeEvents = verdict.runtimeEvents
        if let raising = verdict.raisedBy, let firstSecond {
            reasons.append(
                Reason(text: "more urgent for a runtime event: \(raising.text(from: firstSecond))"))
        }
    }
}

extension Event {
    /// The event of a decision about a rule.
    ///
    /// - Parameter failure: why it failed; nil: done, except for the last call to the kernel in a
    ///   dry run.
    public init(_ decision: QuarantineDecision, isDryRun: Bool, failure: String? = nil) {
        let rule = decision.rule
        var change = QuarantineChange(
            quarantineID: rule.id, action: QuarantineChange.Action(decision),
            target: rule.target, response: rule.action, until: rule.expires,
            reason: decision.reason, undo: rule.undo)
        if case .refuse(let why) = decision.kind { change.refusal = "\(why)" }
        change.eventID = rule.eventID.isEmpty ? nil : rule.eventID
        change.workload = rule.workload
        change.isDryRun = isDryRun
        change.failure = failure
        // What failed has fenced nobody.
        if failure != nil, change.action == .add || change.action == .protect {
            change.action = .refuse
        }
        self.init(time: decision.time, .quarantine(change))
    }
}

extension Event.Severity {
    init(_ verdict: Verdict) {
        self = verdict.level == .watch ? .low : verdict.isFarBeyond ? .high : .medium
        if verdict.isMoreUrgent { self = raised }
    }
}

extension Verdict {
    /// Whether what else is known of its addresses, or of the workload's processes, makes it one
    /// level more urgent.
    public var isMoreUrgent: Bool {
        raisedBy != nil || indicators.contains { $0.confidence >= IndicatorHit.confident }
    }
}

extension Event.Alert.Contact {
    init(_ contact: FeatureExtraction.Contact) {
        let hasPorts = contact.hasPorts
        self.init(
            address: contact.address, ipProtocol: contact.ipProtocol,
            sourcePort: hasPorts ? contact.sourcePort : nil, port: hasPorts ? contact.port : nil)
    }
}

extension Event.Alert.Reason {
    init(_ reason: Verdict.Reason) {
        let description = FeatureSchema.description(of: reason.feature)
        self.init(
            text: reason.text,
            measurement: Event.Alert.Measurement(
                feature: description.name, value: Double(reason.value), unit: description.unit,
                baselineMedian: Double(reason.baselineMedian),
                baselineP99: Double(reason.baselineP99), share: Double(reason.share)))
    }
}

extension Event.QuarantineChange.Action {
    fileprivate init(_ decision: QuarantineDecision) {
        self =
            switch decision.kind {
            case .add: decision.isFence ? .add : .protect
            case .extend: .extend
            case .release: .release
            case .expire: .expire
            case .refuse: .refuse
            }
    }
}
