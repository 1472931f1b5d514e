import AnomalyDetection
import AnomalyModel
import Decisions
import Events
import FeatureExtraction
import Indicators
import NetworkAddresses
import Quarantine
import RuntimeEventFiles
import RuntimeEvents
import SenderAttribution
import Timestamps
import Workloads

/// Runs detector, incidents and policy on captures: consumes windows, and returns verdicts and
/// events.
struct CaptureAnalyzer {
    private var detector: Detector
    private var alerts: AlertPipeline<PlannedQuarantine>
    private var known: RecordedWorkloads
    /// Addresses of the node that recorded the captures.
    private var nodeAddresses: Set<IPAddress> = []
    /// Whether the policy's inventory lacks the latest changes.
    private var isBehind = false
    private var result = Replay.Outcome()
    /// Whether events are kept.
    private let keepsEvents: Bool
    private let indicators: IndicatorTable?
    /// Runtime events that are still to come; nil: none are given.
    private var runtime: RecordedRuntimeEvents?
    private var containers: ContainerIndex?
    /// Whether memory is short: no further events are kept, and no further offenders are followed.
    var isCramped = false {
        didSet { alerts.incidents.isCramped = isCramped }
    }
    /// Events beyond `mostEvents`, or while memory is short.
    private var lostEvents = 0

    /// Limits on the open incidents, the events, and the anomalous windows of unknown hosts that
    /// are scored per second: they bound memory and time for a capture with forged sources.
    private static let mostOffenders = 16_384
    private static let mostEvents = 200_000
    private static let unknownHostsPerSecond = 10_000

    init(
        model: Model, known: RecordedWorkloads, policyOptions: QuarantinePolicyOptions,
        capture: String?, sliceFolder: String? = nil, keepsEvents: Bool = false,
        omitted: Set<DetectorPart> = [], indicators: IndicatorTable? = nil,
        runtime: RecordedRuntimeEvents? = nil
    ) {
        self.runtime = runtime
        self.known = known
        self.indicators = indicators
        self.keepsEvents = keepsEvents
        let inventory = known.inventory
        detector = Detector(model: model, inventory: inventory)
        detector.unknownHostLimit = Self.unknownHostsPerSecond
        detector.omitted = omitted
        alerts = AlertPipeline(
            modelID: model.identifier, origin: capture.map(Event.Alert.Origin.capture),
            decider: PlannedQuarantine(
                QuarantinePolicy(options: policyOptions, inventory: inventory)),
            openLimit: Self.mostOffenders, runtime: runtime == nil ? nil : RuntimeEventLog())
        alerts.sliceFolder = sliceFolder
        alerts.makesEvents = keepsEvents
    }

    /// The results so far.
    var outcome: Replay.Outcome {
        var outcome = result
        outcome.incidents = alerts.incidents.all
        outcome.windowCount = detector.seenCount
        outcome.inventory = known.inventory
        outcome.warnings += warnings
        outcome.runtimeSummary = runtime?.summary
        return outcome
    }

    /// Warnings about the limits that were exceeded.
    private var warnings: [String] {
        [
            (detector.unscoredCount, "anomalous windows of unknown hosts were not scored"),
            (alerts.incidents.overlooked, "verdicts exceeded the limit of open incidents"),
            (lostEvents, "events were left out"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1): the capture has too many sources" }
    }

    /// Applies changes of address owners.
    mutating func apply(_ change: WorkloadChange) {
        known.apply(change)
        containers = nil
        isBehind = true
    }

    /// The evidence about a window's workload, on the scale of `RunningEvidence.share`; 0 for the
    /// node's own addresses, which are not judged.
    mutating func evidenceShare(of window: Window) -> Float {
        guard window.isContested || !nodeAddresses.contains(window.subject) else { return 0 }
        return detector.evidenceShare(of: window)
    }

    /// Takes in that windows which end by `second` have nothing to report.
    mutating func skip(_ windows: Int, until second: Int) {
        takeRuntimeEvents(until: second)
        detector.skip(windows, until: second)
    }

    /// Applies changes of the node's ports.
    mutating func apply(_ change: PortChange) { nodeAddresses.formUnion(change.nodeAddresses) }

    /// - Parameter name: returns the name of the workload that has an address.
    mutating func analyze(_ window: Window, name: (IPAddress) -> String?) -> Verdict? {
        // The node's own addresses are never an offender, as in the monitor.
        guard let verdict = detector.judge(window), isJudged(window) else { return nil }
        return process(verdict, name)
    }

    /// The same for a window whose last second has not ended.
    mutating func analyze(early window: Window, name: (IPAddress) -> String?) -> Verdict? {
        guard isJudged(window), let verdict = detector.judgeEarly(window) else { return nil }
        return process(verdict, name)
    }

    /// The same for a contact with a listed address, or a question for a listed name.
    mutating func analyze(sighting window: Window, name: (IPAddress) -> String?) -> Verdict? {
        guard let verdict = detector.judgeSighting(window), isJudged(window) else { return nil }
        return process(verdict, name)
    }

    mutating func analyze(_ window: TargetWindow, name: (IPAddress) -> String?) -> Verdict? {
        guard let verdict = detector.judge(window) else { return nil }
        return process(verdict, name)
    }

    /// The verdicts of earlier seconds that waited for the flood of a target, and saw none.
    ///
    /// - Parameter isLast: whether the capture ends, or its clock is set back.
    mutating func analyzeHeld(isLast: Bool, _ name: (IPAddress) -> String?) -> [Verdict] {
        let held = detector.takeHeld(isLast: isLast)
        if isLast { detector.restart() }
        return held.filter { isJudged($0.window) }.map { process($0, name) }
    }

    private func isJudged(_ window: Window) -> Bool {
        window.isContested || !nodeAddresses.contains(window.subject)
    }

    private mutating func process(_ verdict: Verdict, _ name: (IPAddress) -> String?) -> Verdict {
        var verdict = verdict
        verdict.nameTargets(name)
        verdict.addIndicators(from: indicators)
        process(verdict)
        return verdict
    }

    private mutating func process(_ verdict: Verdict) {
        if isBehind {
            alerts.decider.policy.inventory = KnownInventory(known.inventory)
            isBehind = false
        }
        let what = alerts.process(verdict)
        result.verdictCount += 1
        // A refusal by a rail changes no rule; it only explains an incident.
        result.decisions += what.outcomes.map(\.decision).filter {
            if case .refuse = $0.kind { !isCramped } else { true }
        }
        keep(what.events)
    }

    private mutating func keep(_ events: [Event]) {
        for event in events where keepsEvents {
            guard !isCramped, result.events.count < Self.mostEvents else {
                lostEvents += 1
                continue
            }
            result.events.append(event)
        }
    }

    /// Takes in the runtime events up to a second.
    mutating func takeRuntimeEvents(until second: Int) {
        guard let log = alerts.runtime else { return }
        while let (file, event) = runtime?.take(until: second) {
            let index = containers ?? known.index
            containers = index
            guard let workload = runtime?.workload(of: event, in: index) else { continue }
            log.add(event.event, of: workload, from: file)
            detector.raised.note(event.event, of: workload)
            publish(log.takeReports(at: event.event.time, limit: .max))
        }
    }

    /// Takes in all that is left of them.
    mutating func finishRuntimeEvents() {
        takeRuntimeEvents(until: .max)
        guard let log = alerts.runtime else { return }
        while case let rest = log.takeReports(at: .distantFuture, limit: .max), !rest.isEmpty {
            publish(rest)
        }
    }

    private mutating func publish(_ reports: [RuntimeEventHistory.Report]) {
        for report in reports {
            _ = alerts.incidents.add(report.event, of: report.workload)
            keep([Event(report)])
        }
    }
}
