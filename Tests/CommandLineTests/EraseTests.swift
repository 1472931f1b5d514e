import Foundation
import TestKit
import Testing

/// An address is erased from the state directory of a monitor that has stopped.
@Suite(.needsKernel)
struct EraseTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func erase(_ address: String) throws -> Run {
        try Run("erase", address, "--state", bench.state)
    }

    @Test func anAddressIsErased() throws {
        let program = try bench.monitor()
        let offender = bench.lab.a.v4
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        // Nobody writes again what is erased.
        let early = try erase(offender)
        #expect(early.status == 1 && early.errors.contains("stop it"), "\(early.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")

        func flows(_ peer: String) throws -> String {
            let run = try Run(
                "flows", "--state", bench.state, "--format", "json", "--peer", peer)
            #expect(run.status == 0, "\(run.errors)")
            return run.output
        }
        func files() -> Data {
            ["lazaret.db", "lazaret.db-wal"].reduce(into: Data()) { all, name in
                let path = bench.state + "/" + name
                all += FileManager.default.contents(atPath: path) ?? Data()
            }
        }
        #expect(try !flows(offender).isEmpty)
        // A longer address is another one.
        let longer = try erase(offender + "7")
        #expect(longer.status != 0 || longer.output.contains("0 flows, 0 events"))
        #expect(try !flows(offender).isEmpty)

        let run = try erase(offender)
        #expect(run.status == 0, "\(run.errors)")
        let numbers = run.output.matches(of: /\d+/).compactMap { Int($0.0) }
        #expect(numbers.count >= 3 && numbers[0] > 0 && numbers[1] > 0, "\(run.output)")
        #expect(run.output.contains("records of the audit trail"), "\(run.output)")
        #expect(try flows(offender).isEmpty)
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("erase"), "\(trail)")
        #expect(try Run("audit", "verify", "--state", bench.state).status == 0)

        // What is erased is not in the free pages of the file either: only the audit trail has it.
        let text = String(decoding: files(), as: UTF8.self)
        #expect(!text.contains(#""offender":"\#(offender)""#))
        // Nothing is left to erase.
        let again = try erase(offender)
        #expect(again.output.hasPrefix("erased: 0 flows, 0 events"), "\(again.output)")
    }

    @Test func wrongInputIsRefused() throws {
        let bad = try erase("10.1.2")
        #expect(bad.status == 2 && bad.errors.contains("no IP address"), "\(bad.errors)")
        let missing = try Run("erase", "10.1.2.3", "--state", bench.scratch.path("none"))
        #expect(missing.status == 1 && missing.errors.contains("no such file"))
    }
}
