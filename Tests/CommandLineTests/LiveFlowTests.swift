import Foundation
import TestKit
import Testing

/// `lazaret flows -i` on interfaces in namespaces of the tests.
@Suite(.needsKernel)
struct LiveFlowTests {
    /// Waits until the program captures; earlier packets are not counted.
    private func untilReady(_ program: Background) throws {
        // The signal handler is installed before the capture starts; SIGUSR1 is answered by the
        // capture's loop.
        let isReady = eventually {
            guard program.isRunning else { return true }
            guard program.handles(SIGUSR1) else { return false }
            program.signal(SIGUSR1)
            return program.errors.contains("capture.packets")
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func allSentPacketsAreMeteredUntilTheEnd(signal: Int32) throws {
        let lab = try Lab()
        let program = try Background(
            in: lab.node.space, ["flows", "-i", "p0", "--format", "json", "udp", "port", "4000"])
        try untilReady(program)
        let receiver = try Socket(lab.b)
        try receiver.bind("0.0.0.0", 4000)
        let sender = try Socket(lab.a)
        try sender.bind("0.0.0.0", 5000)
        for _ in 0..<500 {
            sender.send("ten bytes.", to: lab.b.v4, 4000)
            #expect(receiver.receive() == "ten bytes.")
        }
        let isCounted = eventually {
            program.signal(SIGUSR1)
            return program.errors.contains(/capture\.packets +500\n/)
        }
        #expect(isCounted, "\(program.errors)")
        #expect(program.end(by: signal) == 0, "\(program.errors)")
        let lines = program.output.split(separator: "\n")
        try #require(lines.count == 1, "\(program.output)")
        let text = String(lines[0])
        for part in [
            #""orig":"10.77.1.10","orig_port":5000,"resp":"10.77.1.11","resp_port":4000"#,
            #""end_reason":"forced end""#, #""originator":{"packets":500,"wire_bytes":26000,"#,
            #""responder":{"packets":0"#,
        ] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test func aMissingInterfaceIsNamedInOneLine() throws {
        let program = try Background(["flows", "-i", "lznone"])
        #expect(program.status == 1 && program.errors.contains("lznone"), "\(program.errors)")
        #expect(program.errors.count { $0 == "\n" } == 1)
    }

    @Test func withoutPermissionToCaptureTheRemedyIsNamed() throws {
        let program = try Background(
            ["flows", "-i", "lo"],
            behind: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        #expect(program.status == 1 && program.errors.count { $0 == "\n" } == 1)
        #expect(program.errors.contains("CAP_NET_RAW"), "\(program.errors)")
    }
}
