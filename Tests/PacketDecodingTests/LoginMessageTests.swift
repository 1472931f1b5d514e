import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import PacketDecoding

/// What the first bytes of a segment say about a login.
struct LoginMessageTests {
    /// A message of a server's port, or to it.
    struct Case: Sendable, CustomTestStringConvertible {
        var port: UInt16
        var isRequest: Bool
        var bytes: [UInt8]
        var expected: LoginMessage

        var testDescription: String {
            "\(port) \(isRequest ? "to" : "from"): "
                + String(decoding: bytes.prefix(40), as: UTF8.self)
        }

        static func from(_ port: UInt16, _ text: String, _ expected: LoginMessage) -> Case {
            Case(port: port, isRequest: false, bytes: Array(text.utf8), expected: expected)
        }
        static func to(_ port: UInt16, _ text: String, _ expected: LoginMessage) -> Case {
            Case(port: port, isRequest: true, bytes: Array(text.utf8), expected: expected)
        }
        static func from(_ port: UInt16, _ bytes: [UInt8], _ expected: LoginMessage) -> Case {
            Case(port: port, isRequest: false, bytes: bytes, expected: expected)
        }
        static func to(_ port: UInt16, _ bytes: [UInt8], _ expected: LoginMessage) -> Case {
            Case(port: port, isRequest: true, bytes: bytes, expected: expected)
        }
    }

    private static func frame(_ example: Case) -> [UInt8] {
        let (source, destination): (UInt16, UInt16) =
            example.isRequest ? (40_000, example.port) : (example.port, 40_000)
        return Frame.ipv4(
            "10.0.0.1", "10.0.0.2", 6,
            Frame.tcp(source, destination, flags: 0x18, payload: example.bytes))
    }

    private static func message(_ example: Case) -> LoginMessage {
        decoded(frame(example), .raw).login
    }

    /// A MySQL packet with its number.
    private static func mysql(_ number: UInt8, _ body: [UInt8]) -> [UInt8] {
        [UInt8(body.count), 0, 0, number] + body
    }

    private static func postgres(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        [type.asciiValue ?? 0] + Frame.bytes(UInt64(body.count + 4), 4) + body
    }

    private static func smb(_ status: [UInt8], command: UInt8 = 1) -> [UInt8] {
        [0, 0, 0, 73, 0xFE, 0x53, 0x4D, 0x42, 64, 0, 0, 0] + status + [command, 0]
            + [UInt8](repeating: 0, count: 55)
    }

    static let lines: [Case] = {
        var all: [Case] = []
        all.append(Case.from(21, "530 Login incorrect.\r\n", .refused))
        all.append(Case.from(21, "230 Welcome\r\n", .granted))
        all.append(Case.from(21, "331 Password required\r\n", .none))
        all.append(Case.from(21, "550 No such file\r\n", .none))
        all.append(Case.from(2121, "430 Invalid user name or password\r\n", .refused))
        all.append(Case.to(21, "PASS a\r\n", .attempt))
        all.append(Case.to(21, "SYST\r\n", .none))
        all.append(Case.to(21, "STOR a\r\n", .none))
        all.append(Case.to(21, "NOOP\r\nPASS a\r\n", .attempt))
        all.append(Case.to(21, "PA", .attempt))
        all.append(Case.to(25, "AUTH PLAIN AGEAYg==\r\n", .attempt))
        all.append(Case.to(25, "cm9vdA==\r\n", .attempt))
        all.append(Case.to(25, "MAIL FROM:<a@b>\r\n", .none))
        all.append(Case.to(25, "STARTTLS\r\n", .none))
        all.append(Case.to(25, "DATA\r\n", .none))
        all.append(Case.to(25, "Subject: a\r\n\r\nwords\r\n.\r\n", .none))
        all.append(Case.to(23, "\r\0", .attempt))
        all.append(Case.to(23, "secret\r\n", .attempt))
        all.append(Case.to(23, "a", .none))
        all.append(Case.from(25, "535 5.7.8 Error\r\n", .refused))
        all.append(Case.from(587, "235 2.7.0 Ok\r\n", .granted))
        all.append(Case.from(25, "550 5.1.1 no such user\r\n", .none))
        all.append(Case.from(25, "530 5.7.0 TLS\r\n", .none))
        all.append(Case.from(110, "-ERR no\r\n", .refused))
        all.append(Case.from(110, "+OK\r\n", .granted))
        all.append(Case.to(110, "pass a\r\n", .attempt))
        all.append(Case.to(110, "APOP a b\r\n", .attempt))
        all.append(Case.to(110, "RETR 1\r\n", .none))
        all.append(Case.to(110, "DELE 1\r\n", .none))
        all.append(Case.to(110, "USER a\r\n", .none))
        all.append(Case.from(143, "a1 NO [AUTHENTICATIONFAILED] no\r\n", .refused))
        all.append(Case.from(143, "a1 OK done\r\n", .granted))
        all.append(Case.from(143, "* OK ready\r\n", .none))
        all.append(Case.from(143, "+ go on\r\n", .none))
        all.append(Case.from(143, "a1 BAD what\r\n", .answered))
        all.append(Case.to(143, "a1 LOGIN a b\r\n", .attempt))
        all.append(Case.to(143, "a1 authenticate PLAIN\r\n", .attempt))
        all.append(Case.to(143, "a1 SELECT inbox\r\n", .none))
        all.append(Case.from(23, "\r\nLogin incorrect\r\n", .refused))
        all.append(Case.from(23, "% Login invalid\r\n", .refused))
        all.append(Case.from(23, "Login failed\r\n", .refused))
        all.append(Case.from(23, "% Bad passwords\r\n", .refused))
        all.append(Case.from(23, "\r\nlogin: ", .none))
        all.append(Case.from(23, "Login info\r\n", .none))
        all.append(Case.from(6379, "-WRONGPASS invalid\r\n", .refused))
        all.append(Case.from(6379, "+OK\r\n", .granted))
        all.append(Case.from(6379, "-ERR invalid password\r\n", .refused))
        all.append(Case.from(6379, "-ERR unknown command\r\n", .answered))
        all.append(Case.from(6379, "$5\r\nvalue\r\n", .foreign))
        all.append(Case.from(6379, ":12\r\n", .foreign))
        all.append(Case.from(6379, "+PONG\r\n", .foreign))
        all.append(Case.from(6379, "+RESET\r\n", .none))
        // What a client may say before it logs in hides no refusal.
        all.append(Case.from(6379, "+RESET\r\n-WRONGPASS invalid\r\n", .refused))
        all.append(
            Case.from(6379, "-NOAUTH Authentication required.\r\n-WRONGPASS no\r\n", .refused))
        all.append(Case.to(6379, "RESET\r\nAUTH a\r\n", .attempt))
        all.append(
            Case.to(6379, "*1\r\n$5\r\nRESET\r\n*2\r\n$4\r\nAUTH\r\n$1\r\na\r\n", .attempt))
        all.append(Case.from(6379, [0x17, 3, 3, 0, 60] + [UInt8](repeating: 9, count: 60), .none))
        all.append(Case.from(6379, "-NOAUTH Authentication required.\r\n", .none))
        all.append(Case.to(6379, "*2\r\n$4\r\nAUTH\r\n$1\r\na\r\n", .attempt))
        all.append(Case.to(6379, "auth a\r\n", .attempt))
        all.append(Case.to(6379, "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", .attempt))
        all.append(Case.to(6379, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", .none))
        all.append(Case.to(6379, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", .none))
        return all
    }()
    static let requests: [Case] = {
        var all: [Case] = []
        all.append(Case.from(8000, "HTTP/1.1 401 Unauthorized\r\n", .refused))
        all.append(Case.from(80, "HTTP/1.0 403 Forbidden\r\n", .refused))
        all.append(Case.from(3128, "HTTP/1.1 407 Proxy\r\n", .refused))
        all.append(Case.from(80, "HTTP/1.1 200 OK\r\n", .granted))
        all.append(Case.from(80, "HTTP/1.1 302 Found\r\n", .granted))
        all.append(Case.from(80, "HTTP/1.1 404 Not Found\r\n", .answered))
        all.append(Case.from(80, "HTTP/1.1 100 Continue\r\n", .none))
        all.append(Case.from(80, "HTTP/1.1", .none))
        all.append(Case.to(80, "POST /login HTTP/1.1\r\n", .attempt))
        all.append(Case.to(80, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .none))
        all.append(
            Case.to(80, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\n\r\n", .attempt))
        all.append(
            Case.to(80, "GET / HTTP/1.1\r\nauthorization:Bearer a\r\nHost: a\r\n\r\n", .attempt))
        all.append(
            Case.to(3128, "GET / HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n", .attempt))
        all.append(Case.to(80, "PUT /a HTTP/1.1\r\nHost: a\r\n\r\nAuthorization: no", .none))
        all.append(
            Case.to(80, "GET / HTTP/1.1\r\nAuthorization: NTLM TlRMTVNTUAABAAAAB4II\r\n\r\n", .none)
        )
        all.append(
            Case.to(
                80, "GET / HTTP/1.1\r\nAuthorization: NTLM TlRMTVNTUAADAAAAGAAY\r\n\r\n", .attempt))
        all.append(
            Case.to(
                80, "GET / HTTP/1.1\r\nAuthorization: Negotiate YHMGBisGAQUFAqBp\r\n\r\n", .none))
        all.append(
            Case.to(
                80, "GET / HTTP/1.1\r\nAuthorization: Negotiate YIIGhgYGKwYBBQUC\r\n\r\n", .attempt)
        )
        all.append(
            Case.to(
                80, "GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 600))\r\n\r\n", .attempt))
        all.append(
            Case.to(80, "GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 300))\r\n\r\n", .none)
        )
        return all
    }()
    static let binary: [Case] = {
        var all: [Case] = []
        all.append(
            Case.from(
                3306, mysql(2, [0xFF, 0x15, 0x04] + Array("#28000Access denied".utf8)), .refused))
        all.append(
            Case.from(
                3306, mysql(2, [0xFF, 0xA2, 0x06] + Array("#28000Access denied".utf8)), .refused))
        all.append(
            Case.from(3306, mysql(2, [0xFF, 0x10, 0x04] + Array("#08004Too many".utf8)), .foreign))
        all.append(
            Case.from(3306, mysql(0, [0xFF, 0x10, 0x04] + Array("Too many".utf8)), .foreign))
        all.append(
            Case.from(
                3306, mysql(1, [0xFF, 0x15, 0x04] + Array("#28000Access denied".utf8)), .refused))
        all.append(
            Case.from(3306, mysql(2, [0xFF, 0x2E, 0x0C] + Array("#HY000locked".utf8)), .refused))
        all.append(Case.from(3306, Array("OK 12 rows".utf8), .foreign))
        all.append(Case.from(3306, [0x16, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3], .none))
        all.append(Case.from(3306, mysql(2, [0, 0, 0, 2, 0, 0, 0]), .granted))
        all.append(Case.from(3306, mysql(2, [1, 3]) + mysql(3, [0, 0, 0, 2, 0, 0, 0]), .granted))
        all.append(Case.from(3306, mysql(0, [10] + Array("8.0.36".utf8)), .none))
        all.append(Case.from(3306, mysql(1, [0, 0, 0, 2, 0, 0, 0]), .none))
        all.append(
            Case.from(
                5432, postgres("E", Array("SFATAL\0VFATAL\0C28P01\0Mpassword\0\0".utf8)), .refused))
        all.append(
            Case.from(5432, postgres("E", Array("SFATAL\0C28000\0Mno entry\0\0".utf8)), .refused))
        all.append(
            Case.from(
                5432, postgres("E", Array("SERROR\0VERROR\0C42P01\0Mno table\0\0".utf8)), .none))
        all.append(
            Case.from(
                5432, postgres("E", Array("SFATAL\0VFATAL\0C57P03\0Mstarting\0\0".utf8)), .none))
        all.append(Case.from(5432, postgres("R", [0, 0, 0, 0]), .granted))
        all.append(Case.from(5432, postgres("R", [0, 0, 0, 12] + Array("v=abc".utf8)), .granted))
        all.append(Case.from(5432, postgres("R", [0, 0, 0, 5, 1, 2, 3, 4]), .none))
        // Another service on the port: no message's type, or no length.
        all.append(Case.from(5432, Array("yyyyyyyyyy".utf8), .foreign))
        all.append(Case.from(5432, Array("OK 12 rows".utf8), .foreign))
        // Those that a login has: the answer to a request for TLS, a handshake, a parameter.
        all.append(Case.from(5432, Array("S".utf8), .none))
        all.append(Case.from(5432, [0x16, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3], .none))
        all.append(Case.from(5432, postgres("S", Array("TimeZone\0UTC\0".utf8)), .none))
        all.append(
            Case.from(
                1433, [4, 1, 0, 60, 0, 1, 1, 0, 0xAA, 40, 0, 0x18, 0x48, 0, 0, 1, 14], .refused))
        all.append(
            Case.from(1433, [4, 1, 0, 60, 0, 1, 1, 0, 0xAA, 40, 0, 0xD0, 0, 0, 0, 1, 16], .none))
        all.append(Case.from(1433, [4, 1, 0, 60, 0, 1, 1, 0, 0xE3, 27, 0, 1], .granted))
        all.append(Case.from(1433, Array("OK 12 rows".utf8), .foreign))
        all.append(Case.from(1433, [0x12, 1, 0, 60, 0, 0, 0, 0, 0x16], .none))
        all += oracleCases + mongoCases
        all.append(Case.from(1883, [0x20, 2, 0, 5], .refused))
        all.append(Case.from(1883, [0x20, 3, 0, 0x86, 0], .refused))
        all.append(Case.from(1883, [0x20, 2, 0, 0], .granted))
        all.append(Case.from(1883, [0x20, 2, 0, 3], .none))
        all.append(Case.from(5900, [0, 0, 0, 1, 0, 0, 0, 6] + Array("failed".utf8), .refused))
        all.append(Case.from(5900, [0, 0, 0, 0], .granted))
        all.append(Case.from(5901, Array("RFB 003.008\n".utf8), .none))
        all.append(Case.from(389, [0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 49, 4, 0, 4, 0], .refused))
        all.append(Case.from(389, [0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0], .granted))
        all.append(Case.from(389, [0x30, 12, 2, 1, 2, 0x65, 7, 10, 1, 32, 4, 0, 4, 0], .none))
        all.append(
            Case.from(
                389,
                [
                    0x30, 0x84, 0, 0, 0, 17, 2, 2, 1, 4, 0x61, 0x84, 0, 0, 0, 7, 10, 1, 49, 4, 0, 4,
                    0,
                ], .refused))
        all.append(Case.from(445, smb([0x6D, 0, 0, 0xC0]), .refused))
        all.append(Case.from(445, smb([0, 0, 0, 0]), .granted))
        all.append(Case.from(445, smb([0x16, 0, 0, 0xC0]), .none))
        all.append(Case.from(445, smb([0x6D, 0, 0, 0xC0], command: 3), .none))
        all.append(
            Case.to(3306, mysql(1, [0x85, 0xA6] + [UInt8](repeating: 0, count: 60)), .attempt))
        all.append(Case.to(3306, mysql(0, [3] + Array("select 1".utf8)), .none))
        all.append(Case.to(3306, mysql(0, [0x11] + Array("root".utf8)), .attempt))
        all.append(Case.to(5432, [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F], .attempt))
        all.append(Case.to(5432, postgres("p", Array("md5abc\0".utf8)), .attempt))
        all.append(Case.to(5432, postgres("Q", Array("select 1\0".utf8)), .none))
        all.append(Case.to(389, [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0], .attempt))
        all.append(Case.to(389, [0x30, 12, 2, 1, 2, 0x63, 7, 4, 0, 10, 1, 2, 10, 1], .none))
        all.append(Case.to(445, smb([0, 0, 0, 0]), .attempt))
        all.append(Case.to(445, smb([0, 0, 0, 0], command: 3), .none))
        all.append(Case.to(1433, [0x10, 1, 0, 90, 0, 0, 1, 0, 82], .attempt))
        all.append(Case.to(1433, [0x01, 1, 0, 90, 0, 0, 1, 0, 22], .none))
        all.append(Case.to(1883, [0x10, 12, 0, 4, 77, 81, 84, 84], .attempt))
        all.append(Case.to(1883, [0x30, 2, 0, 0], .none))
        all.append(
            Case(
                port: 5900, isRequest: true, bytes: [UInt8](repeating: 9, count: 16),
                expected: .attempt))
        return all
    }()
    @Test(
        arguments: LoginMessageTests.lines + LoginMessageTests.requests + LoginMessageTests.binary)
    func theMessage(example: Case) {
        #expect(Self.message(example) == example.expected)
    }

    /// A client that uses the port of another service is read as well.
    @Test func theClientsPortDoesNotMatter() {
        func message(_ source: UInt16, _ destination: UInt16, _ text: String) -> LoginMessage {
            decoded(
                Frame.ipv4(
                    "10.0.0.1", "10.0.0.2", 6,
                    Frame.tcp(source, destination, flags: 0x18, payload: Array(text.utf8))), .raw
            ).login
        }
        #expect(message(25, 21, "PASS a\r\n") == .attempt)
        #expect(message(5432, 21, "PASS a\r\n") == .attempt)
        #expect(message(21, 25, "530 Login incorrect.\r\n") == .refused)
        #expect(message(21, 80, "POST / HTTP/1.1\r\n") == .attempt)
        #expect(message(80, 21, "HTTP/1.1 401 Unauthorized\r\n") == .refused)
    }

    @Test func otherSegmentsSayNothing() {
        for bytes: [UInt8] in [[], [53, 51, 48], [UInt8](repeating: 0, count: 60)] {
            let example = Case(port: 4000, isRequest: false, bytes: bytes, expected: .none)
            #expect(Self.message(example) == .none)
        }
        // A refusal's text on a port that is none of its service's.
        #expect(Self.message(.from(4000, "530 Login incorrect.\r\n", .none)) == .none)
        // The padding of a short Ethernet frame is no message.
        let frame = Frame.ethernet(
            0x0800,
            Frame.ipv4("10.0.0.1", "10.0.0.2", 6, Frame.tcp(21, 40_000, flags: 0x10))
                + Array("530 Lo".utf8))
        #expect(decoded(frame, .ethernet).login == .none)
        // Without PSH, it is not a message's end.
        let part = Frame.ipv4(
            "10.0.0.1", "10.0.0.2", 6,
            Frame.tcp(40_000, 21, flags: 0x10, payload: Array("PASS a".utf8)))
        #expect(decoded(part, .raw).login == .none)
    }

    /// A capture that keeps fewer bytes; each gives the message or none.
    @Test func cutSegmentsNeverTrap() {
        for example in Self.lines + Self.requests + Self.binary {
            let frame = Self.frame(example)
            for kept in 0...frame.count {
                var decoder = PacketDecoder()
                var packet = Packet()
                decoder.decode(
                    Array(frame.prefix(kept)).span.bytes, linkType: .raw, time: .epoch,
                    wireLength: UInt32(frame.count), into: &packet)
                let isPossible =
                    [example.expected, .none, .answered].contains(packet.login)
                    || example.isRequest
                #expect(isPossible, "\(example) \(kept) \(packet.login)")
            }
        }
    }

    @Test func randomSegmentsNeverTrap() {
        var random = SeededGenerator(seed: 7)
        let ports = Array(Set((Self.lines + Self.binary).map(\.port))) + [80]
        let starts: [[UInt8]] = [
            [], Array("HTTP/1.1 ".utf8), Array("GET / \n".utf8), [0x45], [0x30, 0xFF], [0x2A],
        ]
        var seen: Set<LoginMessage> = []
        for _ in 0..<200_000 {
            let bytes =
                (starts.randomElement(using: &random) ?? [])
                + (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            let example = Case(
                port: ports.randomElement(using: &random) ?? 21,
                isRequest: Bool.random(using: &random), bytes: bytes, expected: .none)
            seen.insert(Self.message(example))
        }
        #expect(seen.contains(.none) && seen.contains(.attempt))
    }

    // MARK: - Credentials

    private static func credentials(_ port: UInt16, _ text: String, to server: String) -> UInt32 {
        decoded(
            Frame.ipv4(
                "10.0.0.1", server, 6,
                Frame.tcp(40_000, port, flags: 0x18, payload: Array(text.utf8))), .raw
        ).credentials
    }

    /// The same credentials at the same service have one digest, whatever is asked for.
    @Test func credentialsHaveADigest() {
        func digest(
            _ value: String, path: String = "/", port: UInt16 = 80, server: String = "10.0.0.2"
        ) -> UInt32 {
            Self.credentials(
                port, "GET \(path) HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: \(value)\r\n\r\n",
                to: server)
        }
        let one = digest("Basic YTpi")
        #expect(one != 0 && one == digest("Basic YTpi", path: "/other"))
        let others = [
            digest("Basic YTpj"), digest("Basic YTpi", port: 81),
            digest("Basic YTpi", server: "10.0.0.3"),
        ]
        #expect(!others.contains(one) && !others.contains(0))
    }

    /// What is cut off, goes on or is followed by more has none.
    @Test(arguments: [
        "GET / HTTP/1.1\r\nAuthorization: a\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nAuthorization: a\r\n\r\nGET / HTTP/1.1\r\nAuthorization: b\r\n\r\n",
        "PUT / HTTP/1.1\r\nAuthorization: a\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nab",
        "GET / HTTP/1.1\r\n\r\n",
    ]) func anIncompleteRequestHasNone(request: String) {
        #expect(Self.credentials(80, request, to: "10.0.0.2") == 0)
    }

    @Test func redisHasThemInAWholeArray() {
        func digest(_ text: String) -> UInt32 { Self.credentials(6379, text, to: "10.0.0.2") }
        let one = digest("*2\r\n$4\r\nAUTH\r\n$1\r\na\r\n")
        #expect(one != 0 && one == digest("*2\r\n$4\r\nAUTH\r\n$1\r\na\r\n"))
        #expect(![0, one].contains(digest("*2\r\n$4\r\nAUTH\r\n$1\r\nb\r\n")))
        for text in ["*2\r\n$4\r\nAUTH\r\n", "*2\r\n$4\r\nAUTH\r\n$1\r\na", "AUTH a\r\n", "*9\r\n"]
        {
            #expect(digest(text) == 0)
        }
    }
}
