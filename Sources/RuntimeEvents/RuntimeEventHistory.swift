public import Timestamps

/// The runtime events of each workload in the last hour, and those that are to be reported.
///
/// Each workload has places of its own, so that a flood from one container takes away nothing that
/// is known of another. Within a workload, what is more urgent stays.
public struct RuntimeEventHistory: Sendable {
    /// The most events of a workload, of one rule among them, and the most workloads.
    public static let mostOfWorkload = 32
    public static let mostOfRule = 8
    public static let mostWorkloads = 1000
    /// For how long they are kept.
    public static let keepTime = Interval.seconds(3600)
    /// An event that goes on is reported again after this time.
    static let reportInterval = Interval.seconds(60)
    /// The most events of one workload in one answer of `takeReports`.
    static let mostReportsOfWorkload = 2

    private struct Slot: Sendable {
        var event: RuntimeEvent
        var source: String
        /// Occurrences that were not reported, and when the others were; nil: never.
        var unreported = 1
        var reported: Timestamp?
    }

    private var books: [String: [Slot]] = [:]
    /// Workloads with something to report.
    private var waiting: Set<String> = []
    /// Events that found no place.
    public private(set) var refused: UInt64 = 0

    public init() {}

    /// A report of an event that is new, or goes on.
    public struct Report: Sendable {
        public var workload: String
        /// The entry of the configuration by which it came.
        public var source: String
        /// Its count is that since the last report.
        public var event: RuntimeEvent
    }

    /// Adds an event; one that is known is counted.
    public mutating func add(_ event: RuntimeEvent, of workload: String, from source: String) {
        var slots = books[workload] ?? []
        slots.removeAll { $0.event.last < event.time - Self.keepTime }
        defer { books[workload] = slots.isEmpty ? nil : slots }
        let ofRule = slots.indices.filter {
            slots[$0].event.tool == event.tool && slots[$0].event.rule == event.rule
        }
        let same = ofRule.first { slots[$0].event.repeats(event) }
        // A rule with ever new processes fills its own places only.
        if let known = same ?? (ofRule.count >= Self.mostOfRule ? ofRule.last : nil) {
            slots[known].event.count &+= 1
            slots[known].event.time = min(slots[known].event.time, event.time)
            slots[known].event.last = max(slots[known].event.last, event.time)
            slots[known].unreported &+= 1
            waiting.insert(workload)
            return
        }
        if slots.count >= Self.mostOfWorkload {
            let least = slots.indices.max {
                let (left, right) = (slots[$0].event, slots[$1].event)
                return (left.priority.level, right.last) < (right.priority.level, left.last)
            }
            guard let least, event.priority.isAtLeast(slots[least].event.priority) else {
                refused &+= 1
                return
            }
            slots.remove(at: least)
        }
        if books[workload] == nil, books.count >= Self.mostWorkloads { forgetOldest() }
        slots.append(Slot(event: event, source: source))
        waiting.insert(workload)
    }

    /// Forgets the workload whose last event is the oldest.
    private mutating func forgetOldest() {
        let oldest = books.min { left, right in
            let (a, b) = (left.value.map(\.event.last).max(), right.value.map(\.event.last).max())
            return (a ?? .distantPast, left.key) < (b ?? .distantPast, right.key)
        }
        if let oldest { books[oldest.key] = nil }
    }

    /// The events of a workload that were said between two times, the earliest first.
    public func events(
        of workload: String, from start: Timestamp, until end: Timestamp
    ) -> [RuntimeEvent] {
        (books[workload] ?? []).map(\.event).filter { $0.last >= start && $0.time <= end }
            .sorted { ($0.time, $0.rule) < ($1.time, $1.rule) }
    }

    /// The events to report now: new ones, and once a minute those that go on. Those that are over
    /// the limit come with the next call; each workload has its share.
    public mutating func takeReports(at now: Timestamp, limit: Int) -> [Report] {
        var reports: [Report] = []
        for workload in waiting.sorted() {
            guard reports.count < limit, var slots = books[workload] else {
                if books[workload] == nil { waiting.remove(workload) }
                continue
            }
            let due = slots.indices.filter { index in
                slots[index].unreported > 0
                    && (slots[index].reported.map { now - $0 >= Self.reportInterval } ?? true)
            }.sorted { slots[$0].event.priority.level < slots[$1].event.priority.level }
            for index in due.prefix(min(Self.mostReportsOfWorkload, limit - reports.count)) {
                var event = slots[index].event
                event.count = slots[index].unreported
                (slots[index].unreported, slots[index].reported) = (0, now)
                reports.append(
                    Report(workload: workload, source: slots[index].source, event: event))
            }
            if slots.allSatisfy({ $0.unreported == 0 }) { waiting.remove(workload) }
            books[workload] = slots
        }
        return reports
    }
}
