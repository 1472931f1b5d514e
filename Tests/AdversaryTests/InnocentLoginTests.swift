import Foundation
import TestKit
import Testing
import Timestamps

/// Logins of the innocent, and servers that refuse what nobody asked: nobody is fenced.
struct InnocentLoginTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let client = GuessingTests.worker
    private static let contacts: Set<String> = ["contact_never_seen_before", "lateral_movement"]

    /// - Parameter names: patterns that may be alerted, and not fenced.
    private func expectUnfenced(
        _ traffic: Attack, except names: Set<String> = [], model: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try Outcome(traffic, bench.scratch, model: model ?? bench.model)
        #expect(outcome.fenced.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts.allSatisfy { names.contains($0.pattern) && $0.decision == "watch" },
            "\(outcome)", sourceLocation: sourceLocation)
    }

    // MARK: - Connections that only look like logins

    /// A database over TLS, with a connection for each query. The client says goodbye, and the
    /// server may be the first to close. Neither training nor monitor take that for logins.
    @Test func aDatabaseOverTLS() throws {
        func queries(_ seconds: Double) -> Attack {
            var traffic = Attack()
            for number in 0..<Int(seconds * 2) {
                traffic.talk(
                    at: Double(number) / 2, Self.client, .database, UInt16(20_000 + number), 5432,
                    Words.tls([517, 1400, 90, 300, 120, 200, 60, 400 + number % 40, 32, 24]),
                    closedBy: number % 3 == 0 ? .client : .server)
            }
            return traffic
        }
        try expectUnfenced(queries(60), except: ["contact_never_seen_before"])
        let captures = try queries(120).write(to: bench.scratch)
        let run = try Run(
            ["train", "-o", bench.scratch.path("m"), "--inventory", "captures/inventory.yaml"]
                + captures.flatMap { ["-r", $0] })
        #expect(run.status == 0, "\(run.errors)")
        #expect(!"\(run.output)\(run.errors)".contains("password guessing"), "\(run.errors)")
    }

    /// A program outside sends its password with each request, over a connection each; and many
    /// people behind one address, of whom one in six mistypes.
    @Test(arguments: [0, 6]) func loginsThatAreGranted(mistyped: Int) throws {
        var traffic = Attack()
        for number in 0..<240 {
            let isWrong = mistyped > 0 && number % mistyped == 0
            traffic.talk(
                at: Double(number) / 6, .outside, .web, UInt16(20_000 + number), 80,
                Words.http(isWrong ? 401 : 200, user: "Basic YXBpOnNlY3JldA=="))
        }
        let outcome = try Outcome(traffic, bench.scratch, model: bench.model)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "password_guessing" }, "\(outcome)")
    }

    /// Half of the passwords are wrong.
    @Test func loginsOfWhichHalfAreGrantedAreGuesses() throws {
        var attack = Attack()
        for number in 0..<240 {
            attack.talk(
                at: Double(number) / 6, .outside, .web, UInt16(20_000 + number), 80,
                Words.http(number % 2 == 0 ? 401 : 200, user: "Basic \(1000 + number)"))
        }
        let outcome = try Outcome(attack, bench.scratch, model: bench.model)
        #expect(outcome.fenced == [Member.outside.address], "\(outcome)")
    }

    /// A partner outside polls a page, and a browser fetches the small files of one.
    @Test func pagesThatCanBeRead() throws {
        for (rate, count) in [(5.0, 200), (30.0, 80)] {
            var traffic = Attack()
            for number in 0..<count {
                traffic.talk(
                    at: Double(number) / rate, .outside, .web, UInt16(20_000 + number), 80,
                    Words.http(200, path: "/img/\(number % 40)"))
            }
            try expectUnfenced(
                traffic, except: Self.contacts.union(["request_flood", "slow_requests"]))
        }
    }

    // MARK: - Servers that lie

    /// A server refuses logins that its client never tried, over a usual contact and a new one.
    @Test(arguments: [true, false]) func refusalsThatNobodyAskedFor(isUsual: Bool) throws {
        var traffic = Attack()
        let server = isUsual ? Member.store : Member.neighbour
        for connection in 0..<4 {
            traffic.talk(
                at: Double(connection) * 3, Self.client, server, UInt16(20_000 + connection), 80,
                Words.http(200)
                    + (0..<200).map { _ in Line.down("HTTP/1.1 401 Unauthorized\r\n\r\n") })
            traffic.talk(
                at: Double(connection) * 3 + 1, Self.client, isUsual ? .database : server,
                UInt16(21_000 + connection), isUsual ? 5432 : 21,
                isUsual
                    ? Words.query(1) + Array(repeating: Words.refusedByPostgres(1)[3], count: 200)
                    : [.down("220 ready\r\n"), .up("QUIT\r\n")]
                        + (0..<200).map { _ in Line.down("530 Login incorrect.\r\n") })
        }
        try expectUnfenced(traffic, except: Self.contacts)
    }

    /// A server answers all requests of its usual client with refusals, or closes each connection:
    /// it decides that, not the client.
    @Test(arguments: [true, false]) func aUsualServerThatRefusesAll(closes: Bool) throws {
        var traffic = Attack()
        for number in 0..<60 {
            traffic.talk(
                at: Double(number) / 1.5, Self.client, .database, UInt16(20_000 + number), 5432,
                closes ? Array(Words.query(number).dropLast()) : Words.refusedByPostgres(number),
                closedBy: .server, isCut: closes)
        }
        try expectUnfenced(traffic, except: ["password_guessing"])
    }

    /// A third host sends refusals in the server's name, without the connection's numbers.
    @Test func refusalsOfAThirdHost() throws {
        var traffic = Attack()
        for connection in 0..<100 {
            let source = UInt16(20_000 + connection)
            let time = Double(connection) / 8
            traffic.talk(
                at: time, Self.client, .neighbour, source, 21,
                [.down("220 ready\r\n"), .up("SYST\r\n")], closedBy: .nobody)
            for number in 0..<3 {
                traffic.say(
                    at: time + 0.01 + Double(number) / 1000, .neighbour, Self.client,
                    Frame.tcp(
                        21, source, flags: 0x18, sequence: UInt32(number) * 77_000,
                        acknowledgment: UInt32(connection) * 40_000_000,
                        payload: Array("530 Login incorrect.\r\n".utf8)))
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "password_guessing" }, "\(outcome)")
    }

    /// The database's passwords have changed: all its clients try again and again.
    @Test func aServiceThatRefusesAllItsClients() throws {
        var traffic = Attack()
        for (place, host) in (11...15).map({ Member("10.60.4.\($0)") }).enumerated() {
            for number in 0..<300 {
                traffic.talk(
                    at: Double(number) / 10 + Double(place) / 70, host, .database,
                    UInt16(20_000 + number), 5432, Words.refusedByPostgres(number),
                    closedBy: .server)
            }
        }
        try expectUnfenced(traffic, except: ["password_guessing"])
    }

    // MARK: - Clients

    /// A server asks for a password, gets it, and is content: Basic, Digest, NTLM, and the token of
    /// a registry.
    @Test(arguments: ["Basic", "Digest", "NTLM", "Token"])
    func aServerThatAsksForAPassword(scheme: String) throws {
        var traffic = Attack()
        for number in 0..<50 {
            var lines = Words.http(401, path: "/v2/")
            switch scheme {
            case "NTLM":
                lines += Words.http(401, user: "NTLM TlRMTVNTUAABAAAAB4IIogAAAAA=")
                lines += Words.http(200, user: "NTLM TlRMTVNTUAADAAAAGAAYAHIAAAA=")
            default: lines += Words.http(200, user: "\(scheme) value\(number)")
            }
            lines += Words.http(302, user: "\(scheme) value\(number)") + Words.http(200)
            traffic.talk(
                at: Double(number) / 4, Self.client, .store, UInt16(20_000 + number), 80, lines)
        }
        try expectUnfenced(traffic, except: ["request_flood"])
    }

    /// Forty users behind one address, a fifth of whom mistype their passwords.
    @Test func usersBehindOneAddressMistype() throws {
        var traffic = Attack()
        for user in 0..<40 {
            let lines =
                (user % 5 == 0 ? Words.form(401, user) : []) + Words.form(302, user)
                + (0..<3).flatMap { Words.http(200, path: "/page/\(user * $0)") }
            traffic.talk(
                at: Double(user) / 2, .outside, .web, UInt16(20_000 + user), 80, lines)
        }
        try expectUnfenced(traffic)
    }

    /// A client with a password that is no longer valid tries once a minute.
    @Test func aStalePassword() throws {
        var traffic = Attack()
        traffic.start -= .seconds(360)
        for number in 0..<10 {
            traffic.talk(
                at: Double(number) * 60, Self.client, .database, UInt16(20_000 + number), 5432,
                Words.refusedByPostgres(0), closedBy: .server)
        }
        try expectUnfenced(traffic, except: ["password_guessing"])
    }

    /// A service of its own kind on a database's port, which ends each connection itself.
    @Test func anotherServiceOnADatabasesPort() throws {
        func calls(_ seconds: Double) -> Attack {
            var traffic = Attack()
            for number in 0..<Int(seconds * 8) {
                traffic.talk(
                    at: Double(number) / 8, Self.client, .database, UInt16(20_000 + number), 5432,
                    Words.ofItsOwn(number), closedBy: .server)
            }
            return traffic
        }
        try expectUnfenced(calls(60), except: ["contact_never_seen_before"])
        let captures = try calls(120).write(to: bench.scratch)
        let run = try Run(
            ["train", "-o", bench.scratch.path("m"), "--inventory", "captures/inventory.yaml"]
                + captures.flatMap { ["-r", $0] })
        #expect(run.status == 0, "\(run.errors)")
        #expect(!"\(run.output)\(run.errors)".contains("password guessing"), "\(run.errors)")
    }

    /// A connection for each request, whose words can be read or not, and which the server or the
    /// client ends; at a rate that the client always had, and at four times that.
    @Test(arguments: [true, false]) func aConnectionForEachRequest(isCut: Bool) throws {
        func calls(_ rate: Double, seconds: Double) -> Attack {
            var traffic = Attack()
            for number in 0..<Int(rate * seconds) {
                traffic.talk(
                    at: Double(number) / rate, Self.client, .database,
                    UInt16(20_000 + number % 40_000), 5432,
                    Words.query(number, rows: 100 + number * 7 % 400), isCut: isCut)
            }
            return traffic
        }
        var clean = calls(8, seconds: 600)
        clean.start = Timestamp(second: 1_795_223_700)
        let captures = try clean.write(to: bench.scratch)
        let model = bench.scratch.path("calls.model")
        let run = try Run(
            ["train", "-o", model, "--inventory", "captures/inventory.yaml"]
                + (["captures/clean-train.pcap"] + captures).flatMap { ["-r", $0] })
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            !"\(run.output)\(run.errors)".contains("password guessing"),
            "\(run.output) \(run.errors)")
        try expectUnfenced(calls(8, seconds: 60), model: model)
        try expectUnfenced(
            calls(32, seconds: 60), except: isCut ? ["request_flood", "password_guessing"] : [],
            model: model)
    }

    /// Short calls of the same sizes between workloads, far above their baseline.
    @Test func manyEqualCallsInside() throws {
        var traffic = Attack()
        traffic.visits(Self.client, .store, port: 80, count: 600, seconds: 30)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "password_guessing" }, "\(outcome)")
    }

    /// A page that is forbidden, which a monitor asks for as often as it always did.
    @Test func aForbiddenPageThatIsPolled() throws {
        func polls(from second: Int, _ seconds: Double) -> Attack {
            var traffic = Attack()
            traffic.start = Timestamp(second: second)
            for number in 0..<Int(seconds) {
                traffic.talk(
                    at: Double(number), Self.client, .store, UInt16(20_000 + number), 80,
                    Words.http(403, user: "Bearer old"))
            }
            return traffic
        }
        let captures = try polls(from: 1_795_223_700, 600).write(to: bench.scratch)
        let model = bench.scratch.path("polls.model")
        let run = try Run(
            ["train", "-o", model, "--inventory", "captures/inventory.yaml"]
                + (["captures/clean-train.pcap"] + captures).flatMap { ["-r", $0] })
        #expect(run.status == 0, "\(run.errors)")
        try expectUnfenced(
            polls(from: 1_795_223_700, 120), except: ["password_guessing"], model: model)
    }

    /// Mail in bulk has errors that are not about passwords.
    @Test func errorsOfMail() throws {
        var traffic = Attack()
        for number in 0..<200 {
            let time = Double(number) / 15
            traffic.talk(
                at: time, Self.client, .store, UInt16(20_000 + number), 25,
                [
                    .down("220 mail ESMTP\r\n"), .up("EHLO shop\r\n"), .down("250 mail\r\n"),
                    .up("MAIL FROM:<a@shop>\r\n"), .down("250 Ok\r\n"),
                    .up("RCPT TO:<b@gone>\r\n"), .down("550 5.1.1 no such user\r\n"),
                    .up("RCPT TO:<c@far>\r\n"), .down("530 5.7.0 must be encrypted\r\n"),
                    .up("QUIT\r\n"), .down("221 Bye\r\n"),
                ], closedBy: .server)
            traffic.talk(
                at: time + 0.03, Self.client, .store, UInt16(21_000 + number), 110,
                [
                    .down("+OK ready\r\n"), .up("USER a\r\n"), .down("+OK\r\n"),
                    .up("PASS right\r\n"), .down("+OK 3 messages\r\n"),
                    .up("RETR 9\r\n"), .down("-ERR no such message\r\n"),
                    .up("DELE 9\r\n"), .down("-ERR no such message\r\n"),
                    .up("QUIT\r\n"), .down("+OK bye\r\n"),
                ], closedBy: .server)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "password_guessing" }, "\(outcome)")
    }
}
