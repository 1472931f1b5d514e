internal import EventStore
internal import FlowHistory
internal import Logging
internal import Risk
internal import SystemSupport
internal import Timestamps
internal import Workloads

/// Computes the risk of workloads on a thread of its own: once a minute, and soon after an incident
/// has changed. No packet waits for it, and nothing is fenced by it.
final class RiskWatch: Sendable {
    private static let period = Interval.seconds(60)
    /// After a change, it is computed again no earlier than this, and never takes more than a
    /// twentieth of a CPU.
    private static let leastPeriod = Interval.seconds(5)
    private static let pauseFactor: Int64 = 20
    /// The most workloads that are rated.
    private static let workloadLimit = 4096

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
        var evidence = RiskEvidence()
        var contacts = FlowContacts()
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
        try state.evidence.update(from: store, now: now)
        let settings = posture.findings(version: live.directory.version, now: Clock.monotonic())
        var remarks = settings.remarks
        do throws(HistoryError) {
            try history.map { reader throws(HistoryError) in
                try state.contacts.update(from: reader, inventory: live.inventory, now: now)
            }
        } catch .missing {} catch { remarks.append("flow history: \(error)") }
        let exposures = state.contacts.graph(hub.contacts).exposures()
        let names = workloads(state)
        let runtime = try runtimeEvents(of: names, now: now)
        let factors = names.map { name in
            var factors = RiskFactors(workload: name)
            factors.incidents = state.evidence.incidents[name] ?? []
            factors.indicators = state.evidence.indicators(of: name, now: now)
            factors.newOutsidePeers = state.contacts.newOutsidePeers(of: name, now: now)
            factors.posture = settings.settings[name]
            factors.exposure = exposures[name] ?? RiskFactors.Exposure()
            factors.exposure.publishedPorts = settings.publishedPorts[name]
            factors.vulnerability = RiskFactors.Vulnerability(
                hub.imageSummary(of: name), now: now)
            factors.runtime = runtime[name]
            return factors
        }
        return RiskReport(
            time: now, entries: try rate(factors, now: now), remarks: remarks,
            labelsWorkloads: labelsWorkloads)
    }

    /// What tools said of the workloads' processes in a day. Without a tool in the configuration,
    /// nothing is known of a workload of which nothing was said.
    private func runtimeEvents(
        of names: [String], now: Timestamp
    ) throws(EventStoreError) -> [String: RiskFactors.Runtime] {
        var found: [String: RiskFactors.Runtime] = [:]
        for name in names {
            let summary = try store.runtimeEvents(of: name, since: now - .seconds(86_400))
            guard watchesProcesses || !summary.counts.isEmpty else { continue }
            found[name] = RiskFactors.Runtime(summary, now: now)
        }
        return found
    }

    /// Those with names first, then those with evidence against them, then other hosts, each by
    /// name.
    private func workloads(_ state: State) -> [String] {
        let named = live.inventory.workloads.map(\.name)
        var all: [String] = []
        var seen: Set<String> = []
        for group in [Set(named), state.evidence.workloads, state.contacts.names] {
            for name in group.sorted() where seen.insert(name).inserted { all.append(name) }
        }
        return Array(all.prefix(Self.workloadLimit))
    }

    /// Scores, records the day, and adds the trend.
    private func rate(
        _ factors: [RiskFactors], now: Timestamp
    ) throws(EventStoreError) -> [RiskReport.Entry] {
        let today = now.second / 86_400
        let rated = factors.map { ($0, RiskScore($0)) }
        try store.record(
            risk: rated.map { factors, score in
                (
                    score.workload,
                    RiskDay(
                        day: today, secondOfDay: now.second - today * 86_400, factors, score)
                )
            }, now: now)
        let days = try store.risk(since: today - RiskTrend.days, until: now)
        return rated.map(\.1).sorted(by: RiskScore.isBefore).map { score in
            RiskReport.Entry(
                score: score, trend: RiskTrend(days[score.workload] ?? [], today: today))
        }
    }
}
