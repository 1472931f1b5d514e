internal import Logging
internal import EventStore
internal import Events
internal import SystemSupport
internal import Synchronization
internal import Timestamps

/// Keeps events and incidents in the store, on a thread of its own: a slow or full disk holds up
/// nothing else.
final class EventRecorder: Sendable {
    /// How long, and in how many bytes, events and incidents are kept.
    struct Limits: Sendable {
        var time = Interval.seconds(30 * 86_400)
        var bytes: Int64 = 512 << 20
    }

    private enum Item: Sendable {
        case event(StoredEvent)
        case statistics(StoredStatistics)
        case incidents([StoredIncident])
        case model(StoredModel)
    }

    /// What is to be written, the thread's own: what could not be written waits here.
    private struct Backlog {
        var events: [StoredEvent] = []
        var incidents: [String: StoredIncident] = [:]
        var models: [StoredModel] = []
        var statistics: [StoredStatistics] = []
        var isFailing = false
        var nextPruning = Clock.monotonic()
    }

    /// Events that wait for the thread at most, and events that wait for the disk; beyond, the
    /// latest are lost and counted.
    private static let capacity = 20_000
    private static let statisticsCapacity = 1440
    private static let modelCapacity = 64

    private let store: EventStore
    private let limits: Limits
    private let logger: Logger
    // Events of a second go into one transaction.
    private let worker = Worker<Item>(capacity: capacity, wakesAtOnce: false)
    private let lostCount = Atomic<UInt64>(0)
    private let writtenCount = Atomic<UInt64>(0)
    private let backlogCount = Atomic<Int>(0)
    private let trouble = Mutex<String?>(nil)

    init(
        store: EventStore, limits: Limits, logger: Logger
    ) {
        self.store = store
        self.limits = limits
        self.logger = logger
        worker.start(with: Backlog(), period: .seconds(1)) { [self] backlog, batch in
            take(batch.items, into: &backlog)
            write(&backlog, isLast: batch.isLast)
        }
    }

    var status: MonitorStatus.Sink {
        MonitorStatus.Sink(
            name: "store", written: writtenCount.load(ordering: .relaxed),
            lost: worker.refused &+ lostCount.load(ordering: .relaxed),
            waiting: worker.waiting + backlogCount.load(ordering: .relaxed), lagSeconds: 0,
            trouble: trouble.withLock { $0 })
    }

    /// Keeps an event.
    ///
    /// - Parameter time: when it is recorded, another one for each event.
    func record(_ event: RenderedEvent, at time: Timestamp) {
        worker.submit(
            event.event.kind == .stats
                ? .statistics(StoredStatistics(event))
                : .event(StoredEvent(event, recorded: time)))
    }

    /// Keeps incidents, in place of what was known of them.
    func record(_ incidents: [StoredIncident]) {
        if !incidents.isEmpty { worker.submit(.incidents(incidents)) }
    }

    /// Writes down which model is in use from now on.
    func record(_ model: StoredModel) { worker.submit(.model(model)) }

    /// Writes what waits, for five seconds at most, and ends the thread.
    func stop() {
        let left = worker.stop(by: Clock.monotonic() + .seconds(5))
        if left > 0 { logger.warning("\(left) events and incidents are not kept") }
    }

    private func take(_ items: [Item], into backlog: inout Backlog) {
        for item in items {
            switch item {
            case .event(let event):
                if backlog.events.count < Self.capacity {
                    backlog.events.append(event)
                } else {
                    lostCount.wrappingAdd(1, ordering: .relaxed)
                }
            case .statistics(let statistics):
                if backlog.statistics.count < Self.statisticsCapacity {
                    backlog.statistics.append(statistics)
                } else {
                    lostCount.wrappingAdd(1, ordering: .relaxed)
                }
            // The latest of an incident counts.
            case .incidents(let incidents):
                for incident in incidents
                where backlog.incidents.count < Self.capacity
                    || backlog.incidents[incident.id] != nil
                {
                    backlog.incidents[incident.id] = incident
                }
            case .model(let model):
                if backlog.models.count < Self.modelCapacity { backlog.models.append(model) }
            }
        }
    }

    private func write(_ backlog: inout Backlog, isLast: Bool) {
        do throws(EventStoreError) {
            try store.record(events: backlog.events)
            writtenCount.wrappingAdd(UInt64(backlog.events.count), ordering: .relaxed)
            backlog.events.removeAll(keepingCapacity: true)
            try store.record(incidents: Array(backlog.incidents.values))
            backlog.incidents.removeAll()
            try store.record(statistics: backlog.statistics)
            backlog.statistics.removeAll()
            for model in backlog.models { try store.record(model: model) }
            backlog.models.removeAll()
            backlog.isFailing = false
            trouble.withLock { $0 = nil }
            try prune(&backlog)
        } catch {
            let words = "\(error)"
            if !backlog.isFailing { logger.error("\(words); events wait until it works again") }
            backlog.isFailing = true
            trouble.withLock { $0 = words }
            if isLast { lostCount.wrappingAdd(UInt64(backlog.events.count), ordering: .relaxed) }
        }
        backlogCount.store(backlog.events.count, ordering: .relaxed)
    }

    /// Once an hour, forgets what is older or more than is to be kept.
    private func prune(_ backlog: inout Backlog) throws(EventStoreError) {
        let now = Clock.monotonic()
        guard now >= backlog.nextPruning else { return }
        backlog.nextPruning = now + .seconds(3600)
        let time = Clock.now()
        try store.prune(before: time - limits.time, largerThan: limits.bytes, now: time)
    }
}
