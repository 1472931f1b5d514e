import RuntimeEvents
import Testing
import Timestamps

/// What is kept of runtime events, and how much less evidence they demand.
struct RuntimeEventHistoryTests {
    private func event(
        _ rule: String, _ second: Int, _ priority: RuntimeEvent.Priority = .warning,
        process: String = "sh"
    ) -> RuntimeEvent {
        RuntimeEvent(
            time: Timestamp(second: second), tool: .falco, rule: rule, priority: priority,
            process: process)
    }

    private func rules(_ history: RuntimeEventHistory, of workload: String) -> [String] {
        history.events(of: workload, from: .distantPast, until: .distantFuture).map(\.rule)
    }

    @Test func aFloodTakesAwayNothingOfAnotherWorkload() {
        var history = RuntimeEventHistory()
        history.add(event("shell", 1000), of: "victim", from: "falco")
        history.add(event("first", 1000, .critical), of: "loud", from: "falco")
        for number in 0..<10_000 {
            history.add(
                event("rule \(number)", 1001, .warning, process: "p\(number)"), of: "loud",
                from: "falco")
            history.add(event("one", 1002, process: "p\(number)"), of: "loud", from: "falco")
        }
        #expect(rules(history, of: "victim") == ["shell"])
        let kept = history.events(of: "loud", from: .distantPast, until: .distantFuture)
        #expect(kept.count <= RuntimeEventHistory.mostOfWorkload)
        #expect(kept.contains { $0.rule == "first" }, "the most urgent stays")
        // Less urgent ones do not push out what is there.
        history.add(event("note", 1003, .debug), of: "loud", from: "falco")
        #expect(!rules(history, of: "loud").contains("note") && history.refused == 1)
        // Reports: each workload has its share.
        let reports = history.takeReports(at: Timestamp(second: 1004), limit: 10)
        #expect(reports.contains { $0.workload == "victim" } && reports.count <= 4)
        // After an hour they are forgotten, with the next event.
        history.add(event("later", 5000), of: "victim", from: "falco")
        #expect(rules(history, of: "victim") == ["later"])
    }

    @Test func theNumberOfWorkloadsIsBounded() {
        var history = RuntimeEventHistory()
        for number in 0...RuntimeEventHistory.mostWorkloads {
            history.add(event("a", 1000 + number), of: "w\(number)", from: "falco")
        }
        #expect(rules(history, of: "w0").isEmpty && rules(history, of: "w1") == ["a"])
    }

    @Test func repetitionsAreCountedAndReportedOnceAMinute() throws {
        var history = RuntimeEventHistory()
        for second in 0..<50 { history.add(event("a", 1000 + second), of: "w", from: "x") }
        let first = history.takeReports(at: Timestamp(second: 1050), limit: 10)
        #expect(first.map(\.event.count) == [50])
        history.add(event("a", 1060), of: "w", from: "x")
        #expect(history.takeReports(at: Timestamp(second: 1061), limit: 10).isEmpty)
        let second = history.takeReports(at: Timestamp(second: 1111), limit: 10)
        #expect(second.map(\.event.count) == [1])
        let all = history.events(of: "w", from: .distantPast, until: .distantFuture)
        #expect(all.map(\.count) == [51])
        #expect(all.first?.time.second == 1000 && all.first?.last.second == 1060)
    }

    /// The prior counts once however many events arrive, and two hours a day at most.
    @Test func theLineIsLowerForATimeAndNotForEver() {
        var raised = RaisedWorkloads()
        #expect(raised.line(1e5, of: "w", at: 1000) == 1e5)
        for _ in 0..<1000 { raised.note(event("a", 1000, .critical), of: "w") }
        raised.note(event("b", 1000, .notice), of: "quiet")
        #expect(raised.line(1e5, of: "w", at: 999) == 1e5)
        #expect(raised.line(1e5, of: "w", at: 1000) == 1e4)
        #expect(raised.line(1e5, of: "w", at: 1599) == 1e4)
        #expect(raised.line(1e5, of: "w", at: 1600) == 1e5)
        #expect(raised.line(1e5, of: "quiet", at: 1000) == 1e5)
        #expect(raised.line(1e5, of: "other", at: 1000) == 1e5)
        // Neither negative nor met by nothing.
        #expect(raised.line(30, of: "w", at: 1000) == 20 && raised.line(5, of: "w", at: 1000) == 5)
        var lower = 0
        for second in stride(from: 100_000, to: 100_000 + 86_400, by: 30) {
            raised.note(event("a", second), of: "w")
            if raised.line(1e5, of: "w", at: second) < 1e5 { lower += 30 }
        }
        #expect(lower == RuntimePrior.mostSecondsOfDay)
        raised.note(event("a", 100_000 + 86_400), of: "w")
        #expect(raised.line(1e5, of: "w", at: 100_000 + 86_401) == 1e4, "the next day")
        var off = RuntimePrior()
        off.factor = 1
        var none = RaisedWorkloads(off)
        none.note(event("a", 1000), of: "w")
        #expect(none.line(1e5, of: "w", at: 1000) == 1e5)
    }

    @Test func aWindowIsRaisedByWhatWasBeforeIt() throws {
        let log = RuntimeEventLog()
        log.add(event("shell", 1000), of: "w", from: "falco")
        log.add(event("note", 1001, .notice), of: "w", from: "falco")
        let (events, raising) = log.context(of: "w", from: 1040, until: 1049)
        #expect(events.map(\.rule) == ["shell", "note"] && raising?.rule == "shell")
        #expect(log.context(of: "w", from: 1640, until: 1649).events.isEmpty)
        #expect(log.context(of: "w", from: 1590, until: 1599).raising != nil)
        #expect(log.context(of: "w", from: 1600, until: 1609).raising == nil)
        #expect(log.context(of: "other", from: 1040, until: 1049).events.isEmpty)
        // What came a moment after the window is in the time line, and raised nothing before it.
        let early = log.context(of: "w", from: 980, until: 989)
        #expect(early.events.count == 2 && early.raising == nil)
    }
}
