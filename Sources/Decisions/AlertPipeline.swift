package import AnomalyDetection
import AttackPatterns
package import Events
internal import FeatureExtraction
import Indicators
internal import NetworkAddresses
package import Quarantine
package import RuntimeEvents
import SenderAttribution
internal import Timestamps

/// Processes verdicts into incidents, decisions, and the events that report them, both in replay
/// and live.
package struct AlertPipeline<Decider: QuarantineDecider> {
    package var modelID: String
    /// The capture or the interface; nil for several.
    package var origin: Event.Alert.Origin?
    package var decider: Decider
    package var incidents: IncidentTracker
    /// The folder for the packets of incidents; nil: they are not saved.
    package var sliceFolder: String?
    /// What scanners report of a workload's image; nil: nothing that an alert says.
    package var image: @Sendable (_ workload: String) -> Event.Alert.Image? = { _ in nil }
    /// What other tools said of the workloads' processes; nil: nothing.
    package var runtime: RuntimeEventLog?
    /// Whether events are made; false where nobody reads them.
    package var makesEvents = true

    /// The results of one verdict.
    package struct Result {
        package var outcomes: [QuarantineOutcome]
        /// Whether an alert was due and was suppressed.
        package var isSuppressed = false
        /// Whether its alert is muted.
        package var isMuted = false
        /// The events in order.
        package var events: [Event]
    }

    package init(
        modelID: String, origin: Event.Alert.Origin?, decider: Decider,
        openLimit: Int = IncidentTracker.mostOpen, runtime: RuntimeEventLog? = nil
    ) {
        self.runtime = runtime
        incidents = IncidentTracker(openLimit: min(openLimit, IncidentTracker.mostOpen))
        self.modelID = modelID
        self.origin = origin
        self.decider = decider
    }

    /// Processes one verdict.
    ///
    /// - Parameters:
    ///   - mayAlert: false if too many alerts have already been reported; a new rule is reported
    ///     nevertheless.
    ///   - isMuted: whether an operator has muted such alerts: an event is made to be kept, not to
    ///     be reported, except for a new rule.
    package mutating func process(
        _ found: Verdict, mayAlert: Bool = true, isMuted: Bool = false
    ) -> Result {
        let verdict = withRuntimeEvents(found)
        let (outcomes, rule) = decider.decide(
            Self.request(verdict),
            about: verdict.subject, link: verdict.window.mac, port: verdict.port?.name)
        let isWorthAlert = incidents.observe(verdict, eventID: Self.eventID(verdict))
        guard makesEvents else { return Result(outcomes: outcomes, events: []) }
        var events: [Event] = []
        let hasFence = outcomes.contains(where: \.decision.isFence)
        if isWorthAlert && mayAlert || hasFence {
            events.append(alert(verdict, rule, isMuted: isMuted && !hasFence))
        }
        var result = Result(outcomes: outcomes, events: [])
        result.isSuppressed = isWorthAlert && events.isEmpty
        result.isMuted = isMuted && isWorthAlert && !hasFence
        result.events = events + outcomes.map(event)
        return result
    }

    /// Runtime events change how urgent an alert is and what it says: no decision reads them.
    private func withRuntimeEvents(_ verdict: Verdict) -> Verdict {
        guard let runtime else { return verdict }
        let window = verdict.window
        var verdict = verdict
        (verdict.runtimeEvents, verdict.raisedBy) = runtime.context(
            of: verdict.workload, from: window.startSecond, until: window.endSecond)
        return verdict
    }

    private func alert(_ verdict: Verdict, _ rule: QuarantineRule?, isMuted: Bool) -> Event {
        var alert = Event.Alert(verdict, identifier: Self.eventID(verdict), modelID: modelID)
        // Of several interfaces, the port by which its packets came.
        alert.origin = origin ?? alert.attribution?.portName.map(Event.Alert.Origin.interface)
        alert.captureFile = sliceFolder.flatMap { folder in
            incidents.current(of: verdict.subject, target: verdict.protects)?
                .packetPath(in: folder)
        }
        alert.decision = rule == nil ? .watch : .quarantine
        alert.quarantineID = rule?.id
        alert.isBlocked = rule != nil && decider.isEnforcing
        alert.isMuted = isMuted
        if let image = image(verdict.workload) {
            alert.add(image, isRaised: verdict.isMoreUrgent)
        }
        return Event(time: Self.end(of: verdict), .alert(alert))
    }

    /// The event of a decision that was carried out, or failed.
    package func event(_ outcome: QuarantineOutcome) -> Event {
        Event(
            outcome.decision, isDryRun: !decider.isEnforcing,
            failure: outcome.failure.map { "\($0)" })
    }

    /// The end of the verdict's window.
    private static func end(of verdict: Verdict) -> Timestamp {
        verdict.window.end
    }

    /// The end of the traffic that a verdict rests on.
    private static func lastTraffic(of verdict: Verdict) -> Timestamp {
        min(Timestamp(second: verdict.lastTraffic.upperBound + 1), end(of: verdict))
    }

    /// The rule that a verdict requests: against its offender, or for a target of which only the
    /// target is known; nil: none.
    private static func request(_ verdict: Verdict) -> EnforcementRequest? {
        if let target = verdict.protects, verdict.isOfNewFlows {
            let reasons = verdict.reasons
            var request = EnforcementRequest(
                time: end(of: verdict), window: .seconds(verdict.window.scale.seconds),
                target: target, score: Double(verdict.score), threshold: Double(verdict.threshold),
                eventID: eventID(verdict), reason: verdict.summary(reasons),
                features: featureNames(of: reasons))
            request.lastTraffic = lastTraffic(of: verdict)
            return request
        }
        guard verdict.level == .quarantine else { return nil }
        let (scale, reasons) = (verdict.window.scale, verdict.reasons)
        var request = EnforcementRequest(
            time: Self.end(of: verdict),
            window: .seconds(scale.seconds), offender: verdict.subject,
            spoofingLink: verdict.isBorrowing && verdict.window.mac != .zero
                && !verdict.isAtUnnamedPort ? verdict.window.mac : nil,
            port: verdict.port, isProven: !verdict.window.evidence.mayBeForged,
            target: verdict.target, workload: verdict.workload, score: Double(verdict.score),
            threshold: Double(verdict.threshold), isFarBeyond: verdict.isFarBeyond,
            eventID: eventID(verdict), reason: verdict.summary(reasons),
            features: featureNames(of: reasons))
        request.lastTraffic = lastTraffic(of: verdict)
        request.evidence = verdict.window.evidence.rawValue
        request.isAtUnnamedPort =
            verdict.isAtUnnamedPort
            && (verdict.isBorrowing || !verdict.window.isListedAtPort)
        return request
    }

    private static func featureNames(of reasons: [Verdict.Reason]) -> String {
        reasons.map { FeatureSchema.description(of: $0.feature).name }
            .joined(separator: ",")
    }

    /// The event's identifier: 16 hexadecimal digits, the FNV-1a hash of subject, scale and time.
    /// A window has the same one whatever model has judged it.
    private static func eventID(_ verdict: Verdict) -> String {
        let window = verdict.window
        let subject = verdict.protects.map { "to \($0)" } ?? "\(verdict.subject)"
        let listed = window.indicator.map { " listed \($0.value)" } ?? ""
        let text = "\(subject) \(window.scale.seconds) \(window.endSecond)\(listed)"
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Verdict {
    /// The port that leads to the offender; nil where the kernel does not know it.
    fileprivate var port: QuarantinePort? {
        let name = window.portName
        guard window.evidence == .port, case .port = QuarantineTarget("port:" + name) else {
            return nil
        }
        return QuarantinePort(
            name: name, instance: window.portInstance.isEmpty ? nil : window.portInstance,
            ownsAddress: window.isListedAtPort)
    }

    /// Whether the port that leads to the offender has a name that no rule can have. The MAC
    /// addresses of its frames are no evidence then: its host may write any.
    fileprivate var isAtUnnamedPort: Bool {
        window.evidence == .port && !window.portName.isEmpty && port == nil
    }

    /// The attacked address, where another host may have sent the packets.
    fileprivate var target: IPAddress? {
        let contact = window.lastContact
        guard window.evidence.mayBeForged, contact.second >= window.startSecond,
            !contact.address.isUnspecified
        else { return nil }
        return contact.address
    }

    /// Whether a limit of new flows towards the target helps.
    fileprivate var isOfNewFlows: Bool {
        switch pattern {
        case .synFlood, .packetFlood, .guessing: true
        default: false
        }
    }

    /// Whether the offender used borrowed addresses: a rule on its own address would block little.
    fileprivate var isBorrowing: Bool {
        pattern == .spoofing || pattern?.isTakeover == true
            || window.forgedCount * 10 > Int(window[.flows])
    }
}
