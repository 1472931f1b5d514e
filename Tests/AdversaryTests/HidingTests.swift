import NetworkAddresses
import TestKit
import Testing
import Timestamps

/// Attackers that hide: behind a weaker pattern, behind their own demand, or among many.
struct HidingTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// A scan that finds a few open doors is a scan, and is fenced.
    @Test(arguments: [
        (count: 1000, open: 3, completes: false), (count: 1000, open: 0, completes: false),
        (count: 100, open: 3, completes: false), (count: 1000, open: 5, completes: true),
        (count: 300, open: 3, completes: false),
    ])
    func aScanThatFindsOpenPortsIsAPortScan(
        count: Int, open: Int, completes: Bool
    ) throws {
        var attack = Attack()
        attack.scan(.offender, .store, count: count, open: open, completes: completes)
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == "port_scan" && $0.decision == "quarantine" })
        #expect(outcome.fenced.contains(Member.offender.address), "\(outcome)")
    }

    /// So few ports that a client whose services moved may have tried them are watched.
    @Test(arguments: [(9, false), (15, true)])
    func aScanOfFewPorts(count: Int, isFenced: Bool) throws {
        var attack = Attack()
        attack.scan(.offender, .store, count: count, open: 0, seconds: 8)
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == "port_scan" }, "\(outcome)")
        #expect(outcome.fenced == (isFenced ? [Member.offender.address] : []), "\(outcome)")
    }

    /// Probes that open no flow count for their sender.
    @Test(arguments: [
        (0x01, "fin_scan"), (0x00, "null_scan"), (0x29, "xmas_scan"), (0x11, "maimon_scan"),
        (0x10, "ack_scan"), (0x12, "syn_ack_scan"), (0x20, "invalid_flags_scan"),
    ])
    func aScanThatOpensNoFlowIsNamedAndFenced(flags: Int, pattern: String) throws {
        var attack = Attack()
        attack.probe(.offender, .store, flags: UInt8(flags))
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == pattern && $0.decision == "quarantine" })
        #expect(outcome.fenced == [Member.offender.address], "\(outcome)")
        #expect(outcome.alerts.allSatisfy { $0.offender == Member.offender.address })
    }

    /// The same with a neighbour's address: the MAC address answers for it.
    @Test func aFINScanInANeighboursNameIsHeldAgainstTheSender() throws {
        var attack = Attack()
        attack.probe(Member.neighbour.by(.offender), .store, flags: 1, count: 600)
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: Member.neighbour.address).isEmpty, "\(outcome)")
        #expect(outcome.fenced.isSubset(of: [Member.offender.card, Member.offender.address]))
        #expect(!outcome.fenced.isEmpty, "\(outcome)")
    }

    /// A flood from forged sources is an incident with a known target, and no host is fenced.
    @Test(arguments: [(0x02, "syn_flood"), (0x10, "ack_flood"), (0x29, "xmas_flood")])
    func aFloodFromRandomSourcesNamesItsTarget(flags: Int, pattern: String) throws {
        var attack = Attack()
        attack.randomSources(.web, flags: UInt8(flags))
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: "unknown")
        #expect(
            alerts.contains {
                $0.pattern == pattern && $0.target == Member.web.address
                    && $0.workload == "unknown senders" && $0.decision == "watch"
            }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// One packet of each of `count` random outside addresses, 1,000 a second.
    private static func crowd(
        _ kind: String, count: Int, start: Double, seed: Int = 0
    ) -> Attack {
        var attack = Attack()
        for number in 0..<count {
            let place = seed + number
            let source = Member(
                "\(11 + place % 80).\(place % 251).\(place % 241).\(1 + place % 239)",
                card: Member.outside.card)
            let (time, port) = (start + Double(number) / 1000, UInt16(1024 + number % 60_000))
            switch kind {
            case "udp": attack.udp(at: time, source, .web, port, 9999, [])
            case "ping": attack.ping(at: time, source, .web)
            default: attack.tcp(at: time, source, .web, port, 80)
            }
        }
        return attack
    }

    /// It is one incident from its first packets on, whether it begins with a second or at the end
    /// of one: its addresses have none of their own.
    @Test(arguments: ["udp", "ping", "syn"], [0, 0.9] as [Double])
    func aFloodFromRandomSourcesIsOneIncident(kind: String, start: Double) throws {
        let outcome = try bench.judge(Self.crowd(kind, count: 6000, start: start))
        let floods = ["udp": "packet_flood", "ping": "packet_flood", "syn": "syn_flood"]
        #expect(
            Set(outcome.alerts.map { "\($0.offender) \($0.pattern) \($0.target)" })
                == ["unknown \(floods[kind] ?? "") \(Member.web.address)"],
            "\(outcome.alerts.count)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// A flood does not become usual while it goes on: neither where the target was watched before
    /// nor where it received nothing for ten minutes.
    @Test(arguments: [(Member.web.address, 200, 600), ("10.60.1.77", 610, 300)])
    func aLongFloodFromRandomSourcesIsOneIncident(
        target: String, start: Int, seconds: Int
    ) throws {
        var attack = Attack()
        // The clean sample begins then.
        attack.start = Timestamp(second: 1_795_223_513 + start)
        for number in 0..<seconds * 150 {
            let source = Member(
                "\(11 + number % 80).\(number % 251).\(number % 241).\(1 + number % 239)",
                card: Member.outside.card)
            attack.tcp(
                at: Double(number) / 150, source, Member(target, card: Member.web.card),
                UInt16(1024 + number % 60_000), 80)
        }
        let files = ["captures/clean-test.pcap"] + (try attack.write(to: bench.scratch))
        let run = try Run(
            ["replay", "-m", bench.model, "--inventory", "captures/inventory.yaml"]
                + files.flatMap { ["-r", $0] } + ["--format", "json"])
        let incidents = try run.json
        #expect(incidents.count < 5, "\(incidents.count)")
        let floods = incidents.filter {
            ($0["patterns"] as? [String])?.contains("syn_flood") == true
        }
        #expect(floods.count == 1, "\(floods)")
        let begin = floods.first?["start"] as? Int ?? 0
        let end = floods.first?["end"] as? Int ?? 0
        #expect(end - begin > seconds - 20, "\(end - begin) of \(seconds) s")
    }

    /// Fewer senders are no flood, and each is alerted: in a second before the end, in the last
    /// second of all, and while another target is flooded.
    @Test(arguments: [0.5, 2.5, 467] as [Double])
    func aCrowdThatIsNoFloodIsAlerted(start: Double) throws {
        var attack = Self.crowd("udp", count: 60, start: start)
        let crowd = Set(
            attack.records.map { $0.record.bytes.dropFirst(26).prefix(4).map { "\($0)" } })
        #expect(crowd.count == 60)
        if start == 2.5 {
            attack.randomSources(.store, flags: 2)
        }
        let outcome = try bench.judge(attack)
        let named = Set(outcome.alerts.map(\.offender))
        let silent = crowd.map { $0.joined(separator: ".") }.filter { !named.contains($0) }
        #expect(silent.isEmpty, "\(silent)")
    }

    /// A host cannot raise its own limit by its own requests.
    @Test func trafficToOneselfIsNoDemand() throws {
        var attack = Attack()
        let own = Member.offender
        for number in 0..<3000 {
            let forged = Member("10.60.4.\(21 + number % 40)").by(own)
            attack.tcp(
                at: Double(number) / 500, forged, own, UInt16(20_000 + number), 9100)
        }
        attack.scan(own, .store, count: 300, open: 2)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.contains(own.address) || outcome.fenced.contains(own.card),
            "\(outcome)")
    }

    /// Completed handshakes are evidence of an outside sender.
    @Test func anOutsideSenderThatUsesAnswersIsFenced() throws {
        var attack = Attack()
        attack.visits(.outside, Member("10.60.1.22"), port: 22, count: 120, seconds: 30)
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.outside.address)
        #expect(alerts.contains { $0.evidence == "handshake" && $0.decision == "quarantine" })
        #expect(outcome.fenced == [Member.outside.address], "\(outcome)")
    }

    /// Members of a prefix without any traffic stay out of its rule.
    @Test func aFenceOfAPrefixHoldsNoMemberThatIsNotAccused() throws {
        var attack = Attack()
        let accused = (11...18).map { Member("10.60.4.\($0)") }
        for member in accused { attack.scan(member, .store, count: 400, open: 0, seconds: 6) }
        let outcome = try bench.judge(attack)
        for member in accused {
            #expect(isCovered(member.address, by: outcome.fenced), "\(member) \(outcome.fenced)")
        }
        for member in ["10.60.4.19", "10.60.4.20"] {
            #expect(!isCovered(member, by: outcome.fenced), "\(member) \(outcome.fenced)")
        }
    }

    /// Few packets in the names of others are a weak sign of forging, and must not outvote what the
    /// same window shows plainly.
    @Test func aFewForgedPacketsHideNoFlood() throws {
        let offender = Member.offender.at("veth-offender")
        let database = Member.database.at("veth-database")
        var attack = Attack()
        attack.gratuitous(at: -3, offender)
        attack.visit(at: -2, offender, database, from: 29_000, port: 5432)
        for number in 0..<40 {
            let (time, port) = (-1 + Double(number) / 80, UInt16(30_000 + number))
            let client = Member("10.60.2.\(11 + number % 4)")
            attack.tcp(at: time, client.by(offender), database, port, 5432)
            attack.tcp(
                at: time + 0.000_5, database, client, 5432, port, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
        attack.flood(offender, database, port: 5432, count: 6000, seconds: 6, answer: 0x14)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
        #expect(
            outcome.alerts(on: offender.address).contains { $0.pattern == "syn_flood" },
            "\(outcome)")
    }
}

private func isCovered(_ address: String, by targets: Set<String>) -> Bool {
    guard let address = IPAddress(address) else { return false }
    return targets.contains { IPPrefix($0)?.contains(address) ?? false }
}
