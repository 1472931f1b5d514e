import Foundation
import TestKit
import Testing

/// A connection to the node's SSH port protects its peer from rules only after a login.
@Suite(.serialized, .needsKernel)
struct LoginTests {
    private let lab: Lab
    private let scratch: Scratch

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    /// A monitor that finds this file as its node's utmp.
    private func monitor(utmp: Data) throws -> Background {
        let shell = #"mount -t tmpfs none /run && cp "$0" /run/utmp && exec "$@""#
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-m", try scratch.model(), "--state",
                scratch.path("state"), "-o", scratch.path("eve.json"), "--socket",
                scratch.path("control.sock"), "--enforce",
            ], behind: ["unshare", "-m", "sh", "-c", shell, try scratch.write("utmp", utmp)])
        let isReady = eventually {
            !program.isRunning
                || (try? Run("status", "--socket", scratch.path("control.sock")))?.status == 0
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// Runs in the node's namespace: without an answering monitor the command uses the kernel.
    private func fence(_ host: Lab.Host) throws -> Background {
        try Background(
            in: lab.node.space, ["quarantine", "add", host.v4, "--state", scratch.path("state")])
    }

    @Test func onlyALoginProtectsFromARule() throws {
        let door = try Socket(lab.node, stream: true)
        try door.bind("0.0.0.0", 22)
        try door.listen()
        // The operator has logged in, and the others have only connected.
        var links: [Socket] = []
        for host in [lab.outside, lab.a, lab.c] {
            let link = try Socket(host, stream: true)
            try #require(link.connect(lab.node.v4, 22))
            links += [link, try door.accept()]
        }
        var record = utmpx()
        record.ut_type = 7
        record.ut_addr_v6.0 = Int32(bitPattern: inet_addr(lab.outside.v4))
        let bytes = withUnsafeBytes(of: &record) { Data($0) }
        let program = try monitor(utmp: bytes)
        let refused = try fence(lab.outside)
        #expect(refused.status != 0 && refused.errors.contains("logged in through SSH"))
        #expect(try fence(lab.a).status == 0)
        #expect(try fence(lab.c).status == 0)
        #expect(try lab.isFenced(lab.a) && !lab.isFenced(lab.outside))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        withExtendedLifetime(links) {}
    }
}
