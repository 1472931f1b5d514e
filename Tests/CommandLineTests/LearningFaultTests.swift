import Foundation
import TestKit
import Testing

/// Traffic that a node may learn by itself.
@Suite(.needsKernel, .needs("python3"))
struct LearningFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// Short requests and short answers, a few times a second, as between most services.
    ///
    /// - Returns: the two programs; the second records each conversation in the file `talks`.
    private func talk(pausing pause: Double) throws -> [Process] {
        let server = try bench.lab.b.space.start(
            "/usr/bin/python3", "-c",
            """
            import socket
            server = socket.create_server(("", 8080), backlog=64)
            while True:
                with server.accept()[0] as s:
                    if s.recv(4096): s.sendall(b"a" * 600)
            """)
        let isServing = try eventually {
            try Socket(bench.lab.bystander, stream: true).connect(bench.lab.b.v4, 8080)
        }
        #expect(isServing)
        let client = try bench.lab.a.space.start(
            "/usr/bin/python3", "-c",
            """
            import socket, sys, time
            talks = open(sys.argv[1], "ab", buffering=0)
            while True:
                with socket.create_connection(("\(bench.lab.b.v4)", 8080), 60) as s:
                    s.sendall(b"q" * 200)
                    talks.write(s.recv(1) and b".")
                    while s.recv(4096): pass
                time.sleep(\(pause))
            """, bench.scratch.path("talks"))
        return [server, client]
    }

    private var talkCount: Int {
        (try? Data(contentsOf: URL(fileURLWithPath: bench.scratch.path("talks"))))?.count ?? 0
    }

    @Test func aHostWithConstantShortCallsIsNotReportedForGuessing() throws {
        let talkers = try talk(pausing: 0.15)
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
        let isLearnt = try eventually {
            // Another host has a baseline in any case.
            _ = try bench.lab.reaches(bench.lab.bystander, bench.lab.c)
            return program.errors.contains(" windows; model ")
        }
        #expect(isLearnt, "\(program.errors)")
        let isJudging = eventually { bench.status().contains("detecting") }
        #expect(isJudging)
        // It continues unchanged for twenty seconds or more.
        let (talks, windows) = (talkCount, bench.windows)
        let isJudged = eventually { talkCount >= talks + 130 && bench.windows >= windows + 25 }
        #expect(isJudged, "\(talkCount) \(bench.status())")
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.b))
        #expect(bench.fenceEventCount(over: bench.lab.a) == 0, "\(program.errors)")
        #expect(!program.errors.contains("password guessing"), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
