internal import Dispatch
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

    private struct Waiting {
        var events: [StoredEvent] = []
        var incidents: [String: StoredIncident] = [:]
        var models: [StoredModel] = []
        var statistics: [StoredStatistics] = []
        var isStopping = false
    }

    /// What waits at most; beyond, the latest are lost and counted.
    private static let capacity = 20_000
    private static let statisticsCapacity = 1440

    private let store: EventStore
    private let limits: Limits
    private let complain: @Sendable (String) -> Void
    private let waiting = Mutex(Waiting())
    private let news = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let lostCount = Atomic<UInt64>(0)
    private let writtenCount = Atomic<UInt64>(0)
    private let trouble = Mutex<String?>(nil)

    init(
        store: EventStore, limits: Limits, complain: @escaping @Sendable (String) -> Void
    ) {
        self.store = store
        self.limits = limits
        self.complain = complain
        startThread { [self] in
            work()
            ended.signal()
        }
    }

    var status: MonitorStatus.Sink {
        MonitorStatus.Sink(
            name: "store", written: writtenCount.load(ordering: .relaxed),
            lost: lostCount.load(ordering: .relaxed),
            waiting: waiting.withLock { $0.events.count }, lagSeconds: 0,
            trouble: trouble.withLock { $0 })
    }

    /// Keeps an event.
    ///
    /// - Parameter time: when it is recorded, another one for each event.
    func record(_ event: RenderedEvent, at time: Timestamp) {
        let isKept = waiting.withLock { waiting in
            if event.event.kind == .stats {
                guard waiting.statistics.count < Self.statisticsCapacity else { return false }
                waiting.statistics.append(StoredStatistics(event))
            } else {
                guard waiting.events.count < Self.capacity else { return false }
                waiting.events.append(StoredEvent(event, recorded: time))
            }
            return true
        }
        if !isKept { lostCount.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Keeps incidents, in place of what was known of them.
    func record(_ incidents: [StoredIncident]) {
        waiting.withLock { waiting in
            for incident in incidents { waiting.incidents[incident.id] = incident }
        }
    }

    /// Writes down which model is in use from now on.
    func record(_ model: StoredModel) {
        waiting.withLock { if $0.models.count < 64 { $0.models.append(model) } }
    }

    /// Writes what waits, and ends the thread.
    func stop() {
        waiting.withLock { $0.isStopping = true }
        news.signal()
        ended.wait()
    }

    /// Keeps for the next time what could not be written, as far as there is room.
    private func putBack(
        _ events: [StoredEvent], _ incidents: [StoredIncident], _ models: [StoredModel],
        _ statistics: [StoredStatistics], isLast: Bool
    ) {
        let lost = waiting.withLock { waiting in
            // The latest of an incident counts.
            for incident in incidents where waiting.incidents[incident.id] == nil {
                waiting.incidents[incident.id] = incident
            }
            waiting.models.insert(contentsOf: models, at: 0)
            waiting.statistics.insert(contentsOf: statistics, at: 0)
            let kept = isLast ? 0 : min(events.count, max(0, Self.capacity - waiting.events.count))
            waiting.events.insert(contentsOf: events.prefix(kept), at: 0)
            return events.count - kept
        }
        if lost > 0 { lostCount.wrappingAdd(UInt64(lost), ordering: .relaxed) }
    }

    private func work() {
        var isFailing = false
        var nextPruning = Clock.now()
        var isEnding = false
        while !isEnding {
            _ = news.wait(timeout: .now() + .seconds(1))
            let (events, incidents, models, statistics, isStopping) = waiting.withLock { waiting in
                defer { waiting.models.removeAll() }
                defer { waiting.statistics.removeAll() }
                defer { waiting.events.removeAll(keepingCapacity: true) }
                defer { waiting.incidents.removeAll() }
                return (
                    waiting.events, Array(waiting.incidents.values), waiting.models,
                    waiting.statistics, waiting.isStopping
                )
            }
            isEnding = isStopping
            do throws(EventStoreError) {
                try store.record(events: events)
                try store.record(incidents: incidents)
                try store.record(statistics: statistics)
                for model in models { try store.record(model: model) }
                writtenCount.wrappingAdd(UInt64(events.count), ordering: .relaxed)
                isFailing = false
                trouble.withLock { $0 = nil }
                let now = Clock.now()
                if now >= nextPruning {
                    nextPruning = now + .seconds(3600)
                    try store.prune(
                        before: now - limits.time, largerThan: limits.bytes,
                        now: now)
                }
            } catch {
                let words = "\(error)"
                if !isFailing { complain("\(words); events wait until it works again") }
                isFailing = true
                trouble.withLock { $0 = words }
                putBack(events, incidents, models, statistics, isLast: isStopping)
            }
        }
    }
}
