import Foundation
import TestKit
import Testing

/// The records that a collector reads from IPFIX messages, using only their templates (RFC 7011,
/// 3).
private struct Collected {
    var records = 0
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    /// The number of messages whose sequence number was not the count of previous records.
    var gaps = 0
    private var templates: [Int: [(element: Int, isReverse: Bool, length: Int)]] = [:]

    /// Reads one message; returns false if it is incomplete.
    mutating func take(_ message: some Collection<UInt8>) -> Bool {
        let bytes = Array(message)
        func number(_ at: Int, _ count: Int) -> UInt64 {
            bytes[at..<at + count].reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard bytes.count >= 16, number(0, 2) == 10, number(2, 2) == bytes.count else {
            return false
        }
        if number(8, 4) != records { gaps += 1 }
        var at = 16
        while at + 4 <= bytes.count {
            let (identifier, length) = (Int(number(at, 2)), Int(number(at + 2, 2)))
            guard length >= 4, at + length <= bytes.count else { return false }
            let end = at + length
            var cursor = at + 4
            if identifier == 2 {
                while cursor + 4 <= end {
                    let (name, count) = (Int(number(cursor, 2)), Int(number(cursor + 2, 2)))
                    cursor += 4
                    templates[name] = (0..<count).map { _ in
                        let element = Int(number(cursor, 2))
                        let field = (element & 0x7FFF, element > 0x7FFF, Int(number(cursor + 2, 2)))
                        cursor += element > 0x7FFF ? 8 : 4
                        return field
                    }
                }
            } else {
                guard let template = templates[identifier] else { return false }
                let width = template.reduce(0) { $0 + $1.length }
                while cursor + width <= end {
                    records += 1
                    for field in template {
                        if field.element == 2 { packets += number(cursor, field.length) }
                        if field.element == 352 { self.bytes += number(cursor, field.length) }
                        cursor += field.length
                    }
                }
            }
            at = end
        }
        return at == bytes.count
    }
}

/// IPFIX sent to a listening collector.
struct CollectorTests {
    private let capture = "captures/clean-test.pcap"

    /// The numbers of records, packets and bytes by the CSV output.
    private func expected() throws -> (records: Int, packets: UInt64, bytes: UInt64) {
        let lines = try Run("flows", "-r", capture, "--format", "csv").output.split(separator: "\n")
        let names = try #require(lines.first).split(separator: ",").map(String.init)
        func sum(_ name: String) throws -> UInt64 {
            let column = try #require(names.firstIndex(of: name), "\(names)")
            return lines.dropFirst().reduce(0) {
                $0
                    + (UInt64($1.split(separator: ",", omittingEmptySubsequences: false)[column])
                        ?? 0)
            }
        }
        return (
            lines.count - 1, try sum("orig_packets") + sum("resp_packets"),
            try sum("orig_wire_bytes") + sum("resp_wire_bytes")
        )
    }

    private func listen(_ kind: __socket_type) throws -> (socket: Int32, port: UInt16) {
        let made = socket(AF_INET, Int32(kind.rawValue), 0)
        var room: Int32 = 8 << 20
        setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(
            made, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &name.sin_addr)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &name) { raw in
            raw.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(made, $0, size) == 0 && getsockname(made, $0, &size) == 0
            }
        }
        try #require(made >= 0 && isBound)
        if kind == SOCK_STREAM { try #require(Glibc.listen(made, 1) == 0) }
        return (made, UInt16(bigEndian: name.sin_port))
    }

    @Test func eachDatagramIsAMessageAndNoFlowIsMissing() throws {
        let (socket, port) = try listen(SOCK_DGRAM)
        defer { close(socket) }
        let target = "udp://127.0.0.1:\(port)"
        let sender = try Background(["flows", "-r", capture, "--format", "ipfix", "-o", target])
        let expected = try expected()
        var collected = Collected()
        var datagram = [UInt8](repeating: 0, count: 65_536)
        while collected.records < expected.records {
            let count = recv(socket, &datagram, datagram.count, 0)
            guard count > 0 else { break }
            #expect(count <= 1400)
            let isWhole = collected.take(datagram.prefix(count))
            #expect(isWhole)
        }
        #expect(sender.status == 0, "\(sender.errors)")
        #expect(collected.records == expected.records && collected.gaps == 0)
        #expect(collected.packets == expected.packets && collected.bytes == expected.bytes)
    }

    @Test func aStreamCarriesEveryFlow() throws {
        let (socket, port) = try listen(SOCK_STREAM)
        defer { close(socket) }
        let target = "tcp://127.0.0.1:\(port)"
        let sender = try Background(["flows", "-r", capture, "--format", "ipfix", "-o", target])
        let taken = accept(socket, nil, nil)
        defer { close(taken) }
        var stream: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(taken, &part, part.count, 0)
            guard count > 0 else { break }
            stream += part.prefix(count)
        }
        #expect(sender.status == 0, "\(sender.errors)")
        var collected = Collected()
        var at = 0
        while at + 4 <= stream.count {
            let length = Int(stream[at + 2]) << 8 | Int(stream[at + 3])
            try #require(length >= 16 && at + length <= stream.count)
            let isWhole = collected.take(stream[at..<at + length])
            #expect(isWhole)
            at += length
        }
        let expected = try expected()
        #expect(at == stream.count && collected.gaps == 0)
        #expect(collected.records == expected.records)
        #expect(collected.packets == expected.packets && collected.bytes == expected.bytes)
    }

    @Test func aMissingCollectorIsReportedInOneLine() throws {
        let (socket, port) = try listen(SOCK_STREAM)
        close(socket)
        let run = try Run(
            "flows", "-r", capture, "--format", "ipfix", "-o", "tcp://127.0.0.1:\(port)")
        #expect(run.status == 1 && run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
        #expect(run.errors.contains("is the collector up?"))
    }
}
