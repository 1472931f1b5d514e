import EventStore
import Foundation
import Quarantine
import Synchronization
import TestKit
import Testing
import Timestamps

@testable import Responses

/// What has become of responses, by action.
@Suite(.timeLimit(.minutes(20)))
struct ResponseCountTests {
    private let bench: ResponseBench
    private let scratch: Scratch

    init() throws {
        bench = try ResponseBench()
        scratch = try Scratch()
    }

    /// A program that fails while the file `broken` is there.
    private func entry(_ name: String, after seconds: Int64 = 0) throws -> ResponseEntry {
        var entry = ResponseEntry(name, .exec, after: seconds)
        entry.program = try scratch.write(
            "program", Data("#!/bin/sh\ncat >/dev/null; test ! -e \"$1\"\n".utf8), mode: 0o755)
        entry.arguments = [scratch.path("broken")]
        return entry
    }

    private func counts(_ engine: ResponseEngine, _ action: String = "exec") throws
        -> ResponseCounts
    {
        try #require(engine.counts.first { $0.action == action })
    }

    @Test func eachResultIsCountedOnceAndReloadsForgetNothing() throws {
        let engine = bench.engine([try entry("now"), try entry("later", after: 3600)])
        #expect(engine.counts.map(\.action) == ["exec"])
        #expect(try counts(engine) == ResponseCounts(action: "exec"))
        try scratch.write("broken", Data())
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { (try? counts(engine).retried) ?? 0 > 0 })
        try FileManager.default.removeItem(atPath: scratch.path("broken"))
        #expect(bench.run(engine) { bench.states("now") == [.verified] })
        bench.settle(engine)
        var now = try counts(engine)
        #expect(now.applied == 1 && now.standing == 1 && now.waiting == 1, "\(now)")
        #expect(now.undone == 0 && now.failed == 0 && now.skipped == 0 && now.left == 0)
        let retried = now.retried
        #expect(retried > 0)

        // A configuration without the action: what was counted stays.
        engine.replace([])
        #expect(engine.counts.map(\.action) == ["exec"])
        bench.settle(engine)
        now = try counts(engine)
        #expect(now.applied == 1 && now.retried == retried && now.standing == 1, "\(now)")
        // The one that was to begin has no entry any more.
        #expect(now.skipped == 1 && now.waiting == 0, "\(now)")
        bench.release()
        #expect(bench.run(engine) { bench.states("now") == [.undone] })
        bench.settle(engine)
        now = try counts(engine)
        #expect(now.undone == 1 && now.standing == 0 && now.applied == 1, "\(now)")
    }

    @Test func aResponseThatIsGivenUpHasFailed() throws {
        let engine = bench.engine([try entry("now")])
        try scratch.write("broken", Data())
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { engine.isAtItsLastAttempt })
        #expect(bench.run(engine) { bench.states("now") == [.undoing] })
        #expect(try counts(engine).standing == 1)
        try FileManager.default.removeItem(atPath: scratch.path("broken"))
        #expect(bench.run(engine) { bench.states("now") == [.failed] })
        bench.settle(engine)
        let now = try counts(engine)
        #expect(now.failed == 1 && now.applied == 0 && now.undone == 0 && now.standing == 0)
        #expect(now.retried >= UInt64(ResponseEngine.attemptLimit), "\(now)")
    }

    /// The ledger may have been written by a newer program: its words are no labels.
    @Test func actionsOfALedgerThatAreUnknownAreOne() throws {
        for (index, action) in ["teleport", "x\"} 1\n"].enumerated() {
            try bench.store.write(
                ResponseRecord(
                    entry: "e\(index)", action: action, ruleID: "r1", target: "203.0.113.9",
                    object: "o\(index)", name: "n", state: .verified, created: bench.now,
                    changed: bench.now, expires: bench.now + .seconds(600)), [])
        }
        let engine = bench.engine([])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { engine.counts.map(\.standing) == [2] })
        #expect(engine.counts.map(\.action) == ["other"])
        bench.release()
        #expect(bench.run(engine) { bench.states("e0") + bench.states("e1") == [.left, .left] })
        bench.settle(engine)
        #expect(try counts(engine, "other").left == 2)
        #expect(try counts(engine, "other").standing == 0)
    }
}

extension ResponseEngine {
    /// Lets failed attempts be made again at once, up to the last one.
    fileprivate var isAtItsLastAttempt: Bool {
        state.withLock { state in
            for key in state.pauses.keys { state.pauses[key]?.due = Clock.monotonic() }
            return state.pauses.values.contains { $0.attempts >= Self.attemptLimit }
                || (state.records ?? [:]).values.contains { $0.state == .undoing }
        }
    }
}
