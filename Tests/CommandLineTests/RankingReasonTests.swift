import Foundation
import TestKit
import Testing
import Timestamps

/// What a ranking says of a pattern, and which traffic has none.
struct RankingReasonTests {
    private struct Host: Decodable {
        struct Reason: Decodable { var text: String }
        var offender: String
        var pattern: String?
        var reasons: [Reason]
        var values: [String: Double]
    }

    private static let base = Timestamp(second: 1_700_000_000)

    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func frame(_ from: String, _ to: String, _ number: UInt8, _ payload: [UInt8])
        -> [UInt8]
    {
        Frame.ethernet(0x0800, Frame.ipv4(from, to, number, payload))
    }

    private func write(_ records: [CaptureFile.Record]) throws -> String {
        try scratch.write("made.pcap", Data(CaptureFile.pcap(records)))
    }

    private func replay(_ path: String, _ words: String...) throws -> String {
        let run = try Run(["replay", "-r", path] + words)
        #expect(run.status == 0, "\(run.errors)")
        return run.output
    }

    private func hosts(_ path: String) throws -> [Host] {
        try replay(path, "--format", "json").split(separator: "\n").map {
            try JSONDecoder().decode(Host.self, from: Data($0.utf8))
        }
    }

    /// A host that is alone in its capture differs from nobody, and yet the pattern has its reason.
    @Test func aPatternShowsTheValueThatTriggeredItInEveryFormat() throws {
        let path = try write(
            (0..<60).map { number in
                let probe = Frame.tcp(40_000, UInt16(1 + number), flags: 2)
                return .init(
                    Self.base + .milliseconds(number * 50),
                    frame("198.51.100.7", "198.51.100.9", 6, probe))
            })
        let text = "60 distinct destination ports in 10 s"
        #expect(try replay(path).contains("looks like: port scan"))
        #expect(try replay(path).contains("      \(text) (median of all "))
        #expect(try replay(path, "--format", "json").contains(#"{"text":"\#(text)"#))
        #expect(try replay(path, "--format", "eve").contains(#"{"text":"\#(text)"#))
        let page = scratch.path("page.html")
        _ = try replay(path, "--report", page)
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains(text))
    }

    @Test func everyPatternOfTheSampleCaptureHasItsReasonFirst() throws {
        let found = try hosts("captures/mixed.pcap").filter { $0.pattern != nil }
        #expect(found.count == 18)
        let words = [
            "port_scan": "ports", "address_scan": "peers", "syn_flood": "flows",
            "packet_flood": "packets", "password_guessing": "logins|flows to each",
            "dns_tunnel": "DNS queries", "icmp_tunnel": "ICMP packets", "beacon": "regularity",
            "data_leaving": "sent outside", "arp_sweep": "asked for by ARP",
            "spoofed_source_addresses": "addresses of others",
        ]
        for host in found {
            let wanted = try #require(words[host.pattern ?? ""]?.split(separator: "|"))
            let first = host.reasons.first?.text ?? ""
            #expect(wanted.contains { first.contains($0) }, "\(host.offender): \(first)")
        }
    }

    /// Distinct values are whole numbers, and there are no more peers or ports than pairs.
    @Test func countsAreWholeAndEstimatesAreCalledSo() throws {
        let found = try hosts("captures/mixed.pcap")
        for host in found {
            for name in ["peers", "ports", "edges", "arp_targets", "foreign_sources"] {
                let value = host.values[name] ?? 0
                #expect(value == value.rounded(), "\(host.offender): \(name) \(value)")
            }
            let pairs = host.values["edges"] ?? 0
            #expect(max(host.values["peers"] ?? 0, host.values["ports"] ?? 0) <= pairs)
        }
        // nmap tries 1,000 ports.
        let scan = try #require(found.first { $0.offender == "203.0.113.66" })
        #expect(scan.reasons[0].text.hasPrefix("1000 distinct destination ports"))
        #expect(scan.values["ports"] == 1000 && scan.values["edges"] == 1000)
        let forger = try #require(found.first { $0.offender == "10.60.4.17" })
        #expect(forger.reasons[0].text.hasPrefix("about 29"), "\(forger.reasons)")
        #expect(found.count { $0.reasons.contains { $0.text.contains("about ") } } == 1)
    }

    /// Requests to a few servers outside, over UDP and in vain, are no scan; to many they are.
    @Test(arguments: [(15, false), (30, true)])
    func contactsInVainAreAScanFromTwentyPeersOn(peers: Int, isScan: Bool) throws {
        let path = try write(
            (0..<peers).map { number in
                .init(
                    Self.base + .milliseconds(number),
                    frame(
                        "192.168.1.110", "203.0.113.\(number + 1)", 17,
                        Frame.udp(4342, 4342, [UInt8](repeating: 1, count: 84))))
            })
        #expect(try hosts(path).map(\.pattern) == [isScan ? "address_scan" : nil])
    }

    /// A session that its server acknowledges sends many small packets; datagrams without an answer
    /// are a flood.
    @Test(arguments: [(true, 6 as UInt8), (false, 6), (false, 17)])
    func anAcknowledgedSessionIsNoFlood(isAnswered: Bool, number: UInt8) throws {
        let (client, server) = ("198.51.100.7", "192.168.2.110")
        var records: [CaptureFile.Record] = []
        func add(_ step: Int, _ from: String, _ to: String, _ payload: [UInt8]) {
            let time = Self.base + .microseconds(step * 2500)
            records.append(.init(time, frame(from, to, number, payload)))
        }
        let data = [UInt8](repeating: 7, count: 26)
        if number == 6 {
            add(0, client, server, Frame.tcp(50_000, 6900, flags: 2, sequence: 0))
            add(1, server, client, Frame.tcp(6900, 50_000, flags: 0x12, acknowledgment: 1))
            add(
                2, client, server,
                Frame.tcp(50_000, 6900, flags: 0x10, sequence: 1, acknowledgment: 1001))
        }
        for step in 0..<7000 {
            let sequence = UInt32(1 + step * data.count)
            add(
                step + 3, client, server,
                number == 17
                    ? Frame.udp(50_000, 6900, data)
                    : Frame.tcp(
                        50_000, 6900, flags: 0x18, sequence: sequence, acknowledgment: 1001,
                        payload: data))
            guard isAnswered, step % 2 == 1 else { continue }
            add(
                step + 3, server, client,
                Frame.tcp(
                    6900, 50_000, flags: 0x10, sequence: 1001,
                    acknowledgment: sequence + UInt32(data.count)))
        }
        let found = try hosts(try write(records)).filter { $0.offender == client }
        #expect(found.map(\.pattern) == [isAnswered ? nil : "packet_flood"])
    }
}
