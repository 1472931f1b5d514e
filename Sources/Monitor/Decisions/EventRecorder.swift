internal import Logging
internal import EventStore
internal import Events
import StatusReport
internal import SystemSupport
internal import Synchronization
internal import Timestamps

/// Writes events and incidents to the store on its own thread, so that a slow or full disk delays
/// nothing else.
final class EventRecorder: Sendable {
    /// The time and the number of bytes for which events and incidents are kept.
    struct Limits: Sendable {
        var time = Interval.seconds(30 * 86_400)
        var bytes: Int64 = 512 << 20
    }

    private enum Item: Sendable {
        case event(StoredEvent)
        case statistics(StoredStatistics)
        case incidents([StoredIncident])
        case model(StoredModel)
        case minutes(StoredMinutes)
    }

    /// The entries to be written, owned by the thread. Those that could not be written stay here.
    private struct Backlog {
        var events: [StoredEvent] = []
        var incidents: [String: StoredIncident] = [:]
        var models: [StoredModel] = []
        var statistics: [StoredStatistics] = []
        var minutes = StoredMinutes()
        var isFailing = false
        var nextPruning = Clock.monotonic()
    }

    /// The most events that wait for the thread, and the most that wait for the disk; further ones
    /// are lost and counted.
    private static let capacity = 20_000
    private static let statisticsCapacity = 1440
    private static let modelCapacity = 64

    private let store: EventStore
    private let limits: Limits
    private let logger: Logger
    // The events of one second are written in one transaction.
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

    /// Records an event.
    ///
    /// - Parameter time: the time of recording, different for each event.
    func record(_ event: RenderedEvent, at time: Timestamp) {
        worker.submit(
            event.event.kind == .stats
                ? .statistics(StoredStatistics(event))
                : .event(StoredEvent(event, recorded: time)))
    }

    /// Records incidents, replacing their earlier versions.
    func record(_ incidents: [StoredIncident]) {
        if !incidents.isEmpty { worker.submit(.incidents(incidents)) }
    }

    /// Records the model that is in use from now on.
    func record(_ model: StoredModel) { worker.submit(.model(model)) }

    /// Records what pages show of the past minutes.
    func record(_ minutes: StoredMinutes) { worker.submit(.minutes(minutes)) }

    /// Writes the queued entries, for five seconds at most, and ends the thread.
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
            // Only the latest version of an incident is written.
            case .incidents(let incidents):
                for incident in incidents {
                    if backlog.incidents.count < Self.capacity
                        || backlog.incidents[incident.id] != nil
                    {
                        backlog.incidents[incident.id] = incident
                    } else {
                        lostCount.wrappingAdd(1, ordering: .relaxed)
                    }
                }
            case .model(let model):
                if backlog.models.count < Self.modelCapacity {
                    backlog.models.append(model)
                } else {
                    lostCount.wrappingAdd(1, ordering: .relaxed)
                }
            // While the disk is full, those of the last minutes are kept.
            case .minutes(let minutes):
                backlog.minutes.evidence =
                    minutes.evidence + backlog.minutes.evidence.prefix(Self.capacity)
                backlog.minutes.rates =
                    minutes.rates + backlog.minutes.rates.prefix(Self.statisticsCapacity)
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
            try write(&backlog.minutes)
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

    private func write(_ minutes: inout StoredMinutes) throws(EventStoreError) {
        guard minutes != StoredMinutes() else { return }
        let now = Clock.now().second
        // Later versions of a minute replace earlier ones.
        try store.record(
            StoredMinutes(
                evidence: minutes.evidence.reversed(), rates: minutes.rates.reversed()),
            evidenceSince: now / 60 - ScoreHistory.minutes + 1,
            ratesSince: Int64(now) - RateHistory.seconds)
        minutes = StoredMinutes()
    }

    /// Once an hour, deletes entries that exceed the limits of time or bytes.
    private func prune(_ backlog: inout Backlog) throws(EventStoreError) {
        let now = Clock.monotonic()
        guard now >= backlog.nextPruning else { return }
        backlog.nextPruning = now + .seconds(3600)
        let time = Clock.now()
        try store.prune(before: time - limits.time, largerThan: limits.bytes, now: time)
    }
}
