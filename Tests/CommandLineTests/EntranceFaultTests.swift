import Foundation
import TestKit
import Testing

/// Socket and port of a monitor open and fail independently, and commands connect only to a
/// monitor.
@Suite(.needsKernel, .needs("curl", "setpriv", "python3"))
struct EntranceFaultTests {
    private let bench: FaultBench
    private let token = "a-token-of-the-tests-0123456789"

    init() throws { bench = try FaultBench() }

    private static let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    private func monitor() throws -> Background {
        try bench.scratch.write("token", Data(token.utf8), mode: 0o600)
        return try bench.monitor(
            configuration:
                "control: {port: 9787, token_file: \(bench.scratch.path("token"))}")
    }

    private func socket(_ path: String) throws -> String {
        try Namespace.command([
            "curl", "-s", "-i", "-m", "60", "--unix-socket", bench.socket, "http://lazaret\(path)",
        ])
    }

    private func port(_ path: String, _ token: String?, as user: [String] = []) throws -> String {
        try Namespace.command(
            ["nsenter", "--net=/run/netns/\(bench.lab.node.space.name)"] + user
                + ["curl", "-s", "-i", "-m", "60", "http://127.0.0.1:9787\(path)"]
                + (token.map { ["-H", "Authorization: Bearer \($0)"] } ?? []))
    }

    @Test func aPortThatSomebodyHasTakenLeavesTheSocketAndIsTriedAgain() throws {
        let output = Pipe()
        let squatter = try bench.lab.node.space.start(
            "python3", "-c",
            """
            import socket, time
            made = socket.create_server(("127.0.0.1", 9787))
            print("here", flush=True)
            time.sleep(600)
            """, output: output)
        defer { squatter.terminate() }
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        let program = try monitor()
        let isTold = eventually {
            bench.status().contains("control.port: clients cannot connect: 127.0.0.1:9787: bind: ")
        }
        #expect(isTold, "\(bench.status())")
        #expect(program.errors.contains("127.0.0.1:9787: bind: Address already in use; clients"))
        let ready = try socket("/readyz")
        #expect(ready.contains(" 503 ") && ready.contains("control.port"), "\(ready)")
        #expect(try socket("/healthz").hasSuffix("ok\n"))
        let metrics = try socket("/metrics")
        #expect(metrics.contains("lazaret_control_up{entrance=\"socket\"} 1"), "\(metrics)")
        #expect(metrics.contains("lazaret_control_up{entrance=\"port\"} 0"))
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")

        squatter.terminate()
        let isReady = try eventually { try socket("/readyz").hasSuffix("ok\n") }
        #expect(isReady, "\(program.errors)")
        #expect(try port("/api/v1/status", token).contains("200 OK"))
        let isUp = try eventually {
            try socket("/metrics").contains("lazaret_control_up{entrance=\"port\"} 1")
        }
        #expect(isUp)
        #expect(program.errors.contains("127.0.0.1:9787: answers from now on"))
        #expect(program.errors.components(separatedBy: "Address already in use").count == 2)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// Listens in place of a monitor, and prints the requests.
    private func impostor() throws -> (process: Process, heard: () -> String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            Self.nobody + [
                "/usr/bin/python3", "-c",
                """
                import socket, sys
                made = socket.socket(socket.AF_UNIX)
                made.bind(sys.argv[1])
                made.listen()
                print("here", flush=True)
                while True:
                    client, _ = made.accept()
                    data = client.recv(4096)
                    if data:
                        print("heard", data, flush=True)
                        client.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
                    client.close()
                """, bench.socket,
            ]
        let path = bench.scratch.path("impostor")
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: path)
        try process.runUnblocked()
        let heard = { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        let isThere = eventually { heard().contains("here") }
        try #require(isThere)
        return (process, heard)
    }

    @Test func whoeverTakesTheSocketsPlaceIsSentNothing() throws {
        let (process, heard) = try impostor()
        defer { process.terminate() }
        let status = try Run("status", "--socket", bench.socket)
        #expect(
            status.status == 1
                && status.errors.contains(
                    "\(bench.socket): user nobody listens there, who is neither root nor you"),
            "\(status.errors)")
        let events = try Run("events", "--follow", "-n", "0", "--socket", bench.socket)
        #expect(events.status == 1 && events.errors.contains("nothing was sent"))
        // Without a trusted monitor, a command acts by itself.
        let file = try bench.scratch.write(
            "squatted.yaml", Data("control: {socket: \(bench.socket)}\n".utf8))
        let added = try Background(
            in: bench.lab.node.space,
            ["quarantine", "add", bench.lab.a.v4, "--state", bench.state, "-c", file])
        #expect(
            added.status == 0 && added.errors.contains("user nobody listens there"),
            "\(added.errors)")
        #expect(try bench.lab.isFenced(bench.lab.a))
        // Where the configuration names that user for the monitor, it is trusted.
        let own = try bench.scratch.write("own-user.yaml", Data("user: nobody\n".utf8))
        let known = try Run("status", "--socket", bench.socket, "-c", own)
        #expect(known.status == 1 && !known.errors.contains("nothing was sent"))
        // Only `known` has sent a request, after which the listener stops.
        let isHeard = eventually { heard().contains("GET /api/v1/status") }
        #expect(isHeard)
        #expect(heard().components(separatedBy: "heard").count == 2, "\(heard())")

        // A monitor of root replaces the socket.
        let program = try bench.monitor()
        #expect(try socket("/readyz").hasSuffix("ok\n"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func aMonitorOfTheDirectorysOwnerIsAsked() throws {
        let folder = "/tmp/lzd-\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = try bench.scratch.model()
        chmod(model, 0o644)
        chmod(bench.scratch.url.path, 0o755)
        let program = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "-m", model, "--state", "\(folder)/state", "--user",
                "nobody", "--socket", "\(folder)/run/control.sock", "-o", "/dev/null",
            ],
            behind: Background.supervised(
                identifier: bench.scratch.path("pid"), inheriting: bench.scratch.path("seven")))
        let isAnswered = try eventually {
            try !program.isRunning
                || Run("status", "--socket", "\(folder)/run/control.sock").status == 0
        }
        #expect(isAnswered && program.isRunning, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func whoGuessesTokensIsRefusedAndNobodyElseIs() throws {
        let program = try monitor()
        let daemon = ["setpriv", "--reuid=1", "--regid=1", "--clear-groups"]
        for number in 0..<13 {
            let answer = try port("/api/v1/status", "wrong-\(number)", as: Self.nobody)
            #expect(answer.contains(number < 10 ? " 401 " : " 429 "), "\(number): \(answer)")
            if number >= 10 {
                #expect(answer.contains(/Retry-After: \d+/) && answer.contains("problem+json"))
            }
        }
        // The right token is refused from this user, and accepted from any other.
        #expect(try port("/api/v1/status", token, as: Self.nobody).contains(" 429 "))
        #expect(try port("/healthz", nil, as: Self.nobody).contains("200 OK"))
        #expect(try port("/api/v1/status", token).contains("200 OK"))
        #expect(try port("/api/v1/status", token, as: daemon).contains("200 OK"))
        // A user who has sent the right token is not refused, and an old token is not a guess.
        for _ in 0..<15 {
            #expect(try port("/api/v1/status", "an-old-token", as: daemon).contains(" 401 "))
        }
        #expect(try port("/api/v1/status", token, as: daemon).contains("200 OK"))
        let isCounted = try eventually {
            let metrics = try socket("/metrics")
            return metrics.contains("lazaret_control_wrong_tokens_total 25\n")
                && metrics.contains("lazaret_control_refused_tokens_total 4\n")
        }
        let metrics = try socket("/metrics")
        #expect(isCounted, "\(metrics)")
        let lines = program.errors.components(separatedBy: "user 65534 has sent wrong tokens")
        #expect(lines.count == 2, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
