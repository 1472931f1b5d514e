import Foundation
import TestKit
import Testing

/// `lazaret monitor` at the ports of a node: a frame is attributed by the kernel's port, not by its
/// addresses.
@Suite(.needsKernel)
struct PortMonitorTests {
    private let lab: Lab
    private let scratch: Scratch
    private let model: String

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func monitor(threads: Int = 1, _ more: String...) throws -> Background {
        let configuration = try scratch.write(
            "lazaret.yaml", Data("capture: {threads: \(threads)}\n".utf8))
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-m", model, "--state", scratch.path("state"),
                "-o", scratch.path("eve.json"), "--socket", "never", "--config", configuration,
            ] + more)
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func events(_ path: String = "eve.json") -> [[String: Any]] {
        let text = (try? String(contentsOfFile: scratch.path(path), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    private func alerts(_ path: String = "eve.json") -> [[String: Any]] {
        events(path).filter {
            let alert = $0["alert"] as? [String: Any]
            return alert?["signature"] as? String == "Lazaret spoofed source addresses"
        }
    }

    private func accused(_ path: String = "eve.json") -> Set<String> {
        Set(alerts(path).compactMap { $0["src_ip"] as? String })
    }

    /// A second of connections to `victim` with the IP address of `borrowed`, and optionally its
    /// MAC address too.
    private func flood(
        _ victim: Lab.Host, by offender: Lab.Host, as borrowed: Lab.Host, forgesCard: Bool
    ) throws {
        let script = """
            import socket, struct, sys, time
            victim, source, to, by = sys.argv[1:5]
            pack = lambda mac: bytes.fromhex(mac.replace(':', ''))
            def total(data):
                value = sum(struct.unpack('!%dH' % (len(data) // 2), data))
                value = (value >> 16) + (value & 0xffff)
                return ~(value + (value >> 16)) & 0xffff
            ends = socket.inet_aton(source) + socket.inet_aton(victim)
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            link.bind(('eth0', 0))
            for number in range(1000):
                tcp = struct.pack('!HHIIBBHHH', 20000 + number, 80, 1, 0, 0x50, 2, 1024, 0, 0)
                whole = total(ends + struct.pack('!HH', 6, 20) + tcp)
                tcp = tcp[:16] + struct.pack('!H', whole) + tcp[18:]
                ip = struct.pack('!BBHHHBBH', 0x45, 0, 40, number, 0, 64, 6, 0)
                ip = ip[:10] + struct.pack('!H', total(ip + ends)) + ends
                link.send(pack(to) + pack(by) + b'\\x08\\x00' + ip + tcp)
                time.sleep(0.001)
            """
        try offender.space.run(
            "python3", "-c", script, victim.v4, borrowed.v4, try lab.card(of: victim),
            try lab.card(of: forgesCard ? borrowed : offender))
    }

    /// The alert that led to a rule names it.
    private func expectTheAlertToName(_ target: String) throws {
        func details(_ event: [String: Any]) -> [String: Any] {
            event["lazaret"] as? [String: Any] ?? [:]
        }
        let rule = try #require(
            events().map(details).first {
                $0["action"] as? String == "fence" && $0["target"] as? String == target
            })
        let alert = try #require(
            alerts().map(details).first {
                $0["event_id"] as? String == rule["event_id"] as? String
            })
        #expect(alert["decision"] as? String == "quarantine")
        #expect(alert["quarantine_id"] as? String == rule["quarantine_id"] as? String)
    }

    @Test(arguments: [(false, 1), (true, 1), (true, 2)])
    func whoFloodsInANeighboursNameIsNamedAndTheNeighbourIsNot(
        forgesCard: Bool, threads: Int
    ) throws {
        let program = try monitor(threads: threads, "--enforce", "-w", scratch.path("kept.pcapng"))
        // The neighbour has sent packets, and is idle since.
        #expect(try lab.reaches(lab.bystander, lab.b) && lab.reaches(lab.a, lab.b))
        Thread.sleep(forTimeInterval: 6)
        let isNamed = try eventually {
            try flood(lab.b, by: lab.a, as: lab.bystander, forgesCard: forgesCard)
            return accused().contains(lab.a.v4)
        }
        #expect(isNamed, "\(program.errors)")
        #expect(!accused().contains(lab.bystander.v4) && !accused().contains(lab.b.v4))
        let alert = try #require(alerts().first)
        let signature = (alert["alert"] as? [String: Any])?["signature"] as? String
        #expect(signature == "Lazaret spoofed source addresses")
        let details = try #require(alert["lazaret"] as? [String: Any])
        #expect(details["evidence"] as? String == "port" && details["port"] as? String == "p0")
        // The fence is at the port: another address does not help.
        let isFenced = try eventually {
            try lab.node.space.run("nft", "list", "ruleset").contains("\"p0\" ")
        }
        #expect(isFenced, "\(program.errors)")
        try expectTheAlertToName("port:p0")
        #expect(try lab.isBlocked(lab.a, lab.b) && lab.isBlocked(lab.b, lab.a))
        #expect(try lab.reaches(lab.bystander, lab.b) && lab.reaches(lab.b, lab.bystander))
        #expect(try !lab.isFenced(lab.bystander))
        // It expires with the port: the next interface with the name is not fenced.
        try lab.node.space.run("ip", "link", "del", "p0")
        let isReleased = eventually {
            events().contains {
                let details = $0["lazaret"] as? [String: Any]
                return details?["action"] as? String == "release"
                    && details?["target"] as? String == "port:p0"
            }
        }
        #expect(isReleased, "\(program.errors)")
        #expect(try !lab.node.space.run("nft", "list", "ruleset").contains("\"p0\" "))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")

        // The recording has the ports: a replay accuses the same host.
        let replay = try Run(
            "replay", "-r", scratch.path("kept.pcapng"), "-m", model, "--format", "eve")
        try replay.output.write(
            toFile: scratch.path("again.json"), atomically: true, encoding: .utf8)
        #expect(accused("again.json") == [lab.a.v4], "\(replay.errors)")
    }

    @Test(arguments: [1, 2])
    func aContainerThatTakesOverAnAddressBeginsAnew(threads: Int) throws {
        let program = try monitor(threads: threads)
        #expect(try lab.reaches(lab.bystander, lab.b))
        // The bystander ends, and another container gets its IP address, MAC address and port name.
        try lab.node.space.run("ip", "link", "del", "p2")
        var next = lab.bystander
        next.space = try Namespace("next")
        try lab.plug(next, port: "p2", net: 1)
        #expect(try lab.reaches(next, lab.b) && lab.reaches(lab.a, lab.b))
        let isNamed = try eventually {
            try flood(lab.b, by: lab.a, as: next, forgesCard: true)
            return accused().contains(lab.a.v4)
        }
        #expect(isNamed && !accused().contains(next.v4), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aFenceFollowsAPortThatIsRenamedAndMovedToAnotherBridge() throws {
        let program = try monitor("--enforce")
        let node = lab.node.space
        #expect(try lab.reaches(lab.a, lab.b))
        func holds(_ port: String) throws -> Bool {
            try node.run("nft", "list", "ruleset").contains("\"\(port)\" ")
        }
        let isFenced = try eventually {
            try flood(lab.b, by: lab.a, as: lab.bystander, forgesCard: true)
            return try holds("p0")
        }
        #expect(isFenced, "\(program.errors)")
        try node.run("ip", "link", "set", "p0", "down")
        try node.run("ip", "link", "set", "p0", "name", "p7")
        try node.run("ip", "link", "set", "p7", "up")
        let isFollowed = try eventually { try holds("p7") && !holds("p0") }
        #expect(isFollowed, "\(program.errors)")
        #expect(try lab.isBlocked(lab.a, lab.b))
        try node.run("ip", "link", "set", "p7", "nomaster")
        try node.run("ip", "link", "set", "p7", "master", "br2")
        #expect(try lab.isBlocked(lab.a, lab.b) && lab.reaches(lab.bystander, lab.b))
        #expect(try holds("p7"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func aNameThatIsNoInterfaceIsToldInOneLine() throws {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "nothing", "-m", model, "--state",
                scratch.path("state"), "-o", scratch.path("eve.json"), "--socket", "never",
            ])
        #expect(program.status != 0)
        #expect(program.errors.contains("-i: nothing does not exist"), "\(program.errors)")
    }
}
