import NetworkAddresses
import TestKit
import Timestamps

/// A message of a conversation.
struct Line {
    var isClient: Bool
    var bytes: [UInt8]

    static func up(_ text: String) -> Line { Line(isClient: true, bytes: [UInt8](text.utf8)) }
    static func down(_ text: String) -> Line { Line(isClient: false, bytes: [UInt8](text.utf8)) }
    static func up(_ bytes: [UInt8]) -> Line { Line(isClient: true, bytes: bytes) }
    static func down(_ bytes: [UInt8]) -> Line { Line(isClient: false, bytes: bytes) }
}

/// Who ends a connection.
enum Closer { case client, server, nobody }

/// Conversations in the words of their protocols.
extension Attack {
    /// A connection in which both ends say something, a millisecond apart.
    ///
    /// - Parameter isCut: whether the capture has headers only.
    mutating func talk(
        at seconds: Double, _ from: Member, _ to: Member, _ source: UInt16, _ port: UInt16,
        _ lines: [Line], closedBy closer: Closer = .client, isCut: Bool = false,
        pause: Double = 0.001
    ) {
        var (time, sent, fetched) = (seconds, UInt32(1001), UInt32(501))
        func next() -> Double {
            time += pause
            return time
        }
        tcp(at: seconds, from, to, source, port)
        tcp(
            at: next(), to, from, port, source, flags: 0x12, sequence: 500, acknowledgment: 1001)
        tcp(
            at: next(), from, to, source, port, flags: 0x10, sequence: 1001, acknowledgment: 501)
        for line in lines {
            say(
                at: next(), line.isClient ? from : to, line.isClient ? to : from,
                Frame.tcp(
                    line.isClient ? source : port, line.isClient ? port : source, flags: 0x18,
                    sequence: line.isClient ? sent : fetched,
                    acknowledgment: line.isClient ? fetched : sent, payload: line.bytes),
                cut: isCut ? line.bytes.count : 0)
            if line.isClient {
                sent += UInt32(line.bytes.count)
            } else {
                fetched += UInt32(line.bytes.count)
            }
        }
        guard closer != .nobody else { return }
        let isClient = closer == .client
        tcp(
            at: next(), isClient ? from : to, isClient ? to : from, isClient ? source : port,
            isClient ? port : source, flags: 0x11, sequence: isClient ? sent : fetched,
            acknowledgment: isClient ? fetched : sent)
        tcp(
            at: next(), isClient ? to : from, isClient ? from : to, isClient ? port : source,
            isClient ? source : port, flags: 0x11, sequence: isClient ? fetched : sent,
            acknowledgment: (isClient ? sent : fetched) + 1)
    }

    /// A frame with a segment, of which the last `cut` bytes are not captured.
    mutating func say(
        at seconds: Double, _ from: Member, _ to: Member, _ segment: [UInt8], cut: Int = 0
    ) {
        let bytes =
            Self.bytes(to.card) + Self.bytes(from.card) + Self.packet(from, to, segment)
        records.append(
            (
                CaptureFile.Record(
                    start + .seconds(seconds), Array(bytes.dropLast(cut)), wireLength: bytes.count),
                from.port
            ))
    }
}

/// The messages of servers and clients.
enum Words {
    private static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        [type.asciiValue ?? 0] + Frame.bytes(UInt64(body.count + 4), 4) + body
    }

    private static let startup: [UInt8] =
        [0, 0, 0, 23, 0, 3, 0, 0] + Array("user\0shop\0\0\0\0\0".utf8)
    private static let question = message("R", [0, 0, 0, 5, 1, 2, 3, 4])
    private static func password(_ text: String) -> [UInt8] {
        message("p", Array("md5\(text)\0".utf8))
    }

    /// PostgreSQL: a password that is refused.
    static func refusedByPostgres(_ number: Int) -> [Line] {
        [
            .up(startup), .down(question), .up(password("guess\(number)")),
            .down(
                message(
                    "E",
                    Array("SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0".utf8))),
        ]
    }

    /// PostgreSQL: a query over a connection of its own.
    static func query(_ number: Int, rows: Int = 200) -> [Line] {
        [
            .up(startup), .down(question), .up(password("right")),
            .down(message("R", [0, 0, 0, 0]) + [UInt8](repeating: 83, count: 380)),
            .up(message("Q", Array("select \(number)\0".utf8))),
            .down(message("D", [UInt8](repeating: 7, count: rows))),
            .up(message("X", [])),
        ]
    }

    /// A service of its own kind: one question, and one long answer.
    static func ofItsOwn(_ number: Int) -> [Line] {
        [
            .up([UInt8](repeating: 0x78, count: 200)),
            .down([UInt8](repeating: 0x79, count: 800 + number * 7 % 400)),
        ]
    }

    /// FTP: passwords on one connection, all refused.
    static func refusedByFTP(_ tries: Int) -> [Line] {
        [.down("220 ready\r\n")]
            + (0..<tries).flatMap { number -> [Line] in
                [
                    .up("USER root\r\n"), .down("331 Password required\r\n"),
                    .up("PASS guess\(number)\r\n"), .down("530 Login incorrect.\r\n"),
                ]
            }
    }

    /// HTTP: a request with or without a password, and the status of its answer.
    static func http(_ status: Int, user: String? = nil, path: String = "/") -> [Line] {
        let credentials = user.map { "Authorization: \($0)\r\n" } ?? ""
        return [
            .up("GET \(path) HTTP/1.1\r\nHost: shop\r\n\(credentials)Accept: */*\r\n\r\n"),
            .down("HTTP/1.1 \(status) Words\r\nContent-Length: 4\r\n\r\nbody"),
        ]
    }

    /// HTTP: a form that is sent.
    static func form(_ status: Int, _ number: Int = 0) -> [Line] {
        [
            .up("POST /login HTTP/1.1\r\nHost: shop\r\nContent-Length: 12\r\n\r\nu=a&p=\(number)"),
            .down("HTTP/1.1 \(status) Words\r\nContent-Length: 4\r\n\r\nbody"),
        ]
    }

    /// TLS records of these lengths, each from the other end.
    static func tls(_ lengths: [Int]) -> [Line] {
        lengths.enumerated().map { place, length in
            Line(
                isClient: place % 2 == 0,
                bytes: [23, 3, 3] + Frame.bytes(UInt64(length - 5), 2)
                    + [UInt8](repeating: 0xA7, count: length - 5))
        }
    }
}
