import Foundation
import TestKit
import Testing

/// A node that masquerades and publishes ports: each conversation counts once, under the addresses
/// of its two ends.
@Suite(.serialized, .needsKernel, .timeLimit(.minutes(20)))
struct TranslationTests {
    private let lab: Lab
    private let scratch: Scratch
    private let traffic: ShopTraffic

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        traffic = try ShopTraffic(lab)
    }

    private func monitor(_ more: [String]) throws -> Background {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "--state", scratch.path("state"), "-o", scratch.path("eve.json"),
                "--socket", "never",
            ] + more)
        let isReady = eventually {
            !program.isRunning || program.errors.contains("monitoring ")
                || program.errors.contains("learning what")
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func alerts() -> [String] {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init).filter {
            $0.contains("\"event_type\":\"alert\"")
        }
    }

    /// The conversations on TCP in a capture, without source ports.
    private func conversations(_ path: String, _ filter: String...) throws -> Set<String> {
        let run = try Run(["flows", "-r", path, "--format", "json"] + filter)
        try #require(run.status == 0, "\(run.errors)")
        return Set(
            try run.json.compactMap { flow in
                guard let source = flow["orig"], let to = flow["resp"],
                    let port = flow["resp_port"]
                else { return nil }
                return "\(source) > \(to):\(port)"
            })
    }

    private var expected: Set<String> {
        [
            "\(lab.a.v4) > \(lab.b.v4):80", "\(lab.a.v4) > \(ShopTraffic.server):80",
            "\(lab.bystander.v4) > \(lab.b.v4):80", "\(lab.c.v4) > \(lab.b.v4):80",
            "\(lab.c.v4) > \(ShopTraffic.server):80",
            "\(lab.a.v4) > \(ShopTraffic.server):81", "\(lab.c.v4) > \(lab.b.v4):81",
            "\(ShopTraffic.world)100 > \(lab.b.v4):81",
        ]
    }

    /// Whether a conversation is that of one of the users outside.
    private func isUsers(_ conversation: String) -> Bool {
        (0..<ShopTraffic.users).contains {
            conversation == "\(ShopTraffic.world)\(100 + $0) > \(lab.b.v4):80"
        }
    }

    /// The node's own conversations, which only the uplink shows.
    private var own: String { "10.77.9.1 > \(ShopTraffic.server):80" }

    @Test(arguments: [
        ["br1", "br2"], ["br1", "br2", "uplink"], ["any"], ["uplink", "br1", "br2"],
    ])
    func eachConversationCountsOnceUnderTheEndsOwnAddresses(interfaces: [String]) throws {
        try traffic.start(isRefused: true)
        let recording = scratch.path("kept.pcapng")
        let program = try monitor(
            ["--learn", "10m", "-w", recording] + interfaces.flatMap { ["-i", $0] })
        Thread.sleep(forTimeInterval: 6)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let hasUplink = interfaces != ["br1", "br2"]
        let wanted = hasUplink ? expected.union([own]) : expected
        let all = try conversations(recording, "tcp")
        let seen = all.filter { !isUsers($0) }
        #expect(seen == wanted, "\(seen.symmetricDifference(wanted))")
        #expect(all.contains(where: isUsers))
    }

    /// The second way of the README: captures of the bridges, and a model of them.
    @Test(.needs("tcpdump")) func aModelOfTheBridgesRaisesNothingOnThemAndTheUplink() throws {
        try traffic.start()
        let capture = scratch.path("clean.pcap")
        let recorders = try ["br1", "br2"].map {
            try lab.node.space.start(
                "tcpdump", "-q", "-i", $0, "-s", "256", "-w", capture + $0)
        }
        Thread.sleep(forTimeInterval: 20)
        for recorder in recorders {
            recorder.terminate()
            recorder.waitUntilExit()
        }
        let model = scratch.path("node.model")
        let train = try Run("train", "-r", capture + "br1", "-r", capture + "br2", "-o", model)
        try #require(train.status == 0, "\(train.errors)")
        for interfaces in [["br1"], ["br1", "br2", "uplink"], ["any"]] {
            let recording = scratch.path("kept-\(interfaces.count).pcapng")
            let program = try monitor(
                ["-m", model, "-w", recording] + interfaces.flatMap { ["-i", $0] })
            Thread.sleep(forTimeInterval: 12)
            #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
            let raised = alerts()
            #expect(raised == [], "\(interfaces): \(raised)")
            let replay = try Run("replay", "-r", recording, "-m", model, "--format", "eve")
            #expect(replay.status == 0, "\(replay.errors)")
            let again = replay.output.split(separator: "\n").filter { $0.contains(#""alert""#) }
            #expect(again == [], "\(interfaces): \(again)")
        }
    }

    /// The first way of the README: the node learns by itself.
    @Test func whatTheNodeLearntRaisesNothing() throws {
        try traffic.start()
        let program = try monitor([
            "--learn", "20s", "-i", "br1", "-i", "br2", "-i", "uplink",
        ])
        #expect(eventually { program.errors.contains("monitoring ") }, "\(program.errors)")
        Thread.sleep(forTimeInterval: 20)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let raised = alerts()
        #expect(raised == [], "\(raised)")
    }
}
