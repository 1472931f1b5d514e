import Foundation
import TestKit
import Testing

/// Attacks by senders that nobody can name: the target gets a limit of new connections.
@Suite(.serialized, .needsKernel, .timeLimit(.minutes(20)))
struct ProtectionTests {
    private let lab: Lab
    private let scratch: Scratch

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    private func monitor(protecting: String) throws -> Background {
        let configuration = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [br1, br2]
                model: \(try scratch.model())
                state: \(scratch.path("state"))
                control: {socket: \(scratch.path("control.sock"))}
                events: \(scratch.path("eve.json"))
                workloads: {docker: never, podman: never, kubernetes: never}
                quarantine: {protect_targets: \(protecting), durations: [10m]}

                """.utf8))
        let program = try Background(
            in: lab.node.space, ["monitor", "-c", configuration, "--enforce"])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func has(_ action: String) -> Bool {
        scratch.eventDetails.contains { $0["action"] as? String == action }
    }

    /// A SYN flood at the web server with somebody else's address, from beyond the uplink.
    private func flood(_ packets: Int) throws {
        try lab.outside.space.run(
            "sh", "-c",
            "hping3 -q -S -c \(packets) -i u1000 -p 80 -a 198.51.100.7 \(lab.b.v4) >&2 || true")
    }

    /// SYNs that have reached the web server since the last call.
    private func arrived() throws -> Int {
        let text = try lab.b.space.run("nft", "reset", "counters")
        let words = text.split(whereSeparator: \.isWhitespace)
        let at = try #require(words.firstIndex(of: "packets"))
        return try #require(Int(words[at + 1]))
    }

    private func control(_ words: String...) throws -> Run {
        try Run(["quarantine"] + words + ["--state", scratch.path("state")])
    }

    @Test(.needs("hping3")) func aForgedFloodIsHeldToTheLimitAndClientsGoOn() throws {
        try lab.b.space.run(
            "nft", "-f", "-",
            input: """
                table inet count {
                  counter syn { packets 0 bytes 0; }
                  chain in { type filter hook input priority 0;
                    tcp flags & (syn | ack) == syn counter name syn; }
                }

                """)
        let server = try Socket(lab.b, stream: true)
        try server.bind("0.0.0.0", 80)
        try server.listen()
        let program = try monitor(protecting: "20")
        // Clients on the same bridge and on another one.
        var links: [(client: Socket, peer: Socket)] = []
        for host in [lab.bystander, lab.c] {
            let client = try Socket(host, stream: true)
            try #require(client.connect(lab.b.v4, 80))
            links.append((client, try server.accept()))
        }
        let isProtected = try eventually {
            try flood(1000)
            return has("protect")
        }
        #expect(isProtected, "\(program.errors)")
        let event = try #require(
            scratch.eventDetails.first { $0["action"] as? String == "protect" })
        #expect(event["target"] as? String == lab.b.v4)
        #expect(event["response"] as? String == "protect")
        // Nobody is fenced: neither whose address was written, nor the target.
        #expect(!has("fence"))

        _ = try arrived()
        try flood(2000)
        let passed = try arrived()
        // Two seconds of the flood, at 20 a second and 20 at once.
        #expect(passed >= 20 && passed < 1000, "\(passed) of 2000")
        for (client, peer) in links {
            #expect(client.write("still here") && peer.receive() == "still here")
            #expect(peer.write("so am I") && client.receive() == "so am I")
        }
        // A new client gets in, too, when it tries again.
        let isServed = eventually {
            guard let late = try? Socket(lab.bystander, stream: true) else { return false }
            return late.connect(lab.b.v4, 80)
        }
        #expect(isServed)
        // What the server itself opens is not limited.
        #expect(try lab.reaches(lab.b, lab.c) && lab.reaches(lab.b, lab.bystander))

        let list = try control("list", "--format", "json")
        #expect(list.output.contains("\"protect\"") && list.output.contains(lab.b.v4))
        #expect(list.output.contains(#""evidence":"address""#))
        let status = try Run("status", "--socket", scratch.path("control.sock"))
        #expect(status.output.contains("by address 1"), "\(status.output)")
        let audit = try Run("audit", "list", "--state", scratch.path("state"))
        #expect(audit.output.contains("protect") && audit.output.contains(lab.b.v4))
        let undo = try control("release", lab.b.v4)
        #expect(undo.status == 0, "\(undo.errors)")
        #expect(try !lab.node.space.run("nft", "list", "ruleset").contains("\(lab.b.v4) "))
        _ = try arrived()
        try flood(500)
        #expect(try arrived() > 400)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test(.needs("hping3")) func withoutTheOptionTheTargetIsOnlyNamed() throws {
        let program = try monitor(protecting: "never")
        let isRefused = try eventually {
            try flood(1000)
            return has("refused")
        }
        #expect(isRefused, "\(program.errors)")
        #expect(!has("protect") && !has("fence"))
        #expect(scratch.eventDetails.contains { $0["target"] as? String == lab.b.v4 })
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func anOperatorProtectsATargetByHand() throws {
        let state = ["--state", scratch.path("state")]
        func run(_ words: String...) throws -> Background {
            try Background(in: lab.node.space, ["quarantine"] + words + state)
        }
        #expect(try run("add", lab.b.v4, "--response", "protect", "--for", "5m").status == 0)
        let rules = try lab.node.space.run("nft", "list", "ruleset")
        #expect(rules.contains("set protect_host4") && rules.contains("limit rate over 100/second"))
        let refused = try run("add", "02:00:00:00:00:01", "--response", "protect")
        #expect(refused.status != 0)
        #expect(refused.errors.contains("only an address or a prefix"), "\(refused.errors)")
        #expect(try run("add", lab.node.v4, "--response", "protect").status != 0)
        #expect(try run("release", lab.b.v4).status == 0)
    }
}
