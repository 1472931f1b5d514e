import Foundation
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Responses

/// What is kept of a container before other responses change it.
@Suite(.timeLimit(.minutes(20)))
struct EvidenceTests {
    private let bench: ResponseBench
    private var docker: FakeDocker { bench.docker }

    init() throws { bench = try ResponseBench() }

    private func evidence(commits: Bool, kept: Int? = nil) -> ResponseEntry {
        var entry = ResponseEntry("keep", .evidence)
        entry.commits = commits
        entry.kept = kept
        return entry
    }

    private var folders: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: bench.evidence)) ?? []).sorted()
    }

    @Test func descriptionAndProcessesAreKeptBeforeTheContainerIsStopped() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let engine = bench.engine([evidence(commits: false), ResponseEntry("end", .stop)])
        bench.fence("10.0.0.2")
        #expect(
            bench.run(engine) {
                bench.states("keep") == [.verified] && bench.states("end") == [.verified]
            })
        let folder = try #require(folders.first)
        let path = bench.evidence + "/" + folder
        let description = try String(contentsOfFile: path + "/inspect.json", encoding: .utf8)
        #expect(description.contains(#""Running":true"#))
        #expect(try String(contentsOfFile: path + "/top.json", encoding: .utf8).contains("nc -l"))
        for place in [bench.evidence, path, path + "/inspect.json"] {
            let facts = try FileManager.default.attributesOfItem(atPath: place)
            let mode = try #require(facts[.posixPermissions] as? Int)
            #expect(mode & 0o077 == 0, "\(place)")
        }
        let order = docker.requests
        let top = try #require(order.firstIndex { $0.contains("/top") })
        let stop = try #require(order.firstIndex { $0.contains("/stop") })
        #expect(top < stop)
        bench.release()
        #expect(bench.run(engine) { bench.states("keep") == [.undone] })
        // Evidence stays.
        #expect(folders == [folder])
        #expect(bench.records("keep").first?.detail.contains(folder) == true)
    }

    /// A container with much data: its image takes as long as it takes.
    @Test func anImageDelaysNeitherTheOthersNorTheRelease() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        let before = docker[1]
        docker.hold("/commit")
        let engine = bench.engine([
            evidence(commits: true), ResponseEntry("cut", .disconnect),
            ResponseEntry("halt", .pause),
        ])
        bench.fence("10.0.0.2")
        #expect(
            bench.run(engine) {
                bench.states("cut") == [.verified] && bench.states("halt") == [.verified]
            })
        #expect(bench.states("keep") == [.prepared])
        bench.release()
        #expect(
            bench.run(engine) {
                bench.states("cut") == [.undone] && bench.states("halt") == [.undone]
            })
        #expect(docker[1] == before && bench.states("keep") == [.prepared])
        docker.letGo()
        #expect(bench.run(engine) { bench.states("keep").allSatisfy(\.isOver) })
    }

    @Test func anImageThatTakesTooLongIsGivenUp() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.hold("/commit")
        var entry = evidence(commits: true)
        entry.timeout = .seconds(1)
        let engine = bench.engine([entry])
        bench.fence("10.0.0.2")
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("imed out") } })
        docker.letGo()
        #expect(bench.run(engine) { bench.states("keep") == [.verified] })
    }

    @Test func theOldestEvidenceIsRemoved() throws {
        let engine = bench.engine([evidence(commits: true, kept: 2)])
        for number in 1...4 {
            docker.add(number, "web\(number)", at: ["net": "10.0.0.\(number)"])
            bench.setClock(2000 + Int64(number))
            bench.fence("10.0.0.\(number)", id: "r\(number)", created: 2000 + Int64(number))
            #expect(
                bench.run(engine) {
                    bench.states("keep").count { $0 == .verified } == number
                })
        }
        #expect(folders.count == 2 && folders.allSatisfy { $0 > "19700101T003322" }, "\(folders)")
        #expect(docker.images.count == 2, "\(docker.images)")
        for (folder, image) in zip(folders, docker.images.sorted()) {
            #expect(image == "lazaret-evidence:\(folder)")
        }
    }

    @Test(arguments: 0..<7, [false, true])
    func aKillAtAnyStepKeepsTheEvidenceOnce(writes: Int, commits: Bool) throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        bench.fence("10.0.0.2")
        let entry = evidence(commits: commits)
        try bench.killAndRestart("keep", afterWrites: writes) { bench.engine([entry], ledger: $0) }
        #expect(folders.count == 1, "\(folders)")
    }

    @Test func aRestartDoesNotKeepItTwice() throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.lose("/commit")
        let ledger = FusedLedger(bench.store, writes: 2) { [docker] in docker.die() }
        let first = bench.engine([evidence(commits: true)], ledger: ledger)
        bench.fence("10.0.0.2")
        _ = bench.run(first) { docker.images.count == 1 && first.isIdle }
        docker.live()
        let second = bench.engine([evidence(commits: true)])
        #expect(bench.run(second) { bench.states("keep") == [.verified] })
        #expect(docker.images.count == 1 && folders.count == 1)
    }
}
