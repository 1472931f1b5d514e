import Foundation
import TestKit
import Testing
import Timestamps

/// Hosts that do for ten minutes, more often, what they always do.
struct SustainedTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let workers = (11...18).map { Member("10.60.4.\($0)") }

    /// Connections to the database, each of which is answered: 15 in a minute, where four are
    /// usual.
    private static func logins(of members: [Member], answered: Bool = true) -> Attack {
        var attack = Attack()
        attack.start -= .seconds(360)
        for (place, member) in members.enumerated() {
            for number in 0..<140 {
                let time = Double(number) * 4 + Double(place) / 10
                let source = UInt16(20_000 + number)
                if answered {
                    attack.visit(at: time, member, .database, from: source, port: 5432)
                } else {
                    attack.tcp(at: time, member, .database, source, 5432)
                    attack.tcp(
                        at: time + 0.001, .database, member, 5432, source, flags: 0x14,
                        sequence: 0, acknowledgment: 1001)
                }
            }
        }
        return attack
    }

    /// No second and no minute of it is beyond the clean range.
    @Test func aWorkerThatAsksTheDatabaseForMinutesIsWatched() throws {
        let outcome = try bench.judge(Self.logins(of: [.offender]))
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(!alerts.isEmpty && alerts.allSatisfy { $0.decision == "watch" }, "\(outcome)")
        #expect(alerts.contains { $0.target == Member.database.address }, "\(outcome)")
        #expect(outcome.alerts == alerts && outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Questions that nobody answers, each from a port of its own, hide no connections.
    @Test func unansweredDatagramsHideNothing() throws {
        var attack = Self.logins(of: [.offender])
        for number in 0..<140 {
            let question = Frame.udp(
                UInt16(41_000 + number), 53, Frame.dns("db.lab", identifier: UInt16(number)))
            attack.add(
                Double(number) * 4 + 1, .offender, .resolver,
                [8, 0] + Frame.ipv4(Member.offender.address, Member.resolver.address, 17, question))
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.alerts(on: Member.offender.address).isEmpty, "\(outcome)")
    }

    /// If all replicas do more, it is a busy hour of theirs.
    @Test func aBusyHourOfAllReplicasIsNone() throws {
        let outcome = try bench.judge(Self.logins(of: Self.workers))
        #expect(outcome.alerts.isEmpty && outcome.fenced.isEmpty, "\(outcome)")
    }

    /// As many queries within a minute are a job, which shorter windows judge.
    @Test func aBurstIsNotSustained() throws {
        var traffic = Attack()
        for number in 0..<140 {
            let source = UInt16(20_000 + number)
            traffic.visit(
                at: Double(number) * 0.4, .offender, .database, from: source, port: 5432)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.alerts.isEmpty && outcome.fenced.isEmpty, "\(outcome)")
    }

    /// A client that tries again and again meets an outage.
    @Test func refusedConnectionsAreNoConversations() throws {
        let outcome = try bench.judge(Self.logins(of: [.offender], answered: false))
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.allSatisfy { $0.target != Member.database.address }, "\(outcome)")
    }
}
