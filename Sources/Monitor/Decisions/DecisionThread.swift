internal import Logging
internal import AnomalyDetection
internal import AttackPatterns
internal import Decisions
internal import Enforcement
internal import EventDelivery
internal import Events
internal import EventStore
internal import FeatureExtraction
internal import NetworkAddresses
internal import RuntimeEvents
import StatusReport
internal import SystemSupport
internal import Quarantine
internal import Synchronization
internal import Timestamps

/// The thread that handles decisions, fences and events, so that a slow disk or kernel never delays
/// a packet.
///
/// Verdicts wait in a bounded queue. A verdict that finds the queue full is dropped and counted;
/// the offender's next window produces the next verdict. So are runtime events. Changes to fences
/// and models are few, and never dropped.
final class DecisionThread: Sendable {
    private enum Message: Sendable {
        case verdict(Verdict)
        case outcomes([QuarantineOutcome])
        case event(Event)
        case model(String)
    }

    private let worker = Worker<Message>(capacity: 4096)
    private let dispatcher: EventDispatcher
    private let hub: MonitorHub
    private let recorder: EventRecorder?
    private let tallies = Mutex(Tallies())
    private let lines: Mutex<EventLines>
    private let logger: Logger
    /// Called after a fence has begun or ended.
    private let rulesChanged: @Sendable () -> Void

    /// The counters and latencies of the verdicts so far.
    struct Tallies: Sendable {
        var verdictLatency = LatencyHistogram()
        var fenceLatency = LatencyHistogram()
        var alerts: UInt64 = 0
        /// By severity, and by the name of the pattern or `none`.
        var alertsByPattern: [String: [String: UInt64]] = [:]
        var suppressed: UInt64 = 0
        var muted: UInt64 = 0
        var actions = MonitorStatus.Actions()
    }

    /// The most alerts that are reported per second; more, such as from a flood with forged
    /// addresses, would bury the others.
    private static let alertsPerSecond = 200
    /// The most incidents kept in memory, and the most decisions kept for their summaries.
    private static let incidentLimit = 1000
    private static let decisionLimit = 4096
    /// After this many seconds without an anomaly, no new verdict can belong to an incident.
    private static let quietSeconds = IncidentTracker.quietSeconds + Scale.long.seconds

    /// Starts the thread.
    init(
        alerts: sending AlertPipeline<LiveDecider>, dispatcher: EventDispatcher, hub: MonitorHub,
        recorder: EventRecorder?, logger: Logger, rulesChanged: @escaping @Sendable () -> Void
    ) {
        self.rulesChanged = rulesChanged
        self.dispatcher = dispatcher
        self.hub = hub
        self.recorder = recorder
        self.logger = logger
        lines = Mutex(EventLines(logger: logger))
        worker.start(with: Progress(alerts: alerts), period: .milliseconds(250)) {
            [self] progress, batch in work(batch, &progress)
        }
    }

    /// Verdicts that found the queue full.
    var dropped: UInt64 { worker.refused }
    /// The status of each event sink.
    var sinks: [SinkStatus] { dispatcher.statuses }

    /// The counters and latencies of the verdicts so far.
    var counts: Tallies { tallies.withLock { $0 } }

    func submit(_ verdict: Verdict) { worker.submit(.verdict(verdict)) }
    /// Reports changes to fences that were not made by the policy.
    func submit(_ outcomes: [QuarantineOutcome]) {
        if !outcomes.isEmpty { worker.submit(.outcomes(outcomes), mustFit: true) }
    }
    /// Queues an event for publication.
    func submit(_ event: Event) { worker.submit(.event(event), mustFit: event.kind != .runtime) }
    /// Sets the identifier of the model that later verdicts come from.
    func setModel(id modelID: String) { worker.submit(.model(modelID), mustFit: true) }
    /// Replaces the sinks; the old ones still deliver the events that they hold.
    func replaceSinks(_ path: String, _ options: DeliveryOptions) throws(DeliveryError) {
        try dispatcher.replace(path: path, with: options)
    }
    /// Reopens the event file.
    func reopen() { dispatcher.reopen() }

    /// Processes the queued messages, for five seconds at most, and ends the thread.
    func stop() {
        let left = worker.stop(by: Clock.monotonic() + .seconds(5))
        if left > 0 { logger.warning("\(left) decisions and events are left undone") }
    }

    /// The state of the thread.
    private struct Progress {
        var alerts: AlertPipeline<LiveDecider>
        var history = History()
        var nextTick = Clock.monotonic()
        var ticks = 0
        /// The error of the last tick.
        var failure: QuarantineError?
    }

    private func work(_ batch: Worker<Message>.Batch, _ progress: inout Progress) {
        for message in batch.items { handle(message, &progress.alerts, &progress.history) }
        let now = Clock.monotonic()
        if now >= progress.nextTick {
            progress.nextTick = now + .seconds(1)
            lines.withLock { $0.nextSecond() }
            tick(&progress)
            publish(&progress.alerts.incidents, &progress.history)
            progress.ticks += 1
        }
        if batch.isLast { publish(&progress.alerts.incidents, &progress.history) }
    }

    /// The data from which incidents are summarized.
    private struct History {
        var decisions: [QuarantineDecision] = []
        var changedSince = Int.max
        /// The latest `incidentLimit` incidents, by identifier.
        var incidents: [String: StoredIncident] = [:]
        var alertsThisSecond = 0
        var mutedThisSecond = 0
    }

    private func handle(
        _ message: Message, _ alerts: inout AlertPipeline<LiveDecider>,
        _ history: inout History
    ) {
        switch message {
        case .verdict(let verdict):
            let isMuted = hub.mutes.cover(verdict, now: Clock.now())
            // Muted alerts suppress no others.
            let count = isMuted ? history.mutedThisSecond : history.alertsThisSecond
            let result = alerts.process(
                verdict,
                // A flood by many senders must not suppress the alert that sums it up.
                mayAlert: count < Self.alertsPerSecond || verdict.against != nil,
                isMuted: isMuted)
            if result.isMuted {
                history.mutedThisSecond += 1
            } else if !result.events.isEmpty {
                history.alertsThisSecond += 1
            }
            note(verdict, result)
            history.changedSince = min(history.changedSince, verdict.window.endSecond)
            history.decisions += result.outcomes.filter { $0.failure == nil }.map(\.decision)
            if history.decisions.count > 2 * Self.decisionLimit {
                history.decisions.removeFirst(history.decisions.count - Self.decisionLimit)
            }
            publish(result.events)
        case .outcomes(let outcomes): publish(outcomes, alerts)
        case .model(let identifier): alerts.modelID = identifier
        case .event(let event):
            if case .runtime(let report) = event.payload,
                let second = alerts.incidents.add(report.event, of: report.workload)
            {
                history.changedSince = min(history.changedSince, second)
            }
            publish([event])
        }
    }

    /// Processes expired rules, external changes and the protected set.
    private func tick(_ progress: inout Progress) {
        let decider = progress.alerts.decider
        if let mode = decider.enforcement.expire() {
            logger.notice("the time is over: \(mode.rawValue) again, as configured")
        }
        do throws(QuarantineError) {
            let outcomes = try decider.quarantine.tick(refreshes: progress.ticks % 5 == 0)
            publish(outcomes, progress.alerts)
            progress.failure = nil
        } catch {
            // It may last, and would fill the log.
            if progress.failure != error { logger.error("\(error)") }
            progress.failure = error
        }
    }

    private func publish(
        _ outcomes: [QuarantineOutcome], _ alerts: borrowing AlertPipeline<LiveDecider>
    ) {
        count(outcomes)
        publish(outcomes.map(alerts.event))
    }

    private func count(_ outcomes: [QuarantineOutcome]) {
        if !outcomes.isEmpty { rulesChanged() }
        tallies.withLock { tallies in
            for outcome in outcomes where outcome.failure == nil && !outcome.isRestored {
                tallies.actions.count(outcome.decision.kind)
            }
        }
    }

    private func note(_ verdict: Verdict, _ result: AlertPipeline<LiveDecider>.Result) {
        let seconds = (Clock.now() - verdict.window.end).inSeconds
        tallies.withLock { tallies in
            tallies.verdictLatency.add(seconds)
            if result.isMuted {
                tallies.muted &+= 1
            } else if result.isSuppressed {
                tallies.suppressed &+= 1
            }
            for outcome in result.outcomes where outcome.failure == nil {
                if outcome.decision.isFence { tallies.fenceLatency.add(seconds) }
            }
        }
        count(result.outcomes)
    }

    /// Publishes incidents that have changed to the hub and the store.
    private func publish(_ incidents: inout IncidentTracker, _ history: inout History) {
        (history.alertsThisSecond, history.mutedThisSecond) = (0, 0)
        guard history.changedSince != .max else { return }
        let latest = incidents.changed(since: history.changedSince)
            .sorted {
                ($1.lastWindowSecond, $1.offender) < ($0.lastWindowSecond, $0.offender)
            }
            .prefix(Self.incidentLimit)
        let changed = latest.map {
            StoredIncident(IncidentSummary($0, decisions: history.decisions))
        }
        for incident in changed { history.incidents[incident.id] = incident }
        var all = history.incidents.values.sorted { ($1.start, $0.id) < ($0.start, $1.id) }
        for over in all.dropFirst(Self.incidentLimit) { history.incidents[over.id] = nil }
        all = Array(all.prefix(Self.incidentLimit))
        hub.publish(all)
        recorder?.record(changed)
        history.changedSince = .max
        incidents.settle(
            before: Clock.now().second - Self.quietSeconds,
            keeping: Self.incidentLimit)
    }

    private func count(_ alert: Event.Alert) {
        let pattern = alert.pattern?.rawValue ?? "none"
        tallies.withLock { tallies in
            tallies.alerts &+= 1
            tallies.alertsByPattern[alert.severity.word, default: [:]][pattern, default: 0] &+= 1
        }
    }

    /// Writes events to the sinks, the store and the hub; each is rendered once.
    private func publish(_ events: [Event]) {
        let now = Clock.now()
        for (order, event) in events.enumerated() {
            let rendered = RenderedEvent(event)
            if case .alert(let alert) = event.payload, alert.isMuted {
                // It is kept for 'explain', and not delivered.
                recorder?.record(rendered, at: now + .nanoseconds(order))
                continue
            }
            dispatcher.write(rendered)
            lines.withLock { $0.log(event) }
            recorder?.record(rendered, at: now + .nanoseconds(order))
            if case .alert(let alert) = event.payload { count(alert) }
            // The status carries the counters, and newer ones.
            if event.kind != .stats { hub.publish(rendered) }
        }
    }
}
