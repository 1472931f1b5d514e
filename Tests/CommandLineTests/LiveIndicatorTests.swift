import Foundation
import TestKit
import Testing

/// A monitor reads its lists again, and is not disturbed by broken ones.
@Suite(.needsKernel, .timeLimit(.minutes(20)))
struct LiveIndicatorTests {
    private let lab: Lab
    private let scratch: Scratch
    /// A socket's path has at most 107 bytes.
    private let socket = "/tmp/lzl-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    private var alerts: [[String: Any]] {
        scratch.alerts(named: "known_bad_address")
    }

    @Test func aChangedListIsUsedAndABrokenOneIsNot() throws {
        let list = try scratch.write("list", Data("203.0.113.9\n".utf8))
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [br1, br2, uplink]
                model: \(try scratch.model())
                state: \(scratch.path("state"))
                events: \(scratch.path("eve.json"))
                enforce: true
                control: {socket: \(socket)}
                indicators: [{name: local, path: \(list)}]
                allow: [{prefix: 203.0.113.7, reason: partner}]
                """.utf8))
        let program = try Background(in: lab.node.space, ["monitor", "-c", file])
        try #require(
            eventually { !program.isRunning || program.errors.contains("1 loaded") },
            "\(program.errors)")
        func reach(_ address: String) throws {
            let socket = try Socket(lab.a, stream: true)
            try socket.wait(seconds: 0.3)
            _ = socket.connect(address, 443)
        }
        try #require(
            eventually {
                try reach("203.0.113.9")
                return alerts.contains { $0["dest_ip"] as? String == "203.0.113.9" }
            }, "\(program.errors)")
        // A broken version: one line, and what was read before stays.
        _ = try scratch.write("list", Data("203.0.113.9\n203.0.113.1".utf8))
        program.signal(SIGHUP)
        try #require(
            eventually { program.errors.contains("what was read before stays in use") },
            "\(program.errors)")
        func status() throws -> String { try Run("status", "--socket", socket).output }
        let isTold = try eventually {
            try status().contains("indicators: local (\(list)): ends in the middle of a line")
        }
        #expect(isTold)
        _ = try scratch.write("list", Data("203.0.113.7\n203.0.113.8\n0.0.0.0/0\n".utf8))
        program.signal(SIGHUP)
        try #require(
            eventually { program.errors.contains("1 over-broad") }, "\(program.errors)")
        let isWell = try eventually { try !status().contains("indicators:") }
        #expect(isWell)
        try #require(
            eventually {
                try reach("203.0.113.7")
                try reach("203.0.113.8")
                return alerts.contains { $0["dest_ip"] as? String == "203.0.113.8" }
            }, "\(program.errors)")
        #expect(!alerts.contains { $0["dest_ip"] as? String == "203.0.113.7" })
        // Nobody is fenced, although the monitor enforces.
        #expect(try !lab.isFenced(lab.a))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
