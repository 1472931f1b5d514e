import Foundation
import TestKit
import Testing

/// Changes to the watched interfaces of an enforcing monitor.
@Suite(.needsKernel)
struct InterfaceFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func hasLogged(_ words: String) -> Bool {
        eventually { bench.status().contains(words) }
    }

    private func isHealthy() -> Bool {
        eventually {
            let status = bench.status()
            return status.contains("health ") && !status.contains("br1 is ")
        }
    }

    @Test func anInterfaceThatIsDownIsReportedAndWatchedAgain() throws {
        let program = try bench.monitor()
        try bench.link("set", "br1", "down")
        #expect(hasLogged("interface br1 is down"), "\(program.errors)")
        #expect(program.errors.contains("br1"), "\(program.errors)")
        try bench.link("set", "br1", "up")
        #expect(isHealthy())
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aRecreatedInterfaceIsWatchedAgain() throws {
        let program = try bench.monitor()
        try bench.link("del", "br1")
        #expect(hasLogged("interface br1 is not there"))
        #expect(program.errors.contains("waiting for br1"), "\(program.errors)")
        try bench.makeFirstBridge()
        #expect(isHealthy())
        #expect(program.errors.contains("every interface is there again"), "\(program.errors)")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aRenamedInterfaceIsMissingUntilItHasItsNameAgain() throws {
        let program = try bench.monitor()
        try bench.rename("br1", to: "elsewhere")
        #expect(hasLogged("interface br1 is not there"), "\(program.errors)")
        try bench.rename("elsewhere", to: "br1")
        #expect(isHealthy())
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func anInterfaceThatTakesAWatchedNameIsWatched() throws {
        let program = try bench.monitor()
        try bench.rename("br1", to: "elsewhere")
        try bench.lab.node.space.run("ip", "addr", "flush", "dev", "elsewhere")
        try bench.makeFirstBridge()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        #expect(isHealthy())
        #expect(program.end(by: SIGTERM) == 0)
    }
}
