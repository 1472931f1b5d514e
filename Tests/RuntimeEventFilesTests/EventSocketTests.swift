import Foundation
import Glibc
import RuntimeEvents
import Testing

@testable import RuntimeEventFiles

/// Programs write lines to a Unix socket: many at a time, in any pieces.
@Suite(.timeLimit(.minutes(5)))
struct EventSocketTests {
    private let path = "/tmp/lzs-\(UInt32.random(in: 0...UInt32.max)).sock"

    private func socket() -> EventSocket { EventSocket(path: path, reader: RuntimeEventReader()) }

    private func line(_ rule: String) -> String {
        #"{"rule":"\#(rule)","priority":"Error","time":"2026-11-26T10:15:30Z"}"# + "\n"
    }

    private func rules(_ socket: EventSocket) -> [String] { socket.read().map(\.event.rule) }

    /// Passes the path as an address, with its size.
    private func withAddress(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// A program that has connected, or nil where nobody listens.
    private func client() -> FileHandle? {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard withAddress({ connect(number, $0, $1) }) == 0 else {
            close(number)
            return nil
        }
        return FileHandle(fileDescriptor: number, closeOnDealloc: true)
    }

    private func write(_ text: String, _ client: FileHandle) throws {
        try client.write(contentsOf: Data(text.utf8))
    }

    @Test func linesOfManyProgramsArePutTogether() throws {
        let socket = socket()
        #expect(rules(socket).isEmpty && socket.trouble == nil)
        #expect(try mode() == 0o660)
        let (first, second) = (try #require(client()), try #require(client()))
        try write(line("a") + String(line("b").prefix(20)), first)
        try write(line("c"), second)
        #expect(rules(socket) == ["a", "c"])
        try write(String(line("b").dropFirst(20)), first)
        #expect(rules(socket) == ["b"])
        // The end of the connection ends the last line, too; what was cut is counted.
        try write(String(line("d").dropLast()), first)
        try first.close()
        try write(String(line("e").prefix(20)), second)
        try second.close()
        #expect(rules(socket) == ["d"])
        #expect(socket.reader.counts.malformed == 1 && socket.reader.counts.lines == 5)
    }

    private func mode() throws -> Int? {
        let facts = try FileManager.default.attributesOfItem(atPath: path)
        return facts[.posixPermissions] as? Int
    }

    @Test func whatIsNoEventIsCountedAndTheNextLineIsRead() throws {
        let socket = socket()
        _ = socket.read()
        let program = try #require(client())
        try write("{\"rule\":\n\u{1}\u{7}\n[1]\n\n{\"rule\":5,\"priority\":\"Error\"}\n", program)
        #expect(rules(socket).isEmpty)
        #expect(socket.reader.counts.malformed == 2 && socket.reader.counts.foreign == 2)
        // A line that is too long is left out in pieces, so that it takes no room.
        let part = String(repeating: "x", count: 100 << 10)
        for _ in 0..<4 {
            try write(part, program)
            #expect(rules(socket).isEmpty)
        }
        try write("\n" + line("after"), program)
        #expect(rules(socket) == ["after"])
        #expect(socket.reader.counts.oversized == 1)
    }

    @Test func aProgramThatWritesWithoutEndLeavesTheOthersTheirPart() throws {
        let socket = socket()
        _ = socket.read()
        let (flood, quiet) = (try #require(client()), try #require(client()))
        _ = fcntl(flood.fileDescriptor, F_SETFL, O_NONBLOCK)
        let text = Data(String(repeating: line("flood"), count: 2000).utf8)
        for number in 0..<20 {
            // What does not fit waits with the program.
            _ = text.withUnsafeBytes { Glibc.write(flood.fileDescriptor, $0.baseAddress, $0.count) }
            try write(line("\(number)"), quiet)
            #expect(rules(socket).contains("\(number)"))
        }
    }

    @Test func furtherProgramsAreSentAwayUntilOthersAreDone() throws {
        let socket = socket()
        _ = socket.read()
        var programs = (0..<EventSocket.mostClients).compactMap { _ in client() }
        #expect(programs.count == EventSocket.mostClients)
        _ = socket.read()
        let further = try #require(client())
        _ = socket.read()
        #expect(socket.refused == 1)
        #expect(try further.readToEnd()?.isEmpty != false, "the connection is closed")
        try programs.removeLast().close()
        _ = socket.read()
        let next = try #require(client())
        try write(line("next"), next)
        #expect(rules(socket) == ["next"] && socket.refused == 1)
    }

    @Test func onlyTheSocketOfAProgramThatIsGoneIsReplaced() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Another file is left as it is.
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        let socket = socket()
        _ = socket.read()
        #expect(socket.trouble == "\(path): is there and is no socket; it is not replaced")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        try FileManager.default.removeItem(atPath: path)
        _ = socket.read()
        #expect(socket.trouble == nil)
        // One that is served stays with its program.
        let second = self.socket()
        _ = second.read()
        #expect(second.trouble?.contains("another program listens there") == true)
        let program = try #require(client())
        try write(line("a"), program)
        #expect(rules(socket) == ["a"])
        // A stale one: the file stays, and nobody listens.
        try FileManager.default.removeItem(atPath: path)
        try leaveStale()
        #expect(client() == nil)
        _ = socket.read()
        #expect(socket.trouble == nil)
        try write(line("b"), program)
        let later = try #require(client())
        try write(line("c"), later)
        #expect(rules(socket) == ["b", "c"], "who was connected stays")
    }

    @Test func theFileIsGoneWithTheSocket() {
        do {
            let socket = socket()
            _ = socket.read()
            #expect(FileManager.default.fileExists(atPath: path))
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        let nowhere = EventSocket(path: "/nowhere\(path)", reader: RuntimeEventReader())
        _ = nowhere.read()
        #expect(nowhere.trouble?.hasSuffix("its folder is not there") == true)
    }

    private func leaveStale() throws {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        try #require(withAddress { bind(number, $0, $1) } == 0)
    }

    @Test func entriesAreChecked() {
        func faults(_ change: (inout RuntimeEventEntry) -> Void) -> [String] {
            var entry = RuntimeEventEntry()
            entry.name = "s"
            change(&entry)
            return RuntimeEventEntry.faults(in: [entry])
        }
        #expect(faults { $0.socket = "/run/s.sock" } == [])
        #expect(faults { $0.socket = "s.sock" } == ["'s': the socket 's.sock' must begin with /"])
        #expect(
            faults { $0.socket = "/" + String(repeating: "s", count: 107) } == [
                "'s': the socket's path has more than 107 bytes"
            ])
        #expect(
            faults { ($0.path, $0.socket) = ("/a", "/b") } == [
                "'s': has a path and a socket; make two entries"
            ])
    }
}
