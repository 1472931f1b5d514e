import Foundation
import TestKit
import Testing

/// Clients that use up descriptors do not take those of capture and firewall.
@Suite(.needsKernel, .needs("python3", "prlimit", "setpriv"))
struct DescriptorFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// Connects as often as given, alternately to the port and to the socket, and begins a request
    /// each time that it never completes. A client that is cut off connects again.
    private static let slowClients = """
        import os, resource, socket, sys, time
        count, port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
        def begin(number):
            if number % 2:
                made = socket.socket(socket.AF_UNIX)
                made.connect(path)
            else:
                made = socket.create_connection(("127.0.0.1", port))
            try: made.send(b"GET / HTTP/1.1\\r\\nHo")
            except OSError: pass
            return made
        clients = [begin(number) for number in range(count)]
        os.write(1, b"connected\\n")
        while True:
            for number in range(0, count, 25):
                clients[number].close()
                clients[number] = begin(number)
                time.sleep(0.01)
        """

    private func descriptors(of program: Background) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(program.identifier)/fd").count
    }

    @Test func fiveThousandSlowConnectionsKeepNobodyFromBeingFenced() throws {
        try bench.scratch.write("token", Data("a-token-of-the-tests-0123456789".utf8), mode: 0o600)
        let program = try bench.monitor(
            configuration:
                "control: {port: 9787, token_file: \(bench.scratch.path("token"))}",
            behind: ["prlimit", "--nofile=64:512"])
        let limits = try String(
            contentsOfFile: "/proc/\(program.identifier)/limits", encoding: .utf8)
        #expect(limits.contains(/Max open files +512 +512/), "\(limits)")
        let before = try descriptors(of: program)
        try Namespace.command(["chmod", "666", bench.socket])
        let output = Pipe()
        let clients = try bench.lab.node.space.start(
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c",
            Self.slowClients, "5000", "9787", bench.socket, output: output)
        defer { clients.terminate() }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(line == "connected\n" && clients.isRunning)

        // Each entrance has 64 connections, and those that it is about to close.
        let held = try descriptors(of: program) - before
        #expect(held > 0 && held <= 2 * (64 + 16) + 8, "\(held)")
        let isAnswered = eventually { bench.status().contains("enforcing") }
        #expect(isAnswered)
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        var status = ""
        let isHealthy = eventually {
            status = bench.status()
            return status.contains("health")
        }
        #expect(isHealthy && !status.contains("is not there"), "\(status)")
        #expect(!program.errors.contains("waiting for"), "\(program.errors)")
        #expect(clients.isRunning && program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func aMonitorWithoutDescriptorsLosesNoInterface() throws {
        let program = try bench.monitor()
        func allow(_ count: Int) throws {
            try Namespace.command([
                "prlimit", "--pid", "\(program.identifier)", "--nofile=\(count):4096",
            ])
        }
        // Open connections stay, and no further one is accepted.
        try allow(3)
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        #expect(!program.errors.contains("waiting for"), "\(program.errors)")
        try allow(4096)
        let isHealthy = eventually { bench.status().contains("health") }
        #expect(isHealthy, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
