import Foundation
import TestKit
import Testing
import Timestamps

/// Who guesses passwords is found and fenced by the refusals, however it goes about it.
struct GuessingTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    static let worker = Member("10.60.4.16")

    private func expectFenced(
        _ attack: Attack, _ offender: Member, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [offender.address], "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts(on: offender.address).contains { $0.pattern == "password_guessing" },
            "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts.allSatisfy { $0.offender == offender.address }, "\(outcome)",
            sourceLocation: sourceLocation)
    }

    /// Over a contact that it always had; with the words, and with headers only, where the server
    /// ends the connection.
    @Test(arguments: [false, true]) func aDatabaseThatRefusesItsUsualClient(isCut: Bool) throws {
        var attack = Attack()
        for number in 0..<400 {
            attack.talk(
                at: Double(number) / 50, Self.worker, .database, UInt16(20_000 + number), 5432,
                Words.refusedByPostgres(number), closedBy: .server, isCut: isCut)
        }
        try expectFenced(attack, Self.worker)
    }

    /// Over TLS the words cannot be read: the server's last message is longer than the end of a
    /// session, and it closes.
    @Test func aDatabaseOverTLS() throws {
        var attack = Attack()
        for number in 0..<400 {
            attack.talk(
                at: Double(number) / 50, Self.worker, .database, UInt16(20_000 + number), 5432,
                Words.tls([517, 1400, 90, 300, 120, 130, 60 + number % 8, 140]),
                closedBy: .server)
        }
        try expectFenced(attack, Self.worker)
    }

    /// A page before each try does not hide the form after it.
    @Test func pagesInBetween() throws {
        var attack = Attack()
        for number in 0..<300 {
            attack.talk(
                at: Double(number) / 15, .outside, .web, UInt16(20_000 + number), 80,
                Words.http(200) + Words.form(403, number))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Member.outside.address], "\(outcome)")
        #expect(
            outcome.alerts(on: Member.outside.address).allSatisfy {
                $0.pattern == "password_guessing"
            },
            "\(outcome)")
    }

    /// Each second login is its own and succeeds, as somebody does whom a lockout would stop.
    @Test func ownLoginsInBetween() throws {
        var attack = Attack()
        for number in 0..<400 {
            let isOwn = number % 2 == 0
            attack.talk(
                at: Double(number) / 40, Self.worker, .database, UInt16(20_000 + number), 5432,
                isOwn ? Words.query(number) : Words.refusedByPostgres(number),
                closedBy: isOwn ? .client : .server)
        }
        try expectFenced(attack, Self.worker)
    }

    /// One connection for all tries, to a service that it never used.
    @Test func oneConnectionForAllTries() throws {
        var attack = Attack()
        attack.talk(
            at: 0, .offender, .store, 20_000, 21, Words.refusedByFTP(200), pause: 0.01)
        try expectFenced(attack, .offender)
        var http = Attack()
        http.talk(
            at: 0, .offender, .database, 20_000, 8080,
            (0..<200).flatMap { Words.http(401, user: "Basic \($0)") }, pause: 0.02)
        try expectFenced(http, .offender)
    }

    /// Each try among many harmless flows of other kinds, and the newest flow is a DNS query.
    @Test func amongOtherTraffic() throws {
        var attack = Attack()
        for number in 0..<150 {
            let time = Double(number) / 10
            attack.talk(
                at: time, .offender, .store, UInt16(20_000 + number), 21, Words.refusedByFTP(1))
            for more in 0..<3 {
                attack.visit(
                    at: time + 0.03 * Double(more + 1), .offender, .store,
                    from: UInt16(30_000 + number * 3 + more), port: 80)
            }
            attack.udp(
                at: time + 0.09, .offender, .resolver, UInt16(25_000 + number), 53,
                Frame.dns("store.lab"))
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "password_guessing"
            },
            "\(outcome)")
    }

    /// One try in four seconds.
    @Test func aPatientGuesser() throws {
        var attack = Attack()
        attack.start -= .seconds(360)
        for number in 0..<140 {
            attack.talk(
                at: Double(number) * 4, .offender, .store, UInt16(20_000 + number), 21,
                Words.refusedByFTP(1))
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "password_guessing"
            },
            "\(outcome)")
    }

    /// Over TLS no word can be read: short connections of the same sizes from outside.
    @Test func aPageOverTLSFromOutside() throws {
        var attack = Attack()
        for number in 0..<300 {
            attack.talk(
                at: Double(number) / 15, .outside, .web, UInt16(20_000 + number), 443,
                Words.tls([517, 1400, 80, 260, 470 + number % 9, 620]))
        }
        try expectFenced(attack, .outside)
    }

    /// A proxy passes the tries of an outside address on: only that one is the offender.
    @Test func aProxyThatPassesTriesOn() throws {
        var attack = Attack()
        for number in 0..<400 {
            let time = Double(number) / 25
            attack.talk(
                at: time, .outside, .web, UInt16(20_000 + number), 80, Words.form(401, number),
                pause: 0.004)
            attack.talk(
                at: time + 0.013, .web, .app, UInt16(30_000 + number), 8000,
                Words.form(401, number), pause: 0.000_5)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Member.outside.address], "\(outcome)")
    }

    /// Clean traffic with refusals in it is reported when a baseline is learned from it; without,
    /// connections for each request are not.
    @Test func aTrainingWithGuesses() throws {
        var attack = Attack()
        attack.start = Timestamp(second: 1_795_223_700)
        for number in 0..<300 {
            attack.talk(
                at: Double(number) / 10, .offender, .store, UInt16(20_000 + number), 21,
                Words.refusedByFTP(1))
        }
        let captures = try attack.write(to: bench.scratch)
        let run = try Run(
            ["train", "-o", bench.scratch.path("m"), "--inventory", "captures/inventory.yaml"]
                + (["captures/clean-train.pcap"] + captures).flatMap { ["-r", $0] })
        #expect(
            "\(run.output)\(run.errors)".contains("password guessing"),
            "\(run.output) \(run.errors)")
    }
}
