import Events
import Foundation
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import EventStore

/// What became of the decisions about incidents, by the ledger.
struct OutcomeTests {
    private let store: EventStore
    private let scratch: Scratch
    private static let now = Timestamp(second: 1000)

    init() throws {
        scratch = try Scratch()
        store = try scratch.store()
    }

    private func incident(rule: String?, refusal: String? = nil) -> StoredIncident {
        var summary = IncidentSummary(
            eventID: "i", offender: "10.0.0.1", workload: "web", start: 1, end: 2, patterns: [],
            summary: "", score: 1, pValue: 0, threshold: 0.75, baseline: "web", windows: 1,
            decision: rule == nil ? .watch : .quarantine, reasons: [])
        summary.quarantineID = rule
        summary.refusal = refusal
        return StoredIncident(summary)
    }

    private func rule(
        _ text: String = "10.0.0.1", until second: Int, _ state: QuarantineRule.State = .active,
        ending: String = "", isDryRun: Bool = false,
        action: QuarantineRule.Action = .drop
    ) -> QuarantineRule {
        QuarantineRule(
            id: "q7", target: target(text), action: action, state: state,
            created: Timestamp(second: 1), expires: Timestamp(second: second), level: 1,
            isDryRun: isDryRun, ending: ending)
    }

    private func outcome(_ rules: [QuarantineRule]) throws -> IncidentOutcome {
        try store.write(rules, [entry(1)])
        let found = try store.outcomes(of: [incident(rule: "q7")], at: Self.now)
        return try #require(found["i"])
    }

    @Test func anIncidentWithoutARuleIsWatchedOrRefused() throws {
        let watched = try store.outcomes(of: [incident(rule: nil)], at: Self.now)
        #expect(watched["i"] == IncidentOutcome(.watched, text: "watch"))
        let refused = try store.outcomes(
            of: [incident(rule: nil, refusal: "10.0.0.1 is the gateway")], at: Self.now)
        #expect(refused["i"]?.state == .refused)
        #expect(refused["i"]?.text == "refused: 10.0.0.1 is the gateway")
    }

    @Test func anActiveRuleFencesUntilItsExpiry() throws {
        // The rules of one decision: some have ended, one is active.
        let found = try outcome([
            rule("10.0.0.2", until: 9000, .ended, ending: "released at x by y: z"),
            rule(until: 1001),
        ])
        #expect(found.state == .fenced && found.until == Timestamp(second: 1001))
        #expect(found.text == "fenced until 1970-01-01 00:16:41 UTC")
    }

    @Test func aRuleThatIsNoDropNamesItsAction() throws {
        let found = try outcome([rule(until: 1001, action: .limit)])
        #expect(found.text == "fenced until 1970-01-01 00:16:41 UTC (limit)")
    }

    @Test func aDryRunWouldFence() throws {
        let found = try outcome([rule(until: 1001, isDryRun: true)])
        #expect(found.state == .wouldFence)
        #expect(found.text == "would be fenced until 1970-01-01 00:16:41 UTC: dry run")
        let over = try outcome([rule(until: 900, .ended, ending: "time over", isDryRun: true)])
        #expect(over.state == .wouldFence && over.text.hasPrefix("would have been fenced until"))
    }

    /// Also if no monitor has noted it: the kernel removes an expired rule by itself.
    @Test(arguments: [QuarantineRule.State.active, .ended])
    func anExpiredRuleHasExpired(state: QuarantineRule.State) throws {
        let found = try outcome([
            rule(until: 1000, state, ending: state == .ended ? "time over" : "")
        ])
        #expect(found.state == .expired)
        #expect(found.text == "fence expired at 1970-01-01 00:16:40 UTC")
    }

    @Test func aReleaseSaysWhenByWhomAndWhy() throws {
        let ending = "released at 1970-01-01 00:15:00 UTC by root: false alarm"
        let found = try outcome([rule(until: 2000, .ended, ending: ending)])
        #expect(found == IncidentOutcome(.released, text: ending, until: Timestamp(second: 2000)))
        #expect(found.json.contains(#""state":"released","text":"released at 1970"#))
    }

    @Test func otherEndingsAreTold() throws {
        let found = try outcome([rule(until: 2000, .ended, ending: "failed: no room")])
        #expect(found.state == .ended && found.text == "fence ended: failed: no room")
        let lost = try store.outcomes(of: [incident(rule: "q8")], at: Self.now)
        #expect(lost["i"]?.state == .ended)
    }

    @Test(.needs("sqlite3"))
    func aReaderSaysWhatIsWrongWithAFile() throws {
        let none = try Scratch()
        let path = none.path + "/lazaret.db"
        #expect(throws: EventStoreError.missing(path: path)) {
            try EventStore(reading: none.path)
        }
        try Namespace.command(["sqlite3", path, "CREATE TABLE visitors (name TEXT)"])
        #expect(throws: EventStoreError.foreign(path: path)) {
            try EventStore(reading: none.path)
        }
        try Data(repeating: 0x5A, count: 8192).write(to: URL(fileURLWithPath: path))
        do {
            _ = try EventStore(reading: none.path)
            Issue.record("a file of noise was opened")
        } catch EventStoreError.damaged(let found, _) {
            #expect(found == path)
        }
    }
}
