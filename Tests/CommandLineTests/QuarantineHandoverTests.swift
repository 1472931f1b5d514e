import Foundation
import TestKit
import Testing

/// A command asks the monitor, and acts by itself if the monitor cannot answer.
@Suite(.needsKernel)
struct QuarantineHandoverTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    @Test func aHungMonitorDoesNotPreventFencing() throws {
        let program = try bench.monitor()
        program.signal(SIGSTOP)
        defer { program.signal(SIGCONT) }
        #expect(try bench.quarantine("add", bench.lab.a.v4).contains("fenced (drop) for 10m"))
        #expect(try bench.isFenced(bench.lab.a))
        program.signal(SIGCONT)
        let isReported = eventually { bench.fenceEventCount(over: bench.lab.a) == 1 }
        #expect(isReported, "\(program.errors)")
        // The monitor has adopted the rule, and removes it on request.
        let isKnown = eventually { bench.status().contains("1 active fence (by operator 1);") }
        #expect(isKnown, "\(bench.status())")
        #expect(
            try bench.quarantine("release", bench.lab.a.v4) == "\(bench.lab.a.v4) released\n")
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.c))
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func fencesBesideAMonitorThatObservesAreShown() throws {
        let program = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "-m", bench.model, "--state", bench.state, "--socket",
                bench.socket, "-o", bench.scratch.path("eve.json"),
            ])
        let isReady = eventually { !program.isRunning || bench.status().contains("observing") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        let settings = "state: \(bench.state)\ncontrol: {socket: \(bench.socket)}\n"
        let file = try bench.scratch.write("own.yaml", Data(settings.utf8))
        func command(_ words: String...) throws -> Background {
            let command = try Background(in: bench.lab.node.space, words + ["-c", file])
            #expect(command.status == 0, "\(command.errors)")
            return command
        }
        #expect(try !command("status").output.contains("in force"))
        let added = try command("quarantine", "add", bench.lab.a.v4)
        #expect(added.errors.contains("the running monitor observes"), "\(added.errors)")
        #expect(try bench.isFenced(bench.lab.a))
        let shown = try command("status")
        #expect(
            shown.output.contains("\n1 fence is in force although the monitor observes"),
            "\(shown.output)")
        #expect(try command("quarantine", "flush").output.contains("\(bench.lab.a.v4) released"))
        #expect(try command("quarantine", "flush").output == "no fence to release\n")
        #expect(try !command("status").output.contains("in force"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// A server that identifies itself as the monitor, and disconnects at the next request.
    private static let leaving = """
        import os, socket, sys
        path, status = sys.argv[1], sys.argv[2].encode()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        connection, _ = listener.accept()
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            head += connection.recv(4096)
        length = b"Content-Length: %d\\r\\n" % len(status)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n" + length + b"Connection: close\\r\\n\\r\\n" + \
        status)
        listener.close()
        os.unlink(path)
        connection.close()
        """

    @Test func aMonitorThatStopsDuringTheRequestDoesNotPreventFencing() throws {
        let program = try bench.monitor()
        let status = try Run("status", "--format", "json", "--socket", bench.socket).output
        #expect(program.end(by: SIGTERM) == 0)
        #expect(status.contains(#""state_directory""#), "\(status)")
        let server = try PythonServer(Self.leaving, [bench.socket, status])
        #expect(try bench.quarantine("add", bench.lab.a.v4).contains("fenced (drop) for 10m"))
        #expect(try bench.isFenced(bench.lab.a))
        let isGone = eventually { !server.isRunning }
        #expect(isGone)
        #expect(try bench.quarantine("flush") == "\(bench.lab.a.v4) released\n")
    }

    /// The kernel decides who may connect, not the command.
    @Test func aClientWithoutPermissionIsRefused() throws {
        let program = try bench.monitor()
        let asked = try Background(
            in: bench.lab.node.space,
            ["quarantine", "add", bench.lab.a.v4, "--state", bench.state],
            behind: ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
        #expect(asked.status == 1 && asked.output.isEmpty)
        let file = try bench.scratch.write(
            "socket.yaml", Data("control: {socket: \(bench.socket)}\n".utf8))
        let knowing = try Background(
            in: bench.lab.node.space,
            ["quarantine", "add", bench.lab.a.v4, "--state", bench.state, "-c", file],
            behind: ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
        #expect(knowing.status == 1)
        #expect(
            knowing.errors.contains("\(bench.socket): permission denied; root and the members"),
            "\(knowing.errors)")
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.c))
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func anInvalidSocketPathDoesNotPreventFencing() throws {
        let long = "/tmp/" + String(repeating: "x", count: 120)
        for socket in [long, "/nonexistent/control.sock", "never"] {
            let file = try bench.scratch.write(
                "socket.yaml", Data("control: {socket: \(socket)}\n".utf8))
            let run = try Background(
                in: bench.lab.node.space,
                ["quarantine", "add", "203.0.113.9", "--state", bench.state, "-c", file])
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        }
        #expect(try bench.quarantine("list").contains("203.0.113.9"))
    }
}
