import Foundation
import TestKit
import Testing

/// Changes to the firewall by other programs whose notifications are lost.
@Suite(.needsKernel)
struct FirewallFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// The number of notifications that the namespace's netlink sockets dropped.
    private func lost() throws -> Int {
        let table = try bench.lab.node.space.run("cat", "/proc/net/netlink")
        return table.split(separator: "\n").dropFirst().reduce(0) {
            $0 + (Int($1.split(separator: " ").dropFirst(8).first ?? "") ?? 0)
        }
    }

    @Test func changesWithLostNotificationsAreRepaired() throws {
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        program.signal(SIGSTOP)
        defer { program.signal(SIGCONT) }
        let space = bench.lab.node.space
        try space.run("nft", "add table inet others; add set inet others many { type ipv4_addr; }")
        let elements = (0..<100_000).map { "10.\($0 >> 16).\($0 >> 8 & 255).\($0 & 255)" }
        let change = "add element inet others many { \(elements.joined(separator: ", ")) }\n"
        let isOverflowing = try eventually {
            try space.run("nft", "-f", "-", input: change)
            try space.run("nft", "flush", "set", "inet", "others", "many")
            return try lost() > 0
        }
        #expect(isOverflowing)
        // The last notification is lost too.
        try space.run("nft", "flush", "ruleset")
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.c))
        program.signal(SIGCONT)
        let isBack = try eventually { try bench.isFenced(bench.lab.a) }
        #expect(isBack, "\(program.errors)")
        let words = "messages about the firewall were lost"
        let isReported = eventually { program.errors.contains(words) }
        #expect(isReported, "\(program.errors)")
        // Repaired by the first to notice: the guard, or a fence that could not be extended.
        let isWrittenDown = try eventually {
            let trail = try Run("audit", "list", "--state", bench.state).output
            return trail.contains(words) || trail.contains("rebuild")
        }
        #expect(isWrittenDown)
        #expect(program.end(by: SIGTERM) == 0)
    }
}
