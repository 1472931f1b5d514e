import Foundation
import TestKit
import Testing

/// What a node may learn by itself.
@Suite(.needsKernel)
struct LearningFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// Short questions and short answers, a few times a second, as most services put them.
    private func talk(for seconds: Double, pausing pause: Double) throws -> [Process] {
        let server = try bench.lab.b.space.start(
            "/usr/bin/python3", "-c",
            """
            import socket
            server = socket.create_server(("", 8080), backlog=64)
            while True:
                s = server.accept()[0]
                s.recv(4096); s.sendall(b"a" * 600); s.close()
            """)
        Thread.sleep(forTimeInterval: 1)
        let client = try bench.lab.a.space.start(
            "/usr/bin/python3", "-c",
            """
            import socket, sys, time
            end = time.time() + \(seconds)
            while time.time() < end:
                try:
                    with socket.create_connection(("\(bench.lab.b.v4)", 8080), 1) as s:
                        s.sendall(b"q" * 200); s.recv(4096)
                except OSError: pass
                time.sleep(\(pause))
            """)
        return [server, client]
    }

    @Test func whoCallsOftenAndBrieflyAllTheTimeIsNoGuesser() throws {
        let talkers = try talk(for: 90, pausing: 0.15)
        defer {
            for talker in talkers { talker.terminate() }
            for talker in talkers { talker.waitUntilExit() }
        }
        let program = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "--learn", "30s", "--state",
                bench.state, "-o", bench.scratch.path("eve.json"), "--socket", bench.socket,
                "--enforce",
            ])
        let isLearnt = try eventually(within: 60) {
            // Somebody else has a baseline in any case.
            _ = try bench.reaches(bench.lab.bystander, bench.lab.c)
            return program.errors.contains(" windows; model ")
        }
        #expect(isLearnt, "\(program.errors)")
        // It goes on as it always did.
        Thread.sleep(forTimeInterval: 20)
        #expect(try bench.reaches(bench.lab.a, bench.lab.b))
        #expect(bench.fencesTold(over: bench.lab.a) == 0, "\(program.errors)")
        #expect(!program.errors.contains("password guessing"), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
