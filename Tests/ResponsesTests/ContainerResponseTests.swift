import Foundation
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Responses on containers, against a simulated Docker.
@Suite(.timeLimit(.minutes(20)))
struct ContainerResponseTests {
    private let bench: ResponseBench
    private var docker: FakeDocker { bench.docker }

    init() throws { bench = try ResponseBench() }

    // MARK: - Apply and undo

    @Test(arguments: [ResponseEntry.Action.pause, .stop, .disconnect])
    func aFenceBeginsAResponseAndItsEndUndoesIt(action: ResponseEntry.Action) throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"], aliases: ["shop", "w"])
        docker.add(2, "other", at: ["net": "10.0.0.3"])
        let (before, other) = (docker[1], docker[2])
        let engine = bench.engine([ResponseEntry("first", action)])
        bench.settle(engine)
        #expect(docker.requests.isEmpty)

        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("first") == [.verified] })
        let during = try #require(docker[1])
        switch action {
        case .pause: #expect(during.isPaused)
        case .stop: #expect(!during.isRunning)
        case .disconnect: #expect(during.networks.isEmpty && during.isRunning)
        default: Issue.record("not an action of this test")
        }
        bench.settle(engine)
        let count = docker.changes.count

        bench.release()
        #expect(bench.run(engine) { bench.states("first") == [.undone] })
        var after = try #require(docker[1])
        if action == .stop {
            #expect(after.startedAt != before?.startedAt)
            after.startedAt = before?.startedAt ?? ""
        }
        #expect(after == before)
        #expect(docker[2] == other)
        bench.settle(engine)
        #expect(docker.changes.count == 2 * count)
        let trail = bench.trail
        for word in ["plan", "prepare", "apply", "verify", "undo", "undone"] {
            #expect(trail.contains { $0.hasPrefix("response \(word): first: ") }, "\(trail)")
        }
    }

    @Test func aLadderGoesUpByTheAgeOfTheFenceAndDownAtItsEnd() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"], aliases: ["shop"])
        let before = docker[1]
        let engine = bench.engine([
            ResponseEntry("cut", .disconnect), ResponseEntry("halt", .pause),
            ResponseEntry("end", .stop, after: 300),
        ])
        // The fence is 299 s old when it is first seen, and 300 s a second later.
        bench.setClock(2299)
        bench.fence("10.0.0.2")
        #expect(
            bench.run(engine) {
                bench.states("cut") == [.verified] && bench.states("halt") == [.verified]
            })
        let isPlanned = bench.states("end").first.map { [.waiting, .verified].contains($0) }
        #expect(isPlanned == true)
        #expect(bench.run(engine) { bench.states("end") == [.verified] })
        #expect(docker[1]?.isRunning == false)

        bench.release()
        #expect(
            bench.run(engine) {
                ["cut", "halt", "end"].allSatisfy { bench.states($0) == [.undone] }
            })
        var after = try #require(docker[1])
        after.startedAt = before?.startedAt ?? ""
        #expect(after == before)
        // It has its network before its processes run.
        let order = docker.changes.suffix(2).map { $0.split(separator: "/").last ?? "" }
        #expect(order == ["connect", "start"], "\(docker.changes)")
    }

    @Test func twoEntriesOfOneActionAreTwoResponses() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.add(2, "job", at: ["net": "10.0.0.3"])
        let engine = bench.engine([
            ResponseEntry("webs", .pause, workloads: ["shop/w*"]),
            ResponseEntry("jobs", .pause, workloads: ["batch/*"]),
        ])
        bench.fence("10.0.0.2", id: "r1", workload: "shop/web")
        bench.fence("10.0.0.3", id: "r2", workload: "batch/job")
        #expect(
            bench.run(engine) {
                bench.states("webs") == [.verified] && bench.states("jobs") == [.verified]
            })
        bench.release("r1")
        #expect(bench.run(engine) { bench.states("webs") == [.undone] })
        #expect(bench.states("jobs") == [.verified])
        #expect(docker[1]?.isPaused == false && docker[2]?.isPaused == true)
    }

    @Test func aReleaseOfOneOfTwoFencesKeepsTheResponse() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"])
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2", id: "r1")
        bench.fence("10.1.0.2", id: "r2")
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        bench.release("r1")
        bench.settle(engine)
        #expect(docker[1]?.isPaused == true && bench.states("halt") == [.verified])
        bench.release("r2")
        #expect(bench.run(engine) { bench.states("halt") == [.undone] })
        #expect(docker[1]?.isPaused == false)
    }

    // MARK: - Limits

    @Test func aDryRunAPauseAndAForcedFenceRunNone() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2", isDryRun: true)
        bench.settle(engine)
        bench.release()
        bench.fence("10.0.0.2", id: "r2", isForced: true)
        bench.settle(engine)
        bench.release("r2")
        for action in [QuarantineRule.Action.limit, .observe, .protect] {
            bench.fence("10.0.0.2", id: "r3", action: action)
            bench.settle(engine)
            bench.release("r3")
        }
        bench.change { $0.isActing = false }
        bench.fence("10.0.0.2", id: "r4")
        bench.settle(engine)
        #expect(docker.changes.isEmpty && bench.records("halt").isEmpty)
        // The pause is over, and the fence is still active.
        bench.change { $0.isActing = true }
        #expect(bench.run(engine) { bench.states("halt") == [.verified] })
        // A pause begins nothing and undoes what is over.
        bench.change { $0.isActing = false }
        bench.settle(engine)
        #expect(docker[1]?.isPaused == true)
        bench.release("r4")
        #expect(bench.run(engine) { bench.states("halt") == [.undone] })
    }

    @Test func anAddressOfTheContainerThatIsProtectedOrAllowedSavesIt() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.1.0.2"])
        docker.add(2, "job", at: ["net": "10.0.0.3", "back": "10.1.0.3"])
        bench.change { situation in
            situation.protected.add(prefix("10.1.0.2"), reason: "the operators' door")
            situation.allowlist = [AllowEntry(prefix("10.1.0.3"), reason: "our scanner")]
        }
        let engine = bench.engine([ResponseEntry("halt", .stop)])
        bench.fence("10.0.0.2", id: "r1")
        bench.fence("10.0.0.3", id: "r2")
        #expect(bench.run(engine) { bench.states("halt") == [.skipped, .skipped] })
        let why = bench.records("halt").map(\.detail).joined()
        #expect(why.contains("the operators' door") && why.contains("our scanner"), "\(why)")
        #expect(docker.changes.isEmpty)
    }

    @Test func aContainerStartedAfterTheEvidenceIsNotTheSender() throws {
        docker.add(1, "heir", at: ["net": "10.0.0.2"], started: 2001)
        docker.add(2, "web", at: ["net": "10.0.0.3"], started: 1999)
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.2", id: "r1", created: 2000)
        bench.fence("10.0.0.3", id: "r2", created: 2000)
        #expect(
            bench.run(engine) { Set(bench.states("halt")) == [.skipped, .verified] })
        #expect(docker[1]?.isPaused == false && docker[2]?.isPaused == true)
        let skipped = bench.records("halt").first { $0.state == .skipped }
        #expect(skipped?.detail.contains("was started after the evidence") == true)
    }

    @Test func aSharedNetworkNamesNobody() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.add(2, "sidecar", at: [:], mode: "container:\(FakeDocker.id(1))")
        let engine = bench.engine([
            ResponseEntry("halt", .pause), ResponseEntry("cut", .disconnect),
        ])
        bench.fence("10.0.0.2")
        #expect(
            bench.run(engine) {
                bench.states("halt") == [.skipped] && bench.states("cut") == [.skipped]
            })
        #expect(bench.records("halt").first?.detail.contains("sidecar") == true)
        #expect(docker.changes.isEmpty)
    }

    /// Podman lists no network modes, and does not stop a paused container.
    @Test func podmanIsUnderstood() throws {
        docker.becomePodman()
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.add(2, "sidecar", at: [:], mode: "container:\(FakeDocker.id(1))")
        docker.add(3, "job", at: ["net": "10.0.0.3"])
        let engine = bench.engine([
            ResponseEntry("halt", .pause), ResponseEntry("end", .stop, after: 1),
        ])
        bench.fence("10.0.0.2", id: "r1")
        #expect(bench.run(engine) { bench.states("halt") == [.skipped] })
        #expect(bench.records("halt").first?.detail.contains("sidecar") == true)
        bench.fence("10.0.0.3", id: "r2")
        #expect(
            bench.run(engine) {
                bench.states("end").contains(.verified) && bench.states("halt").contains(.verified)
            }, "\(bench.log.lines)")
        #expect(docker[3]?.isRunning == false && docker[1]?.isPaused == false)
        bench.release("r2")
        #expect(bench.run(engine) { bench.states("halt").contains(.undone) })
        #expect(docker[3]?.isRunning == true && docker[3]?.isPaused == false)
    }

    /// The policy fences a network as what exactly holds the offenders; an operator accuses nobody
    /// in particular.
    @Test func anOperatorsFenceOnANetworkActsOnNoContainer() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.add(2, "job", at: ["net": "10.0.0.3"])
        docker.add(3, "db", at: ["net": "10.0.0.9"])
        let engine = bench.engine([ResponseEntry("halt", .pause)])
        bench.fence("10.0.0.0/24", id: "h1", level: 0)
        bench.settle(engine)
        #expect(docker.changes.isEmpty && bench.records("halt").isEmpty)
        bench.fence("10.0.0.2/31", id: "r1")
        #expect(bench.run(engine) { bench.states("halt") == [.verified, .verified] })
        #expect(docker[3]?.isPaused == false)
        // An address that an operator names is one container's.
        bench.fence("10.0.0.9", id: "h2", level: 0)
        #expect(bench.run(engine) { docker[3]?.isPaused == true })
    }

    @Test func aBudgetLimitsAResponse() throws {
        for number in 1...4 { docker.add(number, "web\(number)", at: ["net": "10.0.0.\(number)"]) }
        var entry = ResponseEntry("halt", .pause)
        entry.most = 2
        let engine = bench.engine([entry])
        for number in 1...4 { bench.fence("10.0.0.\(number)", id: "r\(number)") }
        #expect(
            bench.run(engine) {
                bench.states("halt").count { $0 == .verified } == 2
                    && bench.states("halt").count { $0 == .skipped } == 2
            })
        #expect((1...4).count { docker[$0]?.isPaused == true } == 2)
    }

    // MARK: - Somebody else

    @Test func whatAnOperatorHadStoppedOrPausedIsLeftAlone() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.add(2, "job", at: ["net": "10.0.0.3"])
        docker.change(1) { $0.isPaused = true }
        docker.change(2) { $0.isPaused = true }
        let engine = bench.engine([
            ResponseEntry("halt", .pause, workloads: ["a"]),
            ResponseEntry("end", .stop, workloads: ["b"]),
        ])
        bench.fence("10.0.0.2", id: "r1", workload: "a")
        bench.fence("10.0.0.3", id: "r2", workload: "b")
        #expect(
            bench.run(engine) {
                bench.states("halt") == [.skipped] && bench.states("end") == [.skipped]
            })
        bench.release("r1")
        bench.release("r2")
        bench.settle(engine)
        #expect(docker[1]?.isPaused == true && docker[2]?.isPaused == true)
        #expect(docker.changes.isEmpty)
    }

    @Test func whatSomebodyChangedMeanwhileIsLeft() throws {
        docker.add(1, "a", at: ["net": "10.0.0.2"])
        docker.add(2, "b", at: ["net": "10.0.0.3"])
        docker.add(3, "c", at: ["net": "10.0.0.4"])
        docker.add(4, "d", at: ["net": "10.0.0.5"])
        let engine = bench.engine([
            ResponseEntry("halt", .pause, workloads: ["p"]),
            ResponseEntry("end", .stop, workloads: ["s"]),
        ])
        for (number, workload) in [(2, "p"), (3, "s"), (4, "p"), (5, "s")] {
            bench.fence("10.0.0.\(number)", id: "r\(number)", workload: workload)
        }
        #expect(
            bench.run(engine) {
                bench.states("halt") == [.verified, .verified]
                    && bench.states("end") == [.verified, .verified]
            })
        // One was continued, one started, one stopped, and one removed.
        docker.change(1) { $0.isPaused = false }
        docker.change(2) { box in
            (box.isRunning, box.startedAt) = (true, FakeDocker.time(4000))
        }
        docker.change(3) { box in (box.isPaused, box.isRunning) = (false, false) }
        docker.remove(4)
        let count = docker.changes.count
        for number in 2...5 { bench.release("r\(number)") }
        #expect(
            bench.run(engine) {
                (bench.states("halt") + bench.states("end")).allSatisfy(\.isOver)
            })
        #expect(docker.changes.count == count, "\(docker.changes)")
        #expect(docker[3]?.isRunning == false)
        let details = (bench.records("halt") + bench.records("end")).map(\.detail).joined(
            separator: "\n")
        for part in [
            "was continued already", "was started again since", "it is not started",
            "No such container",
        ] {
            #expect(details.contains(part), "\(part): \(details)")
        }
    }

    @Test func aContainerThatRunsAgainIsReportedOnce() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.change(1) { $0.restart = "always" }
        let engine = bench.engine([ResponseEntry("end", .stop)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("end") == [.verified] })
        // As a restarted daemon does.
        docker.change(1) { box in (box.isRunning, box.startedAt) = (true, FakeDocker.time(4000)) }
        bench.setClock(2011)
        #expect(bench.run(engine) { bench.states("end") == [.left] })
        // Neither a later look nor a restart of the monitor stops it again.
        bench.settle(engine)
        bench.settle(bench.engine([ResponseEntry("end", .stop)]))
        #expect(docker[1]?.isRunning == true && bench.states("end") == [.left])
        bench.release()
        bench.settle(engine)
        #expect(docker[1]?.isRunning == true)
    }

    @Test func anAddressThatWasGivenAwayIsReported() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([ResponseEntry("cut", .disconnect)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] })
        docker.add(2, "heir", at: ["net": "10.0.0.2"], started: 2050)
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] })
        #expect(docker[1]?.networks["net"]?.address == "10.0.0.99")
        #expect(bench.records("cut").first?.detail.contains("10.0.0.2") == true)
        #expect(docker[2]?.networks["net"]?.address == "10.0.0.2")
    }

    @Test func aNetworkWithoutChosenAddressesIsConnectedAgain() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.makeAutomatic("net")
        let engine = bench.engine([ResponseEntry("cut", .disconnect)])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] })
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] })
        #expect(docker[1]?.networks["net"] != nil)
    }

    /// A container that is moved to a quarantine network leaves it again.
    @Test func aContainerIsMovedToAQuarantineNetwork() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2", "back": "10.0.1.2"])
        docker.makeInternal("ward")
        var entry = ResponseEntry("cut", .disconnect)
        entry.network = "ward"
        let engine = bench.engine([entry])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        #expect(docker[1].map { Set($0.networks.keys) } == ["ward"])
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(docker[1].map { Set($0.networks.keys) } == ["net", "back"])
        #expect(docker[1]?.networks["net"]?.address == "10.0.0.2")
    }

    /// A network with a way out is no quarantine.
    @Test(arguments: [("net", "not internal"), ("nowhere", "no network"), ("a/b", "no network")])
    func anotherNetworkIsNoQuarantine(_ name: String, _ why: String) throws {
        docker.add(1, "web", at: ["back": "10.0.0.2"])
        var entry = ResponseEntry("cut", .disconnect)
        entry.network = name
        let engine = bench.engine([entry])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.states("cut") == [.skipped] }, "\(bench.log.lines)")
        #expect(bench.records("cut").allSatisfy { $0.detail.contains(why) }, "\(bench.trail)")
        #expect(docker[1].map { Set($0.networks.keys) } == ["back"])
    }
}
