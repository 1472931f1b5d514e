import Foundation
import TestKit
import Testing

/// Real tools in namespaces: which host is accused, on what evidence, the target of the rule, that
/// the attack's packets stop, and that all other packets continue.
@Suite(.needsKernel)
struct LiveTests {
    private let lab: Lab
    private let scratch: Scratch
    private let model: String

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func monitor() throws -> Background {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-m", model, "--state", scratch.path("state"),
                "-o", scratch.path("eve.json"), "--socket", "never", "--enforce",
            ])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func details(_ event: [String: Any]) -> [String: Any] {
        event["lazaret"] as? [String: Any] ?? [:]
    }

    /// Hosts that are accused of more than a contact unknown to the model.
    private func accused() -> Set<String> {
        Set(
            scratch.events.filter {
                $0["event_type"] as? String == "alert"
                    && details($0)["pattern"] as? String != "contact_never_seen_before"
            }
            .compactMap { $0["src_ip"] as? String })
    }

    /// Runs an attack until its port is fenced, and checks which hosts are accused and fenced.
    private func stops(_ attack: () throws -> Void) throws {
        let program = try monitor()
        // All hosts have sent packets, and are idle since.
        #expect(try lab.reaches(lab.bystander, lab.b) && lab.reaches(lab.a, lab.b))
        let isFenced = try eventually {
            try attack()
            return scratch.fencedTargets.contains("port:p0")
        }
        #expect(isFenced, "\(program.errors) \(accused()) \(scratch.fencedTargets)")
        let accused = accused()
        #expect(!accused.isEmpty && accused.isSubset(of: [lab.a.v4, lab.a.v6]), "\(accused)")
        #expect(
            scratch.fencedTargets.isSubset(of: ["port:p0", lab.a.v4, lab.a.v6]),
            "\(scratch.fencedTargets)")
        let alert = scratch.events.first { $0["event_type"] as? String == "alert" && decided($0) }
        #expect(alert.map(details)?["evidence"] as? String == "port")
        #expect(alert.map(details)?["port"] as? String == "p0")
        let list = try Background(
            in: lab.node.space,
            ["quarantine", "list", "--format", "json", "--state", scratch.path("state")])
        #expect(list.status == 0 && list.output.contains(#""evidence":"port""#), "\(list.output)")
        // Whatever address it uses, its packets stop; the packets of all others continue.
        #expect(try lab.isBlocked(lab.a, lab.b) && lab.isBlocked(lab.b, lab.a))
        #expect(
            try lab.reaches(lab.bystander, lab.b) && lab.reaches(lab.b, lab.bystander),
            "\(state())")
        #expect(try lab.reaches(lab.c, lab.b), "\(state())")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// What a reader of a failure needs: the alerts, and the node's rules and bridge.
    private func state() -> String {
        let alerts = scratch.events.filter { $0["event_type"] as? String == "alert" }.map { event in
            let detail = details(event)
            return [
                event["timestamp"], event["src_ip"], detail["pattern"], detail["window"],
                detail["decision"], detail["explanation"],
            ].map { "\($0 ?? "-")" }.joined(separator: " ")
        }
        let commands = [["nft", "list", "ruleset"], ["bridge", "fdb"], ["ip", "neigh"]]
        let outputs = commands.map { words in
            (try? Namespace.command(
                ["nsenter", "--net=/run/netns/\(lab.node.space.name)"] + words)) ?? "\(words)"
        }
        return (alerts + outputs).joined(separator: "\n")
    }

    /// Runs a tool on the offender's side; its exit status is ignored.
    private func attack(_ command: String) throws {
        try lab.a.space.run("sh", "-c", command + " >&2 || true")
    }

    private func decided(_ event: [String: Any]) -> Bool {
        details(event)["decision"] as? String == "quarantine"
    }

    @Test(.needs("hping3")) func aFloodInANeighboursName() throws {
        try stops {
            try attack(
                "hping3 -q -S -c 400 -i u1000 -p 80 -a \(lab.bystander.v4) \(lab.b.v4)")
        }
    }

    @Test(.needs("hping3")) func aFloodFromRandomSources() throws {
        try stops {
            try attack("hping3 -q -S -c 400 -i u1000 -p 80 --rand-source \(lab.b.v4)")
        }
    }

    /// The decoys of `nmap -D`: a scan of its own, and the same from other hosts' addresses.
    @Test(.needs("hping3")) func aScanAmongDecoys() throws {
        try stops {
            try attack(
                "for as in \(lab.bystander.v4) 10.77.1.77 \(lab.a.v4); do timeout 3 "
                    + "hping3 -q -S --scan 1-200 -a $as \(lab.b.v4) & done; wait")
        }
    }

    /// The forged source of `nmap -S`.
    @Test(.needs("hping3")) func aScanInANeighboursName() throws {
        try stops {
            try attack("timeout 3 hping3 -q -S --scan 1-200 -a \(lab.bystander.v4) \(lab.b.v4)")
        }
    }

    /// Another MAC address as well as another IP address: only the port is evidence.
    @Test(.needs("hping3")) func aFloodByABorrowedCard() throws {
        let card = try lab.card(of: lab.bystander)
        try stops {
            try attack(
                "ip link set eth0 address \(card); "
                    + "hping3 -q -S -c 400 -i u1000 -p 80 -a \(lab.bystander.v4) \(lab.b.v4)")
        }
    }

    /// Small fragments hide the TCP header from who reads only the first bytes.
    @Test(.needs("hping3")) func aFloodInFragments() throws {
        try stops {
            try attack(
                "hping3 -q -S -c 400 -i u1000 -p 80 -f -d 40 -a \(lab.bystander.v4) \(lab.b.v4)")
        }
    }

    /// `nmap` with decoys, a forged source, and a forged MAC address. It accepts an address as its
    /// source only where the kernel does.
    @Test(
        .needs("nmap"),
        arguments: ["-D 10.77.1.12,10.77.1.77,ME", "-S 10.77.1.12 -e eth0", "--spoof-mac 0"])
    func aScanByNmap(option: String) throws {
        try stops {
            try attack(
                "ip addr replace 10.77.1.12/32 dev lo; timeout 10 nmap -n -Pn -sS -T4 "
                    + "--max-retries 0 --host-timeout 8s -p 1-400 \(option) \(lab.b.v4)")
        }
    }

    /// Frames with the MAC address and the IPv6 address of a neighbour.
    @Test func aFloodOverIPv6AsANeighbourInEveryRespect() throws {
        let script = """
            import socket, struct, sys, time
            victim, source, to, by = sys.argv[1:5]
            pack = lambda mac: bytes.fromhex(mac.replace(':', ''))
            ends = socket.inet_pton(socket.AF_INET6, source) \
                + socket.inet_pton(socket.AF_INET6, victim)
            def total(data):
                value = sum(struct.unpack('!%dH' % (len(data) // 2), data))
                while value >> 16:
                    value = (value >> 16) + (value & 0xffff)
                return ~value & 0xffff
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            link.bind(('eth0', 0))
            for number in range(600):
                tcp = struct.pack('!HHIIBBHHH', 20000 + number, 80, 1, 0, 0x50, 2, 1024, 0, 0)
                whole = total(ends + struct.pack('!II', 20, 6) + tcp)
                tcp = tcp[:16] + struct.pack('!H', whole) + tcp[18:]
                ip = struct.pack('!IHBB', 6 << 28, 20, 6, 64) + ends
                link.send(pack(to) + pack(by) + b'\\x86\\xdd' + ip + tcp)
                time.sleep(0.001)
            """
        try stops {
            try lab.a.space.run(
                "python3", "-c", script, lab.b.v6, lab.bystander.v6, try lab.card(of: lab.b),
                try lab.card(of: lab.bystander))
        }
        #expect(try lab.isBlocked(lab.a, lab.b, v6: true))
        #expect(try lab.reaches(lab.bystander, lab.b, v6: true))
    }

    /// A connection to the node's SSH port, without a login, protects nobody from a rule.
    @Test(.needs("hping3")) func aConnectionToTheLoginPortProtectsNobody() throws {
        let door = try Socket(lab.node, stream: true)
        try door.bind("0.0.0.0", 22)
        try door.listen()
        let knock = try Socket(lab.a, stream: true)
        try #require(knock.connect(lab.node.v4, 22))
        let held = try door.accept()
        try stops {
            try attack("hping3 -q -S -c 400 -i u1000 -p 80 \(lab.b.v4)")
        }
        withExtendedLifetime((knock, held)) {}
    }

    // MARK: - The gauntlet's short form: techniques by their names

    @Test(
        .needs("nmap"),
        arguments: [
            ("-sF", "fin_scan"), ("-sN", "null_scan"), ("-sX", "xmas_scan"), ("-sA", "ack_scan"),
            ("-sM", "maimon_scan"), ("-f -sS", "fragmented_scan"),
            ("-sU --min-rate 200", "port_scan"),
        ])
    func aScanThatOpensNoConnection(options: String, pattern: String) throws {
        try stops {
            try attack(
                "timeout 10 nmap -n -Pn -T4 --max-retries 0 --host-timeout 8s -p 1-300 "
                    + "\(options) \(lab.b.v4)")
        }
        #expect(patterns().contains(pattern), "\(state())")
    }

    @Test(
        .needs("hping3"),
        arguments: [
            ("-A -p 80", "ack_flood"), ("-F -P -U -p 80", "xmas_flood"), ("-p 80", "null_flood"),
            ("--udp -p 9999", "packet_flood"),
        ])
    func aFlood(options: String, pattern: String) throws {
        try stops { try attack("hping3 -q -n -c 3000 -i u500 \(options) \(lab.b.v4)") }
        #expect(patterns().contains(pattern), "\(state())")
    }

    @Test func aScanThatFindsOpenPorts() throws {
        let listeners = try [1122, 1143, 1180].map { port in
            let socket = try Socket(lab.b, stream: true)
            try socket.bind("0.0.0.0", UInt16(port))
            #expect(listen(socket.descriptor, 64) == 0)
            return socket
        }
        try stops { try lab.scan(lab.b, by: lab.a) }
        withExtendedLifetime(listeners) {}
    }

    // MARK: - Takeovers

    /// Sends frames from the offender, a few in a second.
    private func send(_ attack: Attack) throws {
        let frames = attack.records.map { entry in
            entry.record.bytes.map { Member.hex(Int($0)) }.joined()
        }
        try lab.a.space.run(
            "python3", "-c",
            """
            import socket, sys, time
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            link.bind(("eth0", 0))
            for frame in sys.stdin.read().split():
                link.send(bytes.fromhex(frame))
                time.sleep(0.1)
            """, input: frames.joined(separator: "\n"))
    }

    /// What `arpspoof` does between a host and its gateway, the offender passing on what it gets.
    @Test func anARPSpooferBetweenAHostAndItsGateway() throws {
        // Entries that were poisoned are asked for again soon.
        for (host, link) in [(lab.b, "eth0"), (lab.node, "br1")] {
            for setting in ["base_reachable_time_ms=2000", "delay_first_probe_time=1"] {
                try host.space.run("sysctl", "-qw", "net.ipv4.neigh.\(link).\(setting)")
            }
        }
        try lab.a.space.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        #expect(try lab.reaches(lab.b, lab.outside) && lab.reaches(lab.outside, lab.b))
        var attack = Attack()
        attack.poison(
            Member(lab.a.v4, card: try lab.card(of: lab.a)),
            Member(lab.b.v4, card: try lab.card(of: lab.b)),
            Member(lab.node.v4, card: try lab.card(of: lab.node, "br1")), seconds: 10)
        try stops {
            try send(attack)
            _ = try lab.reaches(lab.b, lab.outside)
        }
        #expect(patterns().contains("arp_spoofing"), "\(patterns())")
        // The victim finds its gateway again.
        #expect(try lab.reaches(lab.b, lab.outside) && lab.reaches(lab.outside, lab.b))
    }

    @Test func aNeighbourSpoofer() throws {
        #expect(try lab.reaches(lab.b, lab.bystander, v6: true))
        var attack = Attack()
        let own = Member(lab.a.v6, card: try lab.card(of: lab.a))
        for number in 0..<10 {
            attack.neighbour(
                at: Double(number), own, lab.bystander.v6,
                to: Member(lab.b.v6, card: try lab.card(of: lab.b)))
        }
        try stops {
            try send(attack)
            _ = try lab.reaches(lab.bystander, lab.b, v6: true)
        }
        #expect(patterns().contains("ipv6_neighbour_spoofing"), "\(patterns())")
    }

    @Test func aRogueDHCPServer() throws {
        var attack = Attack()
        for number in 0..<5 {
            attack.dhcpOffer(
                at: Double(number), Member(lab.a.v4, card: try lab.card(of: lab.a)),
                to: Member(lab.b.v4, card: try lab.card(of: lab.b)))
        }
        try stops { try send(attack) }
        #expect(patterns().contains("rogue_dhcp_server"), "\(patterns())")
    }

    private func patterns() -> Set<String> {
        Set(scratch.events.map(details).compactMap { $0["pattern"] as? String })
    }
}
