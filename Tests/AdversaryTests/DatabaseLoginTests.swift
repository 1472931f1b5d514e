import Foundation
import TestKit
import Testing
import Timestamps

/// A connection for each request to any database is no guessing; wrong passwords are.
struct DatabaseLoginTests {
    private let bench: Bench
    private static let worker = GuessingTests.worker

    init() throws { bench = try Bench() }

    /// Connections at eight a second, over a contact that is new.
    private func calls(
        _ port: UInt16, seconds: Double, closedBy closer: Closer = .client,
        _ lines: (Int) -> [Line]
    ) -> Attack {
        var traffic = Attack()
        for number in 0..<Int(seconds * 8) {
            traffic.talk(
                at: Double(number) / 8, Self.worker, .database, UInt16(20_000 + number), port,
                lines(number), closedBy: closer)
        }
        return traffic
    }

    /// Neither the monitor nor the training call it guessing, and nobody is fenced.
    private func expectNoGuessing(
        sourceLocation: SourceLocation = #_sourceLocation, _ traffic: (Double) -> Attack
    ) throws {
        let outcome = try bench.judge(traffic(60))
        #expect(outcome.fenced.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            !outcome.alerts.contains { $0.pattern == "password_guessing" }, "\(outcome)",
            sourceLocation: sourceLocation)
        let captures = try traffic(120).write(to: bench.scratch)
        let run = try Run(
            ["train", "-o", bench.scratch.path("m"), "--inventory", "captures/inventory.yaml"]
                + captures.flatMap { ["-r", $0] })
        #expect(run.status == 0, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(
            !"\(run.output)\(run.errors)".contains("password guessing"), "\(run.errors)",
            sourceLocation: sourceLocation)
    }

    @Test(arguments: Database.allCases)
    func aConnectionForEachRequest(of database: Database) throws {
        try expectNoGuessing { calls(database.port, seconds: $0) { database.query($0) } }
    }

    /// A service of its own kind uses the port, and ends each connection itself.
    @Test(arguments: Database.allCases) func anotherServiceOnThePort(of database: Database) throws {
        try expectNoGuessing {
            calls(database.port, seconds: $0, closedBy: .server) { Words.ofItsOwn($0) }
        }
    }

    /// A server that has no connection left ends each one, and refuses no password.
    @Test func aServerThatIsFull() throws {
        try expectNoGuessing {
            calls(3306, seconds: $0, closedBy: .server) { _ in Database.full }
        }
    }

    @Test(arguments: Database.allCases) func wrongPasswords(of database: Database) throws {
        var attack = Attack()
        for number in 0..<400 {
            attack.talk(
                at: Double(number) / 50, Self.worker, .database, UInt16(20_000 + number),
                database.port, database.refusal(number), closedBy: database.closer)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Self.worker.address], "\(outcome)")
        #expect(
            outcome.alerts(on: Self.worker.address).contains { $0.pattern == "password_guessing" },
            "\(outcome)")
        #expect(outcome.alerts.allSatisfy { $0.offender == Self.worker.address }, "\(outcome)")
    }

    /// What a client may say to Redis before it logs in does not hide what it tries.
    @Test func wrongPasswordsBehindAReset() throws {
        var attack = Attack()
        for number in 0..<400 {
            attack.talk(
                at: Double(number) / 50, Self.worker, .database, UInt16(20_000 + number), 6379,
                [
                    .up("RESET\r\nAUTH \(10_000 + number)\r\n"),
                    .down("+RESET\r\n-WRONGPASS invalid username-password pair\r\n"),
                ])
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Self.worker.address], "\(outcome)")
    }
}
