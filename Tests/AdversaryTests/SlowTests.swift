import Foundation
import TestKit
import Testing
import Timestamps

/// Attacks that take their time, and clean traffic of the same pace.
///
/// The sample has ten minutes, so a test's traffic begins near its start.
struct SlowTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static func attack() -> Attack {
        var attack = Attack()
        attack.start -= .seconds(360)
        return attack
    }

    private static func probe(
        _ attack: inout Attack, at time: Double, _ from: Member, port: UInt16
    ) {
        attack.tcp(at: time, from, .store, 50_000 + port, port)
        attack.tcp(
            at: time + 0.001, .store, from, port, 50_000 + port, flags: 0x14, sequence: 0,
            acknowledgment: 1001)
    }

    /// `nmap -T0` waits five minutes; with a minute between its probes, a scan is named when it has
    /// tried ten ports.
    @Test func aScanOfOnePortAMinute() throws {
        var attack = Self.attack()
        for number in 0..<12 {
            Self.probe(&attack, at: Double(number) * 55, .offender, port: UInt16(1000 + number))
        }
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == "contact_never_seen_before" }, "\(outcome)")
        #expect(alerts.contains { $0.pattern == "port_scan" }, "\(outcome)")
        #expect(outcome.alerts.allSatisfy { $0.offender == Member.offender.address })
    }

    /// A port a second, in the midst of the usual traffic: ten seconds of it are hardly more than a
    /// contact or two too many, and a minute is a plain scan.
    @Test func aScanOfOnePortASecond() throws {
        var attack = Self.attack()
        for number in 0..<90 {
            Self.probe(
                &attack, at: Double(number) * 1.1, .offender, port: UInt16(1000 + number))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Member.offender.address], "\(outcome)")
    }

    /// `nmap -T0`: a probe every five minutes, one of twelve ports open. It is watched from the
    /// eighth port on, and never fenced.
    @Test func aScanOfOnePortInFiveMinutes() throws {
        var attack = Self.attack()
        for number in 0..<12 {
            let (time, port) = (Double(number) * 300, UInt16(1000 + number))
            if number == 3 {
                attack.scan(.offender, .store, count: 1, open: 1, seconds: 1, start: time)
            } else {
                Self.probe(&attack, at: time, .offender, port: port)
            }
        }
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(
            alerts.contains { $0.pattern == "port_scan" && $0.decision == "watch" },
            "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts.allSatisfy { $0.offender == Member.offender.address })
    }

    /// The same, each probe beside a contact that is answered: with a new site outside, or with
    /// another host inside.
    @Test(arguments: [true, false]) func aSlowScanBesideOtherContacts(isOutside: Bool) throws {
        var attack = Self.attack()
        for number in 0..<12 {
            let time = Double(number) * 120
            Self.probe(&attack, at: time, .offender, port: UInt16(1000 + number))
            attack.visit(
                at: time + 0.3, .offender,
                isOutside
                    ? Member("203.0.113.\(number)", card: Member.outside.card) : .database,
                from: UInt16(30_000 + number), port: isOutside ? 443 : 9999)
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "port_scan" && $0.decision == "watch"
            }, "\(outcome)")
    }

    /// A client that asks one new service every five minutes, which is down; and one that checks
    /// three services of each of twenty new hosts, which are gone. Neither scans.
    @Test(arguments: [1, 3]) func clientsOfWhatIsGone(ports: Int) throws {
        var traffic = Self.attack()
        for number in 0..<24 {
            for port in 0..<ports {
                let to = Member(
                    ports == 1 ? Member.store.address : "10.60.4.\(20 + number)",
                    card: Member.store.card)
                let source = UInt16(50_000 + number * 3 + port)
                let time = Double(number) * 300 + Double(port)
                traffic.tcp(at: time, .offender, to, source, UInt16(9100 + port))
                traffic.tcp(
                    at: time + 0.001, to, .offender, UInt16(9100 + port), source, flags: 0x14,
                    sequence: 0, acknowledgment: 1001)
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.alerts.allSatisfy { $0.pattern != "port_scan" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Four probes of each replica are no scan by themselves.
    @Test func aScanSpreadOverReplicas() throws {
        var attack = Self.attack()
        let replicas = (11...15).map { Member("10.60.4.\($0)") }
        for number in 0..<20 {
            Self.probe(
                &attack, at: Double(number) * 25, replicas[number % replicas.count],
                port: UInt16(1000 + number))
        }
        let outcome = try bench.judge(attack)
        let scans = outcome.alerts.filter { $0.pattern == "port_scan" }
        #expect(!scans.isEmpty && scans.allSatisfy { $0.workload == "worker" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Requests to a new outside address at intervals that deviate as much as their mean, as the
    /// agent of Empire sends them.
    private static func polls(size: (Int) -> Int) -> Attack {
        var attack = attack()
        var random = SeededGenerator(seed: 7)
        var time = 0.0
        for number in 0..<110 {
            let source = UInt16(40_000 + number)
            attack.tcp(at: time, .offender, .outside, source, 443)
            attack.tcp(
                at: time + 0.01, .outside, .offender, 443, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            attack.tcp(
                at: time + 0.02, .offender, .outside, source, 443, flags: 0x10, sequence: 1001,
                acknowledgment: 501)
            attack.tcp(
                at: time + 0.03, .offender, .outside, source, 443, flags: 0x18, sequence: 1001,
                acknowledgment: 501, size: size(number))
            attack.tcp(
                at: time + 0.04, .outside, .offender, 443, source, flags: 0x18, sequence: 501,
                acknowledgment: UInt32(1001 + size(number)), size: 300)
            attack.tcp(
                at: time + 0.05, .offender, .outside, source, 443, flags: 0x11,
                sequence: UInt32(1001 + size(number)), acknowledgment: 801)
            // Exponentially distributed.
            time += 0.6 - 4 * log(Double.random(in: 0.01...1, using: &random))
        }
        return attack
    }

    @Test func aBeaconWithMuchJitterAsksTheSameQuestion() throws {
        let outcome = try bench.judge(Self.polls { $0 % 25 == 24 ? 700 : 212 })
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(
            alerts.contains { $0.pattern == "beacon" && $0.decision == "watch" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Requests of all sizes are a new contact, and no beacon.
    @Test func requestsOfManySizesAreNoBeacon() throws {
        let outcome = try bench.judge(Self.polls { 180 + $0 * 37 % 400 })
        #expect(
            outcome.alerts.allSatisfy { $0.pattern == "contact_never_seen_before" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// A question every few seconds, with data in its name. The slower tunnel has no name, but is
    /// unusual for minutes.
    @Test(arguments: [(2.0, "dns_tunnel"), (5.0, "")])
    func aDNSTunnelOfLowRate(seconds: Double, pattern: String) throws {
        var attack = Self.attack()
        for number in 0..<Int(590 / seconds) {
            func data(_ factor: Int) -> String {
                "\(1_000_003 * (number + 1) * factor % 999_983)".map { "\($0)q7z" }.joined()
            }
            let name = "\(data(1))ab.\(data(7))cd.t.example.org"
            Self.ask(&attack, at: Double(number) * seconds, name, number)
        }
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == pattern }, "\(outcome)")
    }

    /// As many questions for names as a service has.
    @Test func ordinaryQuestionsOfThatRateAreQuiet() throws {
        var traffic = Self.attack()
        for number in 0..<120 {
            Self.ask(&traffic, at: Double(number) * 5, "store.lab.example", number)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.alerts.allSatisfy { $0.pattern != "dns_tunnel" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    private static func ask(
        _ attack: inout Attack, at time: Double, _ name: String, _ number: Int
    ) {
        let source = UInt16(42_000 + number)
        attack.udp(at: time, .offender, .resolver, source, 53, Frame.dns(name))
        attack.udp(
            at: time + 0.002, .resolver, .offender, 53, source, Frame.dns(name, isResponse: true))
    }

    /// Data in one echo request every two seconds, which are answered.
    @Test func anICMPTunnelOfLowRate() throws {
        var attack = Self.attack()
        for number in 0..<280 {
            for type in [UInt8(8), 0] {
                let ends = [Member.offender, Member.outside]
                let (from, to) = type == 8 ? (ends[0], ends[1]) : (ends[1], ends[0])
                let echo = Frame.icmp(
                    type: type, code: 0, rest: 9, [UInt8](repeating: 0xA5, count: 400))
                attack.add(
                    Double(number) * 2 + (type == 8 ? 0 : 0.02), from, to,
                    [8, 0] + Frame.ipv4(from.address, to.address, 1, echo))
            }
        }
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == "icmp_tunnel" }, "\(outcome)")
    }
}
