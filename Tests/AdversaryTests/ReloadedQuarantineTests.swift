import Foundation
import TestKit
import Testing

/// A reload applies the options of the quarantine to the installed tables, or changes nothing.
@Suite(.needsKernel, .needs("curl"), .timeLimit(.minutes(20)))
struct ReloadedQuarantineTests {
    private let lab: Lab
    private let scratch: Scratch

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        _ = try scratch.model()
    }

    private func configure(limit: Int, events: String = "eve.json") throws {
        try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [br1]
                model: \(scratch.path("clean.model"))
                state: \(scratch.path("state"))
                control: {socket: \(scratch.path("control.sock"))}
                events: \(scratch.path(events))
                enforce: true
                workloads: {docker: never, podman: never, kubernetes: never}
                quarantine: {limit: \(limit)}

                """.utf8))
    }

    private func rules() throws -> String {
        try lab.node.space.run("nft", "list", "ruleset")
    }

    private func shown() throws -> String {
        try lab.node.space.run(
            "curl", "-s", "--unix-socket", scratch.path("control.sock"),
            "http://x/api/v1/config")
    }

    private func reload(_ program: Background, until words: String) {
        let count = program.errors.components(separatedBy: words).count
        program.signal(SIGHUP)
        let isDone = eventually { program.errors.components(separatedBy: words).count > count }
        #expect(isDone, "\(program.errors)")
    }

    @Test func optionsReachTheInstalledTables() throws {
        try configure(limit: 100)
        let program = try Background(
            in: lab.node.space, ["monitor", "-c", scratch.path("lazaret.yaml")])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        for target in [lab.b.v4, lab.bystander.v4] {
            let run = try Background(
                in: lab.node.space,
                [
                    "quarantine", "add", target, "--response", "limit", "--config",
                    scratch.path("lazaret.yaml"),
                ])
            #expect(run.status == 0, "\(run.errors)")
        }
        #expect(try rules().contains("limit rate over 100/second"))
        try configure(limit: 7)
        reload(program, until: "were read again")
        let isApplied = try eventually { try rules().contains("limit rate over 7/second") }
        let now = try rules()
        #expect(isApplied && !now.contains("limit rate over 100/second"), "\(now)")
        #expect(now.contains("\(lab.b.v4) ") && now.contains("\(lab.bystander.v4) "), "\(now)")
        #expect(try shown().contains("limit: 7"))

        // One part that cannot be applied: nothing is.
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path("link.json"), withDestinationPath: scratch.path("other.json"))
        try configure(limit: 9, events: "link.json")
        reload(program, until: "what was in use stays")
        Thread.sleep(forTimeInterval: 2)
        let then = try shown()
        #expect(then.contains("limit: 7") && !then.contains("link.json"), "\(then)")
        #expect(try rules().contains("limit rate over 7/second"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func aMonitorThatLearnsAnswersForItsCounters() throws {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "--state", scratch.path("learning"), "-o",
                scratch.path("eve.json"), "--socket", "never", "--learn", "1h",
            ])
        let isLearning = eventually { program.errors.contains("learning what is usual") }
        #expect(isLearning, "\(program.errors)")
        let isAnswered = eventually {
            program.signal(SIGUSR1)
            return program.errors.contains("packets")
        }
        #expect(isAnswered, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
