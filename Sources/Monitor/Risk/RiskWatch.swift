internal import EventStore
internal import FlowHistory
internal import Logging
internal import Risk
internal import SystemSupport
internal import Timestamps
internal import Workloads

/// Counts open incidents and computes the risk of workloads on a thread of its own: once a minute,
/// and soon after an incident has changed. No packet waits for it, and nothing is fenced by it.
final class RiskWatch: Sendable {
    private static let period = Interval.seconds(60)
    /// After a change, it is computed again no earlier than this, and never takes more than a
    /// twentieth of a CPU.
    private static let leastPeriod = Interval.seconds(5)
    private static let pauseFactor: Int64 = 20
    private let worker = Worker<Void>(capacity: 1)
    private let hub: MonitorHub
    private let live: LiveWorkloads
    private let history: HistoryReader?
    private let posture: PostureWatch
    private let store: EventStore
    private let labelsWorkloads: Bool
    /// Whether a tool that watches processes is configured.
    private let watchesProcesses: Bool
    private let logger: Logger

    /// What the thread owns.
    private struct State {
        var assessment = RiskAssessment()
        var next = Clock.monotonic()
        var earliest = Clock.monotonic()
        var changes = -1
        var isFailing = false
    }

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - store: a connection of its own.
    ///   - history: nil: no flows are kept.
    init(
        hub: MonitorHub, live: LiveWorkloads, store: EventStore, history: HistoryReader?,
        options: Monitor.Options, logger: Logger
    ) {
        self.hub = hub
        self.live = live
        self.store = store
        self.history = history
        self.logger = logger
        labelsWorkloads = options.labelsWorkloads
        watchesProcesses = !options.runtimeEvents.isEmpty
        posture = PostureWatch(options.workloads)
        worker.start(with: State(), period: .seconds(1)) { [self] state, batch in
            if !batch.isLast { work(&state) }
        }
    }

    /// Ends the thread, unless it is busy for long.
    func stop() {
        posture.stop()
        worker.stop(by: Clock.monotonic() + .seconds(5))
    }

    private func work(_ state: inout State) {
        let begin = Clock.monotonic()
        let changes = hub.incidentChanges
        guard begin >= state.next || changes != state.changes && begin >= state.earliest else {
            return
        }
        state.changes = changes
        state.next = begin + Self.period
        do {
            hub.publish(try store.openIncidents())
            hub.publish(try report(&state, now: Clock.now()))
            if state.isFailing { logger.notice("the risk of workloads is computed again") }
            state.isFailing = false
        } catch {
            if !state.isFailing { logger.error("risk: \(error); the last one stays") }
            state.isFailing = true
        }
        let end = Clock.monotonic()
        let pause = Interval(nanoseconds: (end - begin).nanoseconds * Self.pauseFactor)
        state.earliest = end + max(Self.leastPeriod, pause)
        state.next = max(state.next, state.earliest)
    }

    private func report(
        _ state: inout State, now: Timestamp
    ) throws(EventStoreError) -> RiskReport {
        var context = RiskAssessment.Context()
        context.settings = posture.findings(
            version: live.directory.version, now: Clock.monotonic())
        context.inventory = live.inventory
        context.contacts = hub.contacts
        context.images = hub.images
        context.watchesProcesses = watchesProcesses
        var remarks = context.settings.remarks
        let factors = try state.assessment.factors(
            context, store, history, now: now, remarks: &remarks)
        return RiskReport(
            time: now,
            entries: try RiskAssessment.entries(factors, store, recording: true, now: now),
            remarks: remarks, labelsWorkloads: labelsWorkloads)
    }
}
