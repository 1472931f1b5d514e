internal import Enforcement
internal import IndicatorFiles
internal import Indicators
internal import Logging
internal import NetworkAddresses
internal import Quarantine
internal import Synchronization
internal import SystemSupport
internal import Timestamps
internal import Workloads

/// Reads the lists of indicators on a thread of its own: at the start, when one changes, and when
/// addresses become protected or allowed. No packet waits for it.
final class IndicatorWatch: Sendable {
    /// How often the files' times are looked at.
    private static let period = Interval.seconds(60)

    private let worker = Worker<[IndicatorEntry]>(capacity: 16)
    private let quarantine: QuarantineService
    private let live: LiveWorkloads
    private let logger: Logger
    private let news = Mutex<IndicatorTable?>(nil)
    private let faults = Mutex<[String]>([])

    /// What the thread owns.
    private struct State {
        var lists = IndicatorLists()
        var entries: [IndicatorEntry]
        var next = Clock.monotonic()
        var lines = ChangedLines()
    }

    /// Starts the thread.
    init(
        _ entries: [IndicatorEntry], quarantine: QuarantineService, live: LiveWorkloads,
        logger: Logger
    ) {
        self.quarantine = quarantine
        self.live = live
        self.logger = logger
        worker.start(with: State(entries: entries), period: .seconds(1)) {
            [self] state, batch in work(&state, batch)
        }
    }

    /// Reads these lists from now on, and those that have changed at once.
    func follow(_ entries: [IndicatorEntry]) { worker.submit(entries) }

    /// A new table; nil: the one in use is the newest.
    func takeTable() -> IndicatorTable? { news.withLock { $0.take() } }

    /// What is wrong with the newest versions of lists.
    var troubles: [String] { faults.withLock { $0 } }

    /// Ends the thread, unless it is busy for long.
    func stop() {
        // A list that is being read is of no use any more.
        worker.stop(by: Clock.monotonic() + .seconds(5))
    }

    private func work(_ state: inout State, _ batch: Worker<[IndicatorEntry]>.Batch) {
        guard !batch.isLast else { return }
        let now = Clock.monotonic()
        if let entries = batch.items.last {
            state.entries = entries
            state.next = now
        }
        // Without the protected addresses nothing is looked for: the engine is asked again.
        guard now >= state.next, let exempt = exempt() else { return }
        state.next = now + Self.period
        // A monitor without lists never makes a table.
        if state.entries.isEmpty, !state.lists.hasTable { return }
        guard let outcome = state.lists.read(state.entries, exempt: exempt) else { return }
        news.withLock { $0 = outcome.table }
        let time = Clock.now()
        let failed = outcome.reports.filter { $0.failure != nil }.map { $0.text(at: time) }
        faults.withLock { $0 = failed.map { "indicators: \($0)" } }
        state.lines.log(
            outcome.reports.map { list in
                let level: Logger.Level =
                    list.failure != nil ? .error : list.isStale(at: time) ? .warning : .info
                return (list.path, list.text(at: time), level)
            }, about: "indicators", to: logger)
    }

    /// The addresses that are never indicators: protected and allowed ones, and those of the
    /// workloads and their networks. Nil: the engine is busy.
    private func exempt() -> [IPPrefix]? {
        let now = Clock.now()
        let known = quarantine.peek { engine in
            engine.policy.protected.entries.map(\.prefix)
                + engine.policy.allowlist.filter { $0.expires.map { $0 > now } ?? true }
                .map(\.prefix)
        }
        guard let known else { return nil }
        let inventory = live.inventory
        let own =
            inventory.networks.flatMap { network in
                [network.prefix] + (network.gateway.map { [IPPrefix(host: $0)] } ?? [])
            }
            + inventory.workloads.flatMap(\.addresses)
        return Set(known + own).sorted()
    }
}
