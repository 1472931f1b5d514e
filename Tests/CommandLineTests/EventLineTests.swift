import Foundation
import TestKit
import Testing

/// What a monitor writes for people while it runs: one line for each alert, fence and release.
@Suite(.needsKernel, .needs("curl"))
struct EventLineTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func lines(_ program: Background) -> [Substring] {
        program.errors.split(separator: "\n")
    }

    @Test func anAlertAFenceAndAReleaseAreOneLineEach() throws {
        let program = try bench.monitor(configuration: "statistics: 1s")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let offender = "\(bench.lab.a.v4)"
        let isLogged = eventually { program.errors.contains("; undo: lazaret quarantine release") }
        #expect(isLogged, "\(program.errors)")
        let alert = try #require(
            lines(program).first { $0.contains(": alert, ") }, "\(program.errors)")
        #expect(alert.contains(offender) && alert.contains(" -> "), "\(alert)")
        #expect(alert.contains("\(bench.lab.b.v4)") && alert.contains(" UTC; "), "\(alert)")
        #expect(alert.contains("; lazaret explain "), "\(alert)")
        let fences = lines(program).filter {
            $0.hasPrefix("lazaret: warning: fence \(offender)") && $0.contains(", until 20")
        }
        #expect(fences.count == 1, "\(program.errors)")

        _ = try bench.quarantine("release", offender, "--reason", "ours")
        let isTold = eventually {
            lines(program).contains {
                $0.hasPrefix("lazaret: released \(offender)") && $0.hasSuffix(": ours")
            }
        }
        #expect(isTold, "\(program.errors)")
        // Statistics are kept, and not written where nobody asked for them.
        let isKept = eventually { (try? statistics()) ?? false }
        #expect(isKept)
        let events = try String(contentsOfFile: bench.scratch.path("eve.json"), encoding: .utf8)
        #expect(events.contains("alert") && !events.contains(#""event_type":"stats""#))
        #expect(program.end(by: SIGTERM) == 0)
    }

    private func statistics() throws -> Bool {
        try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", bench.socket,
            "http://lazaret/api/v1/stats?limit=1",
        ]).contains(#""event_type":"stats""#)
    }

    @Test func statisticsAreWrittenWhereTheyAreAskedFor() throws {
        let program = try bench.monitor(
            configuration: "statistics: 1s\nevent_kinds: [stats]")
        let isWritten = eventually {
            let text = try? String(
                contentsOfFile: bench.scratch.path("eve.json"), encoding: .utf8)
            return text?.contains(#""event_type":"stats""#) == true
        }
        #expect(isWritten, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
