internal import EventStore
internal import Events
internal import Logging
internal import RuntimeEventFiles
internal import RuntimeEvents
internal import StatusReport
internal import Synchronization
internal import SystemSupport
internal import Timestamps
internal import Workloads

/// Reads what other tools say of processes, on a thread of its own, joins it to workloads, and
/// hands it on: to the log that alerts look at, to the detector, and as events. No packet waits for
/// it.
final class RuntimeEventWatch: Sendable {
    enum Item: Sendable {
        case entries([RuntimeEventEntry])
        /// Lines that came by HTTP.
        case text([UInt8])
    }

    /// How often the files are looked at.
    private static let period = Interval.milliseconds(250)
    /// The most requests that wait, of 64 KiB each.
    private static let mostRequests = 256
    /// The most events that are published in a period: they share a queue with verdicts.
    private static let mostReports = 12
    /// The most raised workloads that wait for the packets' thread.
    private static let mostRaised = 1024

    private let worker = Worker<Item>(capacity: mostRequests)
    private let live: LiveWorkloads
    private let decisions: DecisionThread
    private let logger: Logger
    private let log: RuntimeEventLog
    private let directory: String
    private let raised = Mutex<[(workload: String, event: RuntimeEvent)]>([])
    private let published = Mutex<[MonitorStatus.RuntimeSource]>([])

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - log: what alerts look at.
    ///   - directory: of the store, which keeps how far files were read.
    init(
        _ entries: [RuntimeEventEntry], log: RuntimeEventLog, live: LiveWorkloads,
        decisions: DecisionThread, directory: String, logger: Logger
    ) {
        self.log = log
        self.live = live
        self.decisions = decisions
        self.directory = directory
        self.logger = logger
        worker.start(with: RuntimeEventSources(directory: directory), period: Self.period) {
            [self] sources, batch in work(&sources, batch)
        }
        follow(entries)
    }

    /// Follows these files from now on.
    func follow(_ entries: [RuntimeEventEntry]) { worker.submit(.entries(entries)) }

    /// Takes in lines.
    ///
    /// - Returns: false where too many wait.
    func submit(_ text: [UInt8]) -> Bool { worker.submit(.text(text)) }

    /// The events for which a workload's anomalies need less evidence, since the last call.
    func takeRaised() -> [(workload: String, event: RuntimeEvent)] {
        raised.withLock { raised in
            defer { raised = [] }
            return raised
        }
    }

    /// What became of each source's lines; empty: there is no source.
    var status: [MonitorStatus.RuntimeSource] { published.withLock { $0 } }

    /// Reads what was written so far, and ends the thread.
    func stop() {
        if worker.stop(by: Clock.monotonic() + .seconds(5)) > 0 {
            logger.warning("runtime events that came last are not read")
        }
    }

    private func work(_ sources: inout RuntimeEventSources, _ batch: Worker<Item>.Batch) {
        let now = Clock.now()
        for item in batch.items {
            switch item {
            case .entries(let entries): sources.follow(entries)
            case .text(let text): sources.take(text)
            }
        }
        sources.read()
        for (workload, source, event) in sources.join(live, now: now) {
            log.add(event, of: workload, from: source)
            guard event.priority.isAtLeast(log.prior.least) else { continue }
            raised.withLock { raised in
                guard raised.count < Self.mostRaised else { return }
                raised.append((workload, event))
            }
        }
        for report in log.takeReports(at: now, limit: Self.mostReports) {
            decisions.submit(Event(report))
        }
        for line in sources.takeNotices() { logger.warning("runtime events: \(line)") }
        sources.keepPositions(isLast: batch.isLast)
        let status = sources.status(refused: worker.refused)
        published.withLock { $0 = status }
    }
}
