internal import Dispatch
internal import EventDelivery
internal import EventStore
internal import FoundationEssentials
internal import SystemSupport
internal import Synchronization

/// Keeps events and incidents in the store, on a thread of its own: a slow or full disk holds up nothing else.
final class EventRecorder: Sendable {
    /// How long, and in how many bytes, events and incidents are kept.
    struct Limits: Sendable {
        var seconds: Int64 = 30 * 86_400
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

    func record(_ events: [StoredEvent], _ incidents: [StoredIncident] = []) {
        guard !events.isEmpty || !incidents.isEmpty else { return }
        let lost = waiting.withLock { waiting in
            let room = max(0, Self.capacity - waiting.events.count)
            waiting.events += events.prefix(room)
            for incident in incidents { waiting.incidents[incident.id] = incident }
            return events.count - min(room, events.count)
        }
        if lost > 0 { lostCount.wrappingAdd(UInt64(lost), ordering: .relaxed) }
    }

    /// Writes down which model is in use from now on.
    func record(_ model: StoredModel) {
        waiting.withLock { if $0.models.count < 64 { $0.models.append(model) } }
    }

    /// Writes down counters.
    func record(_ statistics: StoredStatistics) {
        waiting.withLock { if $0.statistics.count < 1440 { $0.statistics.append(statistics) } }
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
                    nextPruning = now + 3_600_000_000_000
                    try store.prune(
                        before: now - limits.seconds * 1_000_000_000, largerThan: limits.bytes,
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

extension StoredEvent {
    /// What is kept of an EVE line: alerts and quarantine actions; nil for others.
    init?(line: String, order: Int) {
        struct Line: Decodable {
            struct Details: Decodable {
                var event_id: String?
                var workload: String?
                var window_end: Int64?
                var quarantine_id: String?
                var target: String?
                var action: String?
            }
            var event_type: String
            var lazaret: Details?
        }
        guard let parsed = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)),
            let details = parsed.lazaret
        else { return nil }
        let now = Clock.now() + Int64(order)
        if parsed.event_type == "alert", let id = details.event_id {
            let end = (details.window_end ?? 0).multipliedReportingOverflow(by: 1_000_000_000)
            self.init(
                id: id, time: end.overflow ? now : end.partialValue + Int64(order), kind: "alert",
                subject: details.workload ?? "", body: line)
        } else if let id = details.quarantine_id, let action = details.action {
            self.init(
                id: "\(id)-\(action)-\(now)", time: now, kind: parsed.event_type,
                subject: details.target ?? "", body: line)
        } else {
            return nil
        }
    }
}
