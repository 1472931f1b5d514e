import AnomalyDetection
import AttackPatterns
import Events
import FeatureExtraction
import Foundation
import Glibc
import NetworkAddresses
import TestKit
import Testing

@testable import EventDelivery
import Timestamps

/// A folder that is removed with the test.
final class Folder: Sendable {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lazaret-\(UUID().uuidString.prefix(8))")

    init() throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func text(_ name: String) -> String {
        (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? ""
    }

    /// Concurrent readers see the complete old or new file.
    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)), options: .atomic)
    }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
    }
}

/// An alert with its number as identifier; its workload contains text like another event's key.
func alert(
    _ number: Int, severity: Event.Severity = .high, padding: Int = 0
) -> RenderedEvent {
    let alert = Event.Alert(
        identifier: "\(number)", looksLike: .verticalScan, severity: severity,
        offender: IPAddress(v4: 0x0A3C_040D),
        workload: #"é"event_type":"stats""# + String(repeating: "x", count: padding),
        scale: .short, score: 0.9)
    return RenderedEvent(
        Event(time: Timestamp(second: 1_795_223_604, nanoseconds: 301_367_000), .alert(alert)))
}

let stats = RenderedEvent(Event(time: .epoch, .stats(Event.Statistics(uptimeSeconds: 1))))

func queued(_ events: [RenderedEvent]) -> ArraySlice<QueuedEvent> {
    ArraySlice(events.map { QueuedEvent(rendered: $0, handedOver: Timestamp(second: 1)) })
}

/// The lines of a file.
func text(_ events: some Sequence<RenderedEvent>) -> String {
    events.map { $0.line + "\n" }.joined()
}

extension EventDispatcher {
    func status(_ prefix: String) -> SinkStatus {
        statuses.first { $0.name.hasPrefix(prefix) } ?? SinkStatus(name: "none")
    }
}

/// A syslog server of the test, on the loopback interface or a path.
final class Receiver {
    let number: Int32
    private(set) var port: UInt16 = 0

    private init(_ number: Int32) {
        self.number = number
        var limit = timeval(tv_sec: Int(patience), tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(number) }

    /// - Parameter port: the port; 0: any.
    /// - Parameter isListening: if false, connections are refused.
    static func internet(
        _ type: __socket_type, port: UInt16 = 0, isListening: Bool = true
    ) throws -> Receiver {
        let made = Receiver(socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0))
        var one: Int32 = 1
        setsockopt(made.number, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            try #require(bind(made.number, pointer, length) == 0)
            try #require(getsockname(made.number, pointer, &length) == 0)
        }
        made.port = UInt16(bigEndian: address.sin_port)
        if type == SOCK_STREAM, isListening { try #require(listen(made.number, 5) == 0) }
        return made
    }

    static func unix(_ path: String) throws -> Receiver {
        let made = Receiver(
            socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        try withUnsafeMutableBytes(of: &address) { bytes in
            for (index, byte) in path.utf8.enumerated() { bytes[2 + index] = byte }
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
            let length = socklen_t(MemoryLayout<sockaddr_un>.size)
            try #require(bind(made.number, pointer, length) == 0)
        }
        return made
    }

    func accept() throws -> Receiver {
        let made = Glibc.accept(number, nil, nil)
        try #require(made >= 0, "nobody connects")
        return Receiver(made)
    }

    /// Returns the data that has arrived; nil if there is none.
    func receive() -> String? {
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        let count = recv(number, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// Whether the other side of a connection to this port knows that it has ended (/proc/net/tcp:
    /// CLOSE_WAIT).
    var isEndSeen: Bool {
        let table = (try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)) ?? ""
        let here = "0100007F:" + String(format: "%04X", port)
        return table.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count > 3 && words[2] == here && words[3] == "08"
        }
    }

    /// One message after its count of octets.
    func frame() throws -> String {
        var digits = ""
        while !digits.hasSuffix(" ") { digits += String(decoding: try read(1), as: UTF8.self) }
        let count = try #require(Int(digits.dropLast()), "\(digits)")
        return String(decoding: try read(count), as: UTF8.self)
    }

    private func read(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(number, &bytes, count, Int32(MSG_WAITALL))
        try #require(got == count)
        return bytes
    }
}
