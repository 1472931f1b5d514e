import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps

/// A host of the sample captures: its IP address and its MAC address there.
struct Member {
    var address: String
    var card: String
    /// The port of the node by which its frames come; nil: unknown, as in the sample captures.
    var port: String?

    /// - Parameter card: the MAC address; nil: derived from the IP address, as Docker did in the
    ///   lab.
    init(_ address: String, card: String? = nil, port: String? = nil) {
        self.address = address
        self.port = port
        self.card =
            card
            ?? "02:42:"
            + address.split(separator: ".").map { Self.hex(Int($0) ?? 0) }.joined(separator: ":")
    }

    static func hex(_ byte: Int) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    /// The same IP address, sent from another MAC address and port.
    func by(_ other: Member) -> Member {
        Member(address, card: other.card, port: other.port)
    }

    /// The same host behind a port of the node.
    func at(_ port: String) -> Member { Member(address, card: card, port: port) }

    static let web = Member("10.60.1.11")
    static let database = Member("10.60.3.5")
    static let store = Member("10.60.3.7")
    static let app = Member("10.60.2.11")
    static let offender = Member("10.60.4.11")
    static let neighbour = Member("10.60.4.13")
    static let resolver = Member("10.60.1.53")
    /// The gateway's MAC address in the network of the jobs.
    static let outside = Member("203.0.113.66", card: "ba:51:58:6f:a0:a2")

    /// One of many hosts outside.
    static func outside(_ number: Int) -> Member {
        Member("203.0.\(113 + number / 250).\(number % 250)", card: outside.card)
    }
}

/// Attack frames that are added to clean traffic.
struct Attack {
    var records: [(record: CaptureFile.Record, port: String?)] = []
    /// Ports that are gone before a time, in seconds.
    private(set) var gone: [(port: String, seconds: Double)] = []
    /// Ports behind which several hosts may be.
    var shared: Set<String> = []
    /// The start of the attacks, in the middle of the clean sample.
    var start = Timestamp(second: 1_795_223_700)

    /// Adds a frame; `frame` begins with its Ethernet type.
    mutating func add(_ seconds: Double, _ from: Member, _ to: Member, _ frame: [UInt8]) {
        let record = CaptureFile.Record(
            start + .seconds(seconds), Self.bytes(to.card) + Self.bytes(from.card) + frame)
        records.append((record, from.port))
    }

    /// Notes that a port is gone.
    mutating func remove(port: String, at seconds: Double) { gone.append((port, seconds)) }

    /// Writes the frames to files: those with a port to a recording.
    func write(to scratch: Scratch) throws -> [String] {
        let sorted = records.sorted { $0.record.time < $1.record.time }
        let plain = sorted.filter { $0.port == nil }.map(\.record)
        var paths: [String] = []
        if !plain.isEmpty || sorted.isEmpty {
            paths.append(try scratch.write("attack.pcap", Data(CaptureFile.pcap(plain))))
        }
        let names = Set(sorted.compactMap(\.port))
        guard !names.isEmpty else { return paths }
        var recording = PortRecording(ports: names.sorted(), shared: shared)
        for (port, seconds) in gone {
            recording.remove(
                port: port, at: CaptureFile.Record(start + .seconds(seconds), []))
        }
        for (record, port) in sorted {
            if let port { recording.add(record, port: port) }
        }
        return paths + [try scratch.write("ports.pcapng", Data(recording.bytes))]
    }

    static func bytes(_ card: String) -> [UInt8] {
        card.split(separator: ":").map { UInt8($0, radix: 16) ?? 0 }
    }

    /// The database refuses flows of clients that try again, each `rate` times a second.
    mutating func outage(of clients: [Member], seconds: Int, rate: Int) {
        for (place, client) in clients.enumerated() {
            for number in 0..<seconds * rate {
                let time = Double(place) / 1000 + Double(number) / Double(rate)
                let source = UInt16(30_000 + number)
                tcp(at: time, client, .database, source, 5432)
                tcp(
                    at: time + 0.000_1, .database, client, 5432, source, flags: 0x14, sequence: 0,
                    acknowledgment: 1001)
            }
        }
    }

    mutating func tcp(
        at seconds: Double, _ from: Member, _ to: Member, _ source: UInt16, _ destination: UInt16,
        flags: UInt8 = 2, sequence: UInt32 = 1000, acknowledgment: UInt32 = 0, size: Int = 0
    ) {
        let segment = Frame.tcp(
            source, destination, flags: flags, sequence: sequence, acknowledgment: acknowledgment,
            payload: [UInt8](repeating: 65, count: size))
        add(seconds, from, to, Self.packet(from, to, segment))
    }

    /// A TCP segment in a packet of the ends' family, with its Ethernet type.
    static func packet(_ from: Member, _ to: Member, _ segment: [UInt8]) -> [UInt8] {
        from.address.contains(":")
            ? [0x86, 0xDD] + Frame.ipv6(from.address, to.address, 6, segment)
            : [8, 0] + Frame.ipv4(from.address, to.address, 6, segment)
    }

    mutating func ping(at seconds: Double, _ from: Member, _ to: Member) {
        let echo = Frame.icmp(type: 8, code: 0, rest: 7, [UInt8](repeating: 0, count: 16))
        add(seconds, from, to, [8, 0] + Frame.ipv4(from.address, to.address, 1, echo))
    }

    /// ARP requests for `target`, from each member's MAC address.
    mutating func ask(at seconds: Double, _ from: Member, for target: String) {
        var packet = Frame.arp(operation: 1, from.address, target)
        packet.replaceSubrange(8..<14, with: Self.bytes(from.card))
        add(seconds, from, Member("255.255.255.255", card: "ff:ff:ff:ff:ff:ff"), [8, 6] + packet)
    }

    /// Connections that are opened and never used, each from another port.
    ///
    /// - Parameter answer: the flags of the victim's answer: 0x12 accepts, 0x14 refuses, nil is
    ///   none.
    mutating func flood(
        _ from: Member, _ to: Member, port: UInt16 = 80, count: Int = 3000, seconds: Double = 6,
        answer: UInt8? = nil, blindAcknowledgment: Bool = false, ownerResets: Bool = false
    ) {
        for number in 0..<count {
            let time = seconds * Double(number) / Double(count)
            let source = UInt16(20_000 + number % 40_000)
            tcp(at: time, from, to, source, port)
            guard let answer else { continue }
            tcp(
                at: time + 0.000_1, to, from, port, source, flags: answer, sequence: 77_000,
                acknowledgment: 1001)
            if ownerResets {
                tcp(at: time + 0.000_2, from, to, source, port, flags: 4, sequence: 1001)
            }
            guard blindAcknowledgment else { continue }
            tcp(
                at: time + 0.000_2, from, to, source, port, flags: 0x10, sequence: 1001,
                acknowledgment: 1)
        }
    }

    /// Segments that open no connection, to `count` ports, which refuse them.
    mutating func probe(
        _ from: Member, _ to: Member, flags: UInt8, count: Int = 300, seconds: Double = 2
    ) {
        for number in 0..<count {
            let time = seconds * Double(number) / Double(count)
            tcp(at: time, from, to, 54_321, UInt16(1 + number), flags: flags)
            tcp(at: time + 0.000_1, to, from, UInt16(1 + number), 54_321, flags: 0x14)
        }
    }

    /// Segments from as many random outside addresses, by way of the gateway.
    mutating func randomSources(_ to: Member, flags: UInt8, count: Int = 6000) {
        for number in 0..<count {
            let source = Member(
                "\(11 + number % 80).\(number % 251).\(number % 241).\(number % 239)",
                card: Member.outside.card)
            tcp(
                at: 6 * Double(number) / Double(count), source, to,
                UInt16(1024 + number % 60_000), 80, flags: flags)
        }
    }

    /// Whole short connections, of a sender that receives the answers.
    mutating func visits(
        _ from: Member, _ to: Member, port: UInt16, count: Int, seconds: Double
    ) {
        for number in 0..<count {
            let time = seconds * Double(number) / Double(count)
            visit(at: time, from, to, from: UInt16(30_000 + number), port: port)
        }
    }

    /// One of them.
    mutating func visit(
        at time: Double, _ from: Member, _ to: Member, from source: UInt16, port: UInt16,
        isClosed: Bool = true
    ) {
        tcp(at: time, from, to, source, port)
        tcp(
            at: time + 0.001, to, from, port, source, flags: 0x12, sequence: 500,
            acknowledgment: 1001)
        tcp(
            at: time + 0.002, from, to, source, port, flags: 0x10, sequence: 1001,
            acknowledgment: 501)
        tcp(
            at: time + 0.003, from, to, source, port, flags: 0x18, sequence: 1001,
            acknowledgment: 501, size: 200)
        tcp(
            at: time + 0.004, to, from, port, source, flags: 0x18, sequence: 501,
            acknowledgment: 1201, size: 300)
        guard isClosed else { return }
        tcp(
            at: time + 0.005, from, to, source, port, flags: 0x11, sequence: 1201,
            acknowledgment: 801)
        tcp(
            at: time + 0.006, to, from, port, source, flags: 0x11, sequence: 801,
            acknowledgment: 1202)
    }

    /// A scan of `count` ports, of which the first `open` answer.
    mutating func scan(
        _ from: Member, _ to: Member, count: Int, open: Int, completes: Bool = false,
        seconds: Double = 2, start: Double = 0
    ) {
        for number in 0..<count {
            let time = start + seconds * Double(number) / Double(count)
            let port = UInt16(1 + number)
            let source = completes ? UInt16(40_000 + number) : 54_321
            tcp(at: time, from, to, source, port)
            let isOpen = number < open
            tcp(
                at: time + 0.000_1, to, from, port, source, flags: isOpen ? 0x12 : 0x14,
                sequence: isOpen ? 9000 : 0, acknowledgment: 1001)
            guard isOpen else { continue }
            if completes {
                tcp(
                    at: time + 0.000_2, from, to, source, port, flags: 0x10, sequence: 1001,
                    acknowledgment: 9001)
            }
            tcp(
                at: time + 0.000_3, from, to, source, port, flags: completes ? 0x14 : 4,
                sequence: 1001, acknowledgment: completes ? 9001 : 0)
        }
    }
}

/// The program's result for an attack.
struct Outcome {
    struct Alert: Hashable {
        var offender: String
        var workload: String
        var pattern: String
        var technique: String
        var evidence: String
        var decision: String
        var target: String
    }

    var alerts: Set<Alert> = []
    /// Targets of rules.
    var fenced: Set<String> = []
    /// The time of the first rule, as EVE writes it.
    var firstFence: String?
    /// The reasons why offenders were not fenced.
    var refusals: Set<String> = []

    /// Replays an attack in the middle of the clean sample, with a model of another clean sample.
    ///
    /// - Parameters:
    ///   - background: other captures that are replayed with it.
    init(
        _ attack: Attack, _ scratch: Scratch, model: String,
        inventory: String? = "captures/inventory.yaml",
        background: [String] = ["captures/clean-test.pcap"]
    ) throws {
        let captures = background + (try attack.write(to: scratch))
        try Self.keep(captures, inventory: inventory)
        let words =
            ["replay"] + captures.flatMap { ["-r", $0] }
            + ["-m", model, "--format", "eve"] + (inventory.map { ["--inventory", $0] } ?? [])
        let run = try Run(words)
        #expect(run.status == 0, "\(run.errors)")
        for line in run.output.split(separator: "\n") {
            guard
                let event = try JSONSerialization.jsonObject(with: Data(line.utf8))
                    as? [String: Any], let details = event["lazaret"] as? [String: Any]
            else { continue }
            func text(_ key: String) -> String { details[key] as? String ?? "" }
            if event["event_type"] as? String == "alert" {
                alerts.insert(
                    Alert(
                        offender: text("offender"), workload: text("workload"),
                        pattern: text("pattern"), technique: text("technique"),
                        evidence: text("evidence"),
                        decision: text("decision"), target: text("target")))
            } else if text("action") == "fence" {
                fenced.insert(text("target"))
                firstFence = firstFence ?? event["timestamp"] as? String
            } else if text("action") == "refused" {
                refusals.insert(text("target") + ": " + text("refused_because"))
            }
        }
    }

    func alerts(on offender: String) -> Set<Alert> { alerts.filter { $0.offender == offender } }

    /// Copies a scenario to the folder `LAZARET_KEEP`, if that is set: `Benchmarks/adversary`
    /// compares how two builds of the program judge it.
    private static func keep(_ captures: [String], inventory: String?) throws {
        guard let folder = ProcessInfo.processInfo.environment["LAZARET_KEEP"],
            let test = Test.current
        else { return }
        let place = URL(fileURLWithPath: folder, isDirectory: true)
            .appendingPathComponent("\(test.id.nameComponents.joined(separator: "."))")
            .appendingPathComponent(UUID().uuidString)
        let files = FileManager.default
        try files.createDirectory(at: place, withIntermediateDirectories: true)
        for capture in captures {
            try files.copyItem(
                at: URL(fileURLWithPath: capture, relativeTo: Run.root),
                to: place.appendingPathComponent((capture as NSString).lastPathComponent))
        }
        if let inventory {
            try files.copyItem(
                at: URL(fileURLWithPath: inventory, relativeTo: Run.root),
                to: place.appendingPathComponent("inventory.yaml"))
        }
    }
}

/// A model of the clean sample, created once for each test.
struct Bench {
    let scratch: Scratch
    let model: String

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
    }

    func judge(
        _ attack: Attack, inventory: String? = "captures/inventory.yaml"
    ) throws -> Outcome {
        try Outcome(attack, scratch, model: model, inventory: inventory)
    }
}
