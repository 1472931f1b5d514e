import Foundation
import TestKit
import Testing

/// Followers of events that never read do not impair the monitor.
@Suite(.needsKernel, .needs("python3", "setpriv", "curl"))
struct FollowerFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// Follows as often as given, with the smallest buffers, and reads only the status line.
    private static let silentFollowers = #"""
        import os, socket, sys
        count, path = int(sys.argv[1]), sys.argv[2]
        followers, codes = [], []
        for number in range(count):
            made = socket.socket(socket.AF_UNIX)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.connect(path)
            made.settimeout(60)
            made.send(b"GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            codes.append(made.recv(12).decode()[9:])
            if codes[-1] == "200": followers.append(made)
        os.write(1, f"{codes.count('200')} {codes.count('503')}\n".encode())
        sys.stdin.read()
        """#

    /// Fences an address and releases it repeatedly on one connection, with long reasons.
    private static let events = #"""
        import http.client, json, socket, sys
        class Connection(http.client.HTTPConnection):
            def connect(self):
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(sys.argv[2])
        connection = Connection("lazaret")
        def ask(path, **body):
            connection.request("POST", "/api/v1/quarantine" + path, json.dumps(body))
            answer = connection.getresponse()
            assert answer.status < 300, answer.read()
            answer.read()
        for number in range(int(sys.argv[1])):
            ask("", target="10.99.0.1", duration="10m", reason="x" * 500)
            ask("/release", target="10.99.0.1", reason="x" * 500)
        """#

    private func resident(_ program: Background) throws -> Int {
        let text = try String(
            contentsOfFile: "/proc/\(program.identifier)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) << 10
    }

    private func ask(_ words: String...) throws -> String {
        try Namespace.command(
            ["curl", "-s", "-i", "-m", "60", "--unix-socket", bench.socket] + words)
    }

    @Test func followersThatNeverReadMissEventsAndTakeNoMemory() throws {
        let program = try bench.monitor()
        try Namespace.command(["chmod", "666", bench.socket])
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c",
            Self.silentFollowers, "100", bench.socket,
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        defer { process.terminate() }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        // One user has half of the streams, and the others have the rest.
        #expect(line == "16 84\n")
        let refused = try Namespace.command([
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-s", "-i", "-m",
            "60", "--unix-socket", bench.socket, "http://lazaret/api/v1/events/stream",
        ])
        #expect(refused.contains("503") && refused.contains("Retry-After: 10"), "\(refused)")
        #expect(refused.contains("application/problem+json"), "\(refused)")

        let before = try resident(program)
        try Namespace.command(["/usr/bin/python3", "-c", Self.events, "1400", bench.socket])
        let after = try resident(program)
        // The ring, and the buffer of a stream for its client: 64 KiB each.
        #expect(after - before < 48 << 20, "\(before) \(after)")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")

        // A follower that begins after an event that is gone gets the number of missed events.
        let late = try Namespace.command([
            "sh", "-c", "curl -s -N -m 10 --unix-socket $0 -H 'Last-Event-ID: 1' $1 || true",
            bench.socket, "http://lazaret/api/v1/events/stream",
        ])
        let missed = try #require(
            late.firstMatch(of: /id: (\d+)\nevent: missed\ndata: {"missed":(\d+)}\n\nid: (\d+)/),
            "\(late.prefix(1000))")
        let numbers = [missed.1, missed.2, missed.3].compactMap { Int($0) }
        #expect(numbers[0] == numbers[1] + 1 && numbers[2] == numbers[0] + 1, "\(numbers)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func whatARequestMaySayIsBounded() throws {
        let program = try bench.monitor()
        let url = "http://lazaret/api/v1/quarantine"
        let before = try resident(program)
        for (count, status, words) in [
            (500, "201", "10.99.0.2"), (501, "400", "at most 500 characters"),
            (100_000, "413", "65536 bytes"),
        ] {
            let file = try bench.scratch.write(
                "body",
                Data(
                    #"{"target":"10.99.0.2","reason":"\#(String(repeating: "x", count: count))"}"#
                        .utf8))
            let answer = try ask("--data-binary", "@\(file)", url)
            #expect(answer.contains(" \(status) ") && answer.contains(words), "\(answer)")
        }
        let many = try ask(url + "/release", "-d", String(repeating: "[", count: 60_000))
        #expect(many.contains(" 400 "), "\(many)")
        let long = String(repeating: "x", count: 20_000)
        #expect(try ask("-H", "X: \(long)", url).contains(" 431 "))
        #expect(try resident(program) - before < 16 << 20)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
