import Foundation
import TestKit
import Testing

/// `lazaret top` on a terminal of 80 columns, with its keys.
@Suite(.needsKernel, .needs("python3"))
struct TopTests {
    @Test func theScreenFitsAndHasKeys() throws {
        let bench = try FaultBench()
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isShown = eventually {
            (try? Run("incidents", "--socket", bench.socket).output)?.contains(" -> ") == true
                || (try? Run("incidents", "--socket", bench.socket).output)?
                    .contains(bench.lab.a.v4) == true
        }
        #expect(isShown, "\(program.errors)")
        let seen = try #require(
            Terminal.run(
                ["top", "--socket", bench.socket],
                steps: [("q quit", "i"), ("q quit", "p"), ("continue (paused)", "q")]))
        let screens = seen.components(separatedBy: "\u{1B}[H\u{1B}[2J").dropFirst()
        #expect(screens.count >= 3, "\(seen)")
        for screen in screens {
            let lines = screen.split(whereSeparator: \.isNewline).map { Terminal.plain($0) }
            #expect(lines.count <= 24 && lines.allSatisfy { $0.count <= 80 }, "\(lines)")
        }
        #expect(screens.first?.contains("INCIDENTS") == true)
        #expect(screens.first?.contains(bench.lab.a.v4) == true, "\(seen)")
        #expect(screens.last?.contains("INCIDENTS") == false, "\(seen)")
        // In a pipe it is one screen without keys.
        let piped = try Run("top", "--socket", bench.socket)
        #expect(piped.status == 0 && !piped.output.contains("q quit"))
        #expect(piped.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
        // Flows are counted when they have ended.
        let isCounted = try eventually {
            let screen = try Run("top", "--socket", bench.socket).output
            return screen.contains("TALKERS, LAST HOUR")
                && screen.contains(#/\n10\.77\.1\.10 +[\d.]+ k?B +[\d.]+ k?B +\d+ +\d+\n/#)
        }
        #expect(isCounted, "\(program.errors)")
        // The one that acted last is first, whichever began earlier.
        var times: [String] = []
        let isInOrder = try eventually {
            try bench.lab.scan(bench.lab.b, by: bench.lab.c)
            Thread.sleep(forTimeInterval: 1.2)
            try bench.lab.scan(bench.lab.b, by: bench.lab.a)
            let line = #/\n(?:watch|fenced) +(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)/#
            times = try Run("top", "--socket", bench.socket).output.matches(of: line).map {
                String($0.1)
            }
            return times.count > 1 && Set(times).count == times.count
                && times == times.sorted(by: >)
        }
        #expect(isInOrder, "\(times) \(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
