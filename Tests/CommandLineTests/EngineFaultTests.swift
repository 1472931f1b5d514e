import Foundation
import TestKit
import Testing

/// An engine that answers with far more data than names, or does not answer.
@Suite(.needsKernel)
struct EngineFaultTests {
    private let scratch = try! Scratch()
    private let space = try! Namespace()

    /// Answers every request with the beginning of a list of 64 MiB, and counts the requests.
    private static let endless = """
        import os, socket, sys
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[1])
        listener.listen()
        print("ready", flush=True)
        row = b'{"Id":"' + b"a" * 64 + b'","Names":["/x"],"Labels":{"a":"b"}},'
        while True:
            connection, _ = listener.accept()
            open(sys.argv[2], "a").write("x")
            try:
                connection.recv(4096)
                head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
                connection.sendall(head + b"Content-Length: %d\\r\\n\\r\\n[" % (64 << 20))
                for _ in range((64 << 20) // (len(row) * 1000)):
                    connection.sendall(row * 1000)
            except OSError:
                pass
            connection.close()
        """

    @Test func anEndlessAnswerCostsLittleAndIsReportedOnce() throws {
        let (engine, asked) = (scratch.path("d.sock"), scratch.path("asked"))
        let server = try PythonServer(Self.endless, [engine, asked])
        let socket = "/tmp/lze-\(UInt32.random(in: 0...UInt32.max)).sock"
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                state: \(scratch.path("state"))
                events: \(scratch.path("eve.json"))
                control: {socket: \(socket)}
                workloads: {docker: \(engine)}

                """.utf8))
        let program = try Background(
            in: space, ["monitor", "-i", "lo", "-c", file, "-m", try scratch.model()])
        // Several times, each after a longer pause.
        let isAsked = eventually {
            ((try? Data(contentsOf: URL(fileURLWithPath: asked)))?.count ?? 0) >= 4
        }
        #expect(isAsked && server.isRunning && program.isRunning, "\(program.errors)")
        let lines = program.errors.split(separator: "\n").filter {
            $0.contains("\(engine) is unreachable")
        }
        #expect(lines.count == 1, "\(lines)")
        #expect(lines.first?.contains("more than 16 MiB") == true, "\(lines)")
        // The monitor works without the names, and reports the failure.
        let isTold = eventually {
            (try? Run("status", "--socket", socket).output)?.contains("does not answer") == true
        }
        #expect(isTold)
        let facts = try String(
            contentsOfFile: "/proc/\(program.identifier)/status", encoding: .utf8)
        let peak = facts.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.1) } ?? .max
        #expect(peak < 400 << 10, "\(peak) KiB")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
