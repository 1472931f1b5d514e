import Foundation
import Quarantine
import Synchronization
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Responses when the engine, the ledger, the clock or the program itself fails.
@Suite(.timeLimit(.minutes(20)))
struct ResponseFaultTests {
    private let bench: ResponseBench
    private var docker: FakeDocker { bench.docker }

    init() throws { bench = try ResponseBench() }

    /// A program that is killed between two steps, at each of them: the next start finishes the
    /// response or undoes it, and the container is as it was.
    @Test(arguments: [ResponseEntry.Action.pause, .stop, .disconnect], 0..<5)
    func aKillAtAnyStepLeavesNothingBehind(action: ResponseEntry.Action, writes: Int) throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"], aliases: ["shop"])
        let before = docker[1]
        let dying = FusedLedger(bench.store, writes: writes) { [docker] in docker.die() }
        let first = bench.engine([ResponseEntry("one", action)], ledger: dying)
        bench.fence("10.0.0.2")
        _ = eventually(within: 30) {
            first.tick()
            return docker.requests.count > 0 && first.isIdle
                && (bench.states("one").count == min(1, writes)) && isStuck(first, writes)
        }
        docker.live()
        // Even numbers of steps: the fence is still active at the next start.
        if writes % 2 == 0 {
            let second = bench.engine([ResponseEntry("one", action)])
            #expect(bench.run(second) { bench.states("one") == [.verified] })
        }
        bench.release()
        let last = bench.engine([ResponseEntry("one", action)])
        bench.settle(last)
        #expect(
            bench.run(last) { bench.states("one").allSatisfy(\.isOver) },
            "\(bench.records("one"))")
        var after = try #require(docker[1])
        if action == .stop { after.startedAt = before?.startedAt ?? "" }
        #expect(after == before, "\(docker.changes)")
    }

    /// Whether the program that cannot write any more has come to its last step.
    private func isStuck(_ engine: ResponseEngine, _ writes: Int) -> Bool {
        writes == 4 ? engine.open.allSatisfy { $0.state == .verified } : !bench.log.lines.isEmpty
    }

    @Test(arguments: [ResponseEntry.Action.pause, .stop, .disconnect])
    func aKillWhileItIsUndoneLeavesNothingBehind(action: ResponseEntry.Action) throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"], aliases: ["shop"])
        let before = docker[1]
        // Four writes apply it, the fifth begins to undo it.
        for writes in 4...5 {
            let ledger = FusedLedger(bench.store, writes: writes)
            let first = bench.engine([ResponseEntry("one", action)], ledger: ledger)
            bench.fence("10.0.0.2", id: "r\(writes)")
            let isApplied = bench.run(first) { bench.states("one").last == .verified }
            #expect(isApplied, "\(bench.records("one"))")
            bench.release("r\(writes)")
            let isUndone = bench.run(first) {
                docker[1]?.isPaused == false && docker[1]?.isRunning == true
                    && docker[1]?.networks.count == 2
            }
            #expect(isUndone)
            let last = bench.engine([ResponseEntry("one", action)])
            #expect(
                bench.run(last) { bench.states("one").allSatisfy(\.isOver) },
                "\(bench.records("one"))")
            docker.change(1) { $0.startedAt = before?.startedAt ?? "" }
            #expect(docker[1] == before, "\(docker.changes)")
        }
    }

    @Test func nothingIsDoneThatCannotBeRecorded() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        // The plan can be written, and nothing after it.
        let full = FusedLedger(bench.store, writes: 1)
        let engine = bench.engine([ResponseEntry("halt", .pause)], ledger: full)
        bench.fence("10.0.0.2")
        #expect(
            bench.run(engine) { bench.log.lines.contains { $0.contains("no space left") } })
        #expect(docker.changes.isEmpty)
    }

    /// A disk that stays full is tried now and then, and not in a loop.
    @Test func aFullDiskIsNotWrittenInALoop() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        // All writes but the last one, that the response was undone.
        let full = FusedLedger(bench.store, writes: 5)
        let engine = bench.engine([ResponseEntry("halt", .pause)], ledger: full)
        engine.start()
        bench.fence("10.0.0.2")
        engine.wake()
        #expect(eventually(within: 60) { bench.states("halt") == [.verified] })
        bench.release()
        engine.wake()
        #expect(eventually(within: 60) { full.failures.withLock { $0 } >= 2 })
        let start = ContinuousClock.now
        let before = full.failures.withLock { $0 }
        #expect(eventually(within: 60) { full.failures.withLock { $0 } > before })
        let seconds = Double((ContinuousClock.now - start).components.seconds) + 1
        let more = Double(full.failures.withLock { $0 } - before)
        #expect(more <= 3 * seconds, "\(more) in \(seconds) s")
        #expect(docker[1]?.isPaused == false)
        #expect(engine.stop())
    }

    @Test func aLostAnswerIsNotActedOnTwice() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"], aliases: ["shop"])
        let before = docker[1]
        for part in ["/pause", "/disconnect", "/unpause", "/connect"] { docker.lose(part) }
        let engine = bench.engine([
            ResponseEntry("halt", .pause), ResponseEntry("cut", .disconnect),
        ])
        bench.fence("10.0.0.2")
        #expect(
            bench.run(engine) {
                bench.states("halt") == [.verified] && bench.states("cut") == [.verified]
            })
        bench.release()
        #expect(
            bench.run(engine) {
                bench.states("halt").allSatisfy(\.isOver) && bench.states("cut") == [.undone]
            })
        #expect(docker[1] == before, "\(docker.changes)")
    }

    @Test(arguments: [401, 403, 409, 429, 500, 503])
    func anEngineThatRefusesIsAskedAgain(status: Int) throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.fail("/pause", status, "the daemon says no")
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2")
        let isTold = bench.run(engine) {
            bench.log.lines.contains { $0.contains("\(status): the daemon says no") }
        }
        #expect(isTold, "\(bench.log.lines)")
        docker.fail("/pause", nil)
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        docker.fail("/unpause", status)
        bench.release()
        bench.settle(engine)
        #expect(bench.states("halt") == [.undoing])
        docker.fail("/unpause", nil)
        #expect(bench.run(engine) { bench.states("halt") == [.undone] })
        #expect(docker[1]?.isPaused == false)
    }

    @Test func aHalfAppliedResponseIsUndone() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"])
        let before = docker[1]
        docker.fail(FakeDocker.network("net") + "/disconnect", 500)
        let engine = bench.engine([ResponseEntry("cut", .disconnect)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { docker[1]?.networks.count == 1 || !bench.log.lines.isEmpty })
        bench.release()
        #expect(bench.run(engine) { bench.states("cut").allSatisfy(\.isOver) })
        #expect(docker[1] == before)
    }

    @Test func anEngineThatIsAwayIsFollowedLater() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        docker.stop()
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("no response to") } })
        try docker.start()
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        // It is away again when the fence ends.
        docker.stop()
        bench.release()
        #expect(bench.run(engine) { bench.states("halt") == [.undoing] })
        try docker.start()
        #expect(bench.run(engine) { bench.states("halt") == [.undone] })
        #expect(docker[1]?.isPaused == false)
    }

    /// `auto` means: an engine that does not exist is none, and no reason to retry.
    @Test func anEngineThatNobodyNamedNeedNotExist() throws {
        let engine = bench.engine(
            [ResponseEntry("halt", .pause)], isNamed: false, path: "/tmp/lzr-not-there.sock")
        bench.fence("10.0.0.2")
        bench.settle(engine)
        #expect(bench.log.lines.isEmpty && bench.records("halt").isEmpty)
        #expect(engine.state.withLock { $0.fences["r1"]?.objects } == [])
    }

    @Test func aContainerThatIsGoneNeedsNoUndo() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([ResponseEntry("cut", .disconnect)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] })
        docker.remove(1)
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] })
        #expect(bench.records("cut").first?.detail.contains("gone") == true)
    }

    @Test func aClockThatIsSetNeitherBeginsNorUndoes() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([
            ResponseEntry("halt", .pause), ResponseEntry("end", .stop, after: 600),
        ])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        for second: Int64 in [1_000_000, 10, 2000] {
            bench.setClock(second)
            bench.settle(engine)
            #expect(bench.states("halt") == [.verified] && bench.states("end") == [.waiting])
            #expect(docker[1]?.isPaused == true)
        }
        bench.release()
        #expect(
            bench.run(engine) {
                bench.states("halt") == [.undone] && bench.states("end") == [.skipped]
            })
    }

    /// An entry that was removed from the configuration, as after a SIGHUP.
    @Test func aResponseWhoseEntryIsGoneIsUndone() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        engine.replace([])
        bench.settle(engine)
        #expect(docker[1]?.isPaused == true)
        bench.release()
        #expect(bench.run(engine) { bench.states("halt") == [.undone] })
        #expect(docker[1]?.isPaused == false)
    }

    @Test func aReloadDoesNotRepeatWhatAnOperatorHasEnded() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        docker.change(1) { $0.isPaused = false }
        bench.setClock(2020)
        #expect(bench.run(engine) { bench.states("halt") == [.left] })
        engine.replace([ResponseEntry("halt", .pause), ResponseEntry("end", .stop, after: 900)])
        bench.settle(engine)
        #expect(docker[1]?.isPaused == false && bench.states("halt") == [.left])
        #expect(bench.states("end") == [.waiting])
    }

    @Test func anAnswerThatMakesNoSenseIsAFailure() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.fail("/json", 200, "x")
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("not as expected") } })
        #expect(docker.changes.isEmpty)
    }
}
