import Foundation
import TestKit
import Testing

/// `lazaret monitor -w`: a recording of the packets and of the owners of addresses, for replay.
@Suite(.needsKernel, .needs("tcpdump"))
struct RecordingTests {
    private let lab: Lab
    private let scratch: Scratch

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    private func incidents(_ text: String) -> [(address: String, workload: String)] {
        text.split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard object?["event_type"] as? String == "alert",
                let details = object?["lazaret"] as? [String: Any]
            else { return nil }
            return (object?["src_ip"] as? String ?? "", details["workload"] as? String ?? "")
        }
    }

    @Test func aReplayedRecordingYieldsTheLiveIncidents() throws {
        let model = try scratch.model()
        let inventory = try scratch.write(
            "inventory.yaml",
            Data(
                """
                workloads:
                  - {name: crawler, addresses: [\(lab.a.v4)]}
                  - {name: office/wiki, addresses: [\(lab.b.v4)]}
                networks:
                  - {name: lan, prefix: 10.77.1.0/24, gateway: 10.77.1.1}

                """.utf8))
        let kept = scratch.path("kept.pcapng")
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m", model, "--inventory",
                inventory, "--state", scratch.path("state"), "-o", scratch.path("eve.json"),
                "--socket", "never", "-w", kept,
            ])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        func live() -> [(address: String, workload: String)] {
            incidents(
                (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? "")
        }
        let isReported = try eventually {
            try lab.scan(lab.b, by: lab.a)
            return live().contains { $0.workload == "crawler" }
        }
        #expect(isReported, "\(program.errors)")
        // To the other network: the gateway sees each packet twice, and records it once.
        for number in UInt16(0)..<20 {
            try Socket(lab.a).send("probe", to: lab.c.v4, 4000 + number)
        }
        // Other programs can read it while it is written.
        func dumped() -> [Substring] {
            let words = ["tcpdump", "-nr", kept, "udp and dst host \(lab.c.v4)"]
            let text = (try? Namespace.command(words)) ?? ""
            return text.split(separator: "\n").filter { $0.contains(lab.c.v4) }
        }
        let isKept = eventually { dumped().count == 20 }
        #expect(isKept, "\(dumped())")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(dumped().count == 20, "\(dumped())")

        // A trusted file contains the owners of the addresses.
        let replay = try Run(
            "replay", "-r", kept, "-m", model, "--format", "eve", "--trust-notes")
        #expect(replay.status == 0 && replay.errors.isEmpty, "\(replay.errors)")
        let again = incidents(replay.output)
        #expect(
            again.contains { $0.address == lab.a.v4 && $0.workload == "crawler" },
            "\(replay.output)")
        #expect(Set(again.map(\.workload)) == Set(live().map(\.workload)))
        let doubted = try Run("replay", "-r", kept, "-m", model, "--format", "eve")
        #expect(!incidents(doubted.output).contains { $0.workload == "crawler" })
        #expect(
            doubted.errors.contains("crawler") && doubted.errors.contains("--trust-notes"),
            "\(doubted.errors)")
        let trained = try Run(
            "train", "-r", kept, "-o", scratch.path("kept.model"), "--trust-notes")
        #expect(trained.status == 0, "\(trained.errors)")
        let shown = try Run("model", "show", scratch.path("kept.model"))
        #expect(shown.output.contains("crawler"), "\(shown.output)")
    }

    @Test(arguments: [
        ("/nowhere/kept.pcapng", "folder /nowhere does not exist"), ("/dev/null", "no plain file"),
    ])
    func anUnwritableRecordingIsReportedInOneLine(path: String, reason: String) throws {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-m", try scratch.model(), "--state", scratch.path("s"),
                "--socket", "never", "-w", path,
            ])
        #expect(program.status == 1)
        #expect(program.errors.contains(path) && program.errors.contains(reason))
        #expect(program.errors.split(separator: "\n").count == 1, "\(program.errors)")
    }
}
