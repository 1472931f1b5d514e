import Foundation
import TestKit
import Testing

/// A monitor pushes decisions to a real CrowdSec and its bouncer for nftables.
@Suite(.needsKernel, .needsCrowdSec, .needs("curl"), .timeLimit(.minutes(20)))
struct CrowdSecTests {
    private let bench: FaultBench
    private let folder: URL
    private let server: CrowdSecServer

    init() throws {
        bench = try FaultBench()
        folder = bench.scratch.url.appendingPathComponent("lapi")
        server = try CrowdSecServer(in: folder, space: bench.lab.node.space)
    }

    private func configuration(_ more: String = "") throws -> String {
        let password = try bench.scratch.write(
            "password", Data("a long password\n".utf8), mode: 0o600)
        return """
            quarantine:
              further_responses:
                - {name: border, action: crowdsec, url: '\(server.url)', machine: gw1,
                   password_file: \(password)\(more)}
            workloads: {docker: never, podman: never, kubernetes: never}
            """
    }

    @Test func aFenceIsInTheBouncersFirewallUntilItsRelease() throws {
        let bouncer = try FirewallBouncer(of: server, in: bench.lab.node.space, folder: folder)
        let program = try bench.monitor(configuration: configuration())
        // Nobody at the border knows a private address.
        _ = try bench.quarantine("add", "10.1.2.3", "--for", "10m")
        _ = try bench.quarantine("add", "203.0.113.9", "--for", "10m")
        _ = try bench.quarantine("add", "2001:db8::9", "--for", "10m")
        #expect(eventually { bouncer.drops("203.0.113.9") }, "\(program.errors)")
        #expect(eventually { bouncer.drops("2001:db8::9") }, "\(program.errors)")
        let isListed = try eventually {
            try bench.quarantine("responses").contains("verified  border")
        }
        #expect(isListed, "\(program.errors)")
        let list = try server.cscli("decisions", "list", "--all", "-o", "raw")
        #expect(list.contains("Ip:203.0.113.9") && list.contains("lazaret/quarantine"), "\(list)")
        #expect(!list.contains("10.1.2.3") && !bouncer.drops("10.1.2.3"), "\(list)")

        // The monitor is killed, the server restarts and knows no tokens: still released.
        #expect(program.end(by: SIGKILL) == -SIGKILL)
        server.stop()
        try server.start()
        let next = try bench.monitor(configuration: configuration())
        _ = try bench.quarantine("release", "203.0.113.9")
        #expect(eventually { !bouncer.drops("203.0.113.9") }, "\(next.errors)")
        #expect(bouncer.drops("2001:db8::9"))
        _ = try bench.quarantine("release", "2001:db8::9")
        #expect(eventually { !bouncer.drops("2001:db8::9") }, "\(next.errors)")
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("response apply") && trail.contains("response undone"), "\(trail)")
        #expect(!(trail + program.errors + next.errors).contains("a long password"))
    }
}
