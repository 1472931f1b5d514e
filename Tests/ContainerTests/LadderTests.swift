import Foundation
import TestKit
import Testing

/// A container attacks, and the monitor takes one step after the other by itself, until an operator
/// releases it.
@Suite(.serialized, .needs(.docker), .needsCrowdSec, .needs("curl"), .timeLimit(.minutes(20)))
struct LadderTests {
    private let shop: ResponseShop
    private let server: CrowdSecServer

    init() throws {
        shop = try ResponseShop(.docker)
        server = try CrowdSecServer(
            in: shop.scratch.url.appendingPathComponent("lapi"), space: shop.host.space)
    }

    @Test func anAttackerIsLimitedFencedCutOffStoppedAndReleased() throws {
        let store = try shop.start("store", "web:2", at: 10)
        let web = try shop.start("web", "web:1", at: 11, ["--network-alias", "shop"])
        let job = try shop.start("job", "job:1", at: 12)
        let before = shop.place(web)
        let password = try shop.scratch.write(
            "password", Data("a long password\n".utf8), mode: 0o600)
        let program = try shop.monitor(
            [
                "name: border, action: crowdsec, private: true, url: '\(server.url)', "
                    + "machine: gw1, password_file: \(password)",
                "name: cut, action: disconnect, after: 5s",
                "name: end, action: stop, after: 30s, grace: 1s",
            ],
            policy: [
                "responses: [limit, drop]", "limit: 5", "durations: [45s, 30m]",
                "most_of_workloads: 100%",
            ])
        #expect(shop.pings(web, store) && shop.pings(job, store))
        try scan(from: web, store)

        // The rate is limited: some packets pass, the rest is dropped.
        #expect(eventually { response(on: web) == "limit" }, "\(program.errors)")
        #expect(eventually { shop.pings(web, store) }, "\(program.errors)")
        #expect(eventually { packets("limit") > 0 }, "\(program.errors)")
        #expect(try decisions().isEmpty && shop.place(web) == before)

        // The attack continues: nothing passes any more, and every bouncer gets the decision.
        #expect(eventually { response(on: web) == "drop" }, "\(program.errors)")
        #expect(!shop.pings(web, store))
        #expect(try eventually { try decisions().contains(web.address) }, "\(program.errors)")
        // The container loses its network, and is stopped.
        #expect(eventually { shop.isVerified("cut: disconnect of web") }, "\(program.errors)")
        #expect(shop.place(web).isEmpty)
        #expect(eventually { shop.isVerified("end: stop of web") }, "\(program.errors)")
        #expect(shop.status(web) == "exited")
        #expect(response(on: job) == nil && shop.pings(job, store))

        // And back.
        try shop.lazaret("quarantine", "release", web.address)
        let isBack = eventually { shop.status(web) == "running" && shop.pings(web, store) }
        #expect(isBack, "\(shop.status(web)) \(program.errors)")
        #expect(shop.place(web) == before)
        #expect(try eventually { try decisions().isEmpty }, "\(program.errors)")
        try theTrailTellsIt(of: web)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// Opens connections to closed ports without end; `exec` ends with the container.
    private func scan(from container: ResponseShop.Container, _ target: ResponseShop.Container)
        throws
    {
        let loop = """
            while :; do p=1; while [ $p -le 900 ]; do \
            /bin/busybox nc -w 1 \(target.address) $p </dev/null; p=$((p+1)); done; done
            """
        for _ in 0..<3 {
            try shop.host.run("exec", "-d", container.name, "/bin/busybox", "sh", "-c", loop)
        }
    }

    /// The columns of the active rules.
    private func rules() -> [[Substring]] {
        ((try? shop.lazaret("quarantine", "list")) ?? "").split(separator: "\n").map {
            $0.split(separator: " ")
        }
    }

    private func response(on container: ResponseShop.Container) -> String? {
        rules().first { $0.first ?? "" == container.address }.flatMap {
            $0.count > 1 ? String($0[1]) : nil
        }
    }

    /// The packets that met rules with a response.
    private func packets(_ response: String) -> Int {
        rules().filter { $0.count > 3 && $0[1] == response }.compactMap { Int($0[3]) }
            .reduce(0, +)
    }

    private func decisions() throws -> String {
        let list = try server.cscli("decisions", "list", "--all", "-o", "raw")
        return list.contains("lazaret/quarantine") ? list : ""
    }

    /// The audit trail has each step, in this order.
    private func theTrailTellsIt(of container: ResponseShop.Container) throws {
        let isUndone = eventually {
            shop.trail.split(separator: "\n").count { $0.contains("response undone") } == 3
        }
        let trail = shop.trail
        #expect(isUndone, "\(trail)")
        var rest = trail.split(separator: "\n")[...]
        for words in [
            ["fence", container.address, "limit"], ["expire", container.address],
            ["fence", container.address, "drop"], ["response verify", "border"],
            ["response verify", "cut"], ["response verify", "end"],
            ["release", container.address], ["response undone"],
        ] {
            let place = rest.firstIndex { line in words.allSatisfy { line.contains($0) } }
            guard let place else {
                Issue.record("\(words) is not in its place: \(trail)")
                return
            }
            rest = rest[(place + 1)...]
        }
        #expect(try shop.lazaret("audit", "verify").contains(", whole; "))
    }
}
