import EventStore
import Events
import RuntimeEvents
import Testing
import Timestamps

/// The runtime events of a workload in the store.
struct RuntimeEventStoreTests {
    @Test func eventsAreCountedByWorkloadTimeAndPriority() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        func record(
            _ rule: String, _ second: Int, of workload: String,
            _ priority: RuntimeEvent.Priority = .warning, count: Int = 1
        ) throws {
            var event = RuntimeEvent(
                time: Timestamp(second: second), tool: .falco, rule: rule, priority: priority,
                process: "bash")
            event.count = count
            let report = Event.RuntimeReport(workload: workload, source: "falco", event: event)
            try store.record(events: [
                StoredEvent(
                    RenderedEvent(Event(time: event.last, .runtime(report))),
                    recorded: Timestamp(second: second, nanoseconds: Int64(rule.utf8.count)))
            ])
        }
        try record("old", 1000, of: "web")
        try record("a", 100_000, of: "web", count: 3)
        try record("bb", 100_001, of: "web", .critical)
        try record("ccc", 100_002, of: "web'--", .emergency)
        let found = try store.runtimeEvents(of: "web", since: Timestamp(second: 50_000))
        #expect(found.counts == [.warning: 3, .critical: 1])
        #expect(found.last?.rule == "bb" && found.last?.time.second == 100_001)
        #expect(try store.runtimeEvents(of: "none", since: .epoch) == RuntimeEventSummary())
        #expect(
            try store.runtimeEvents(of: "web'--", since: .epoch).counts == [.emergency: 1])
        try record("dddd", 100_003, of: "db", .notice)
        let period = Timestamp(second: 100_000)..<Timestamp(second: 100_004)
        let extract = try store.runtimeEvents(in: period, limit: 2)
        #expect(extract.records.count == 4 && extract.marked == 3)
        #expect(extract.records.first?.second == 100_000 && extract.records.last?.second == 100_003)
        #expect(extract.latest.map(\.subject) == ["web'--", "db"])
        #expect(try store.runtimeEvents(in: .epoch..<Timestamp(second: 9), limit: 2).marked == 0)
    }
}
