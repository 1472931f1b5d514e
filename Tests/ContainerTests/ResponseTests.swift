import Foundation
import TestKit
import Testing

/// Real containers: the ladder from the fence to `disconnect`, `pause` and `stop` and back, proven
/// by packets.
@Suite(.serialized, .timeLimit(.minutes(20)))
struct ResponseTests {
    @Test(.needs(.docker)) func theLadderGoesUpAndDown() throws {
        try climb(ResponseShop(.docker), "--network-alias", "shop")
    }

    @Test(.needs(.podman)) func theLadderGoesUpAndDownWithPodman() throws {
        try climb(ResponseShop(.podman))
    }

    private func climb(_ shop: ResponseShop, _ more: String...) throws {
        let store = try shop.start("store", "web:2", at: 10)
        let web = try shop.start("web", "web:1", at: 11, more)
        let job = try shop.start("job", "job:1", at: 12)
        #expect(shop.pings(web, store) && shop.pings(job, store) && shop.pings(web, job))
        let before = shop.place(web)
        #expect(before.contains(web.address), "\(before)")
        let isDocker = shop.host.engine == .docker
        #expect(before.contains("shop") == isDocker)
        let program = try shop.monitor(
            [
                "name: keep, action: evidence, workloads: [web], commit: true",
                "name: cut, action: disconnect, workloads: [web]",
                "name: halt, action: pause, workloads: [web], after: 20s",
                "name: end, action: stop, workloads: [web], after: 40s, grace: 1s",
            ], keeping: store)
        let plan = try shop.ask("quarantine", "plan", web.address)
        for part in [
            "container   web (", "cut: disconnects web from", "network connect --ip \(web.address)",
            "after 20s   halt: freezes", "after 40s   end: stops web within 1 s",
            "lazaret quarantine release \(web.address)", "used by     ",
        ] {
            #expect(plan.contains(part), "\(part): \(plan)")
        }
        #expect(shop.status(web) == "running" && shop.place(web) == before)
        // A fenced container still reaches what is kept, unless it has lost its network.
        try shop.lazaret("quarantine", "add", job.address, "--for", "30m")
        #expect(!shop.pings(job, web) && shop.pings(job, store))
        try shop.lazaret("quarantine", "add", web.address, "--for", "30m")
        let isCut = eventually { shop.place(web).isEmpty }
        #expect(isCut, "\(shop.place(web)) \(program.errors)")
        #expect(!shop.pings(web, store) && shop.pings(job, store))
        let isPaused = eventually { shop.isVerified("halt: pause of web") }
        #expect(isPaused, "\(program.errors)")
        let isStopped = eventually { shop.isVerified("end: stop of web") }
        #expect(isStopped && shop.status(web) == "exited", "\(program.errors)")

        try shop.lazaret("quarantine", "release", web.address)
        let isBack = eventually { shop.status(web) == "running" && shop.pings(web, store) }
        #expect(isBack, "\(shop.status(web)) \(program.errors)")
        #expect(shop.pings(web, store) && shop.pings(store, web))
        if isDocker { #expect(shop.place(web) == before) }
        #expect(shop.place(web).contains(web.address + " "))
        let isUndone = eventually {
            shop.trail.split(separator: "\n").count { $0.contains("response undone") } == 4
        }
        #expect(isUndone, "\(shop.trail)")
        try evidenceIsKept(shop, web)
        let events = try String(contentsOfFile: shop.scratch.path("eve.json"), encoding: .utf8)
            .split(separator: "\n").filter { $0.contains(#""event_type":"response""#) }
        for entry in ["keep", "cut", "halt", "end"] {
            for state in ["in_effect", "undone"] {
                let count = events.count {
                    $0.contains(#""entry":"\#(entry)""#) && $0.contains(#""state":"\#(state)""#)
                }
                #expect(count == 1, "\(entry) \(state): \(events)")
            }
        }
        // The other one was never touched.
        #expect(shop.status(job) == "running" && shop.pings(job, store))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(try shop.lazaret("audit", "verify").contains(", whole; "))
    }

    private func evidenceIsKept(_ shop: ResponseShop, _ web: ResponseShop.Container) throws {
        let folder = shop.scratch.path("state/evidence")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        try #require(names.count == 1)
        let description = try String(
            contentsOfFile: "\(folder)/\(names[0])/inspect.json", encoding: .utf8)
        #expect(description.contains(web.address))
        let processes = try String(
            contentsOfFile: "\(folder)/\(names[0])/top.json", encoding: .utf8)
        #expect(processes.contains("sleep"))
        let images = try shop.host.run("images", "--format", "{{.Repository}}:{{.Tag}}")
        #expect(images.contains("lazaret-evidence:\(names[0])"), "\(images)")
        let responses = try shop.lazaret("quarantine", "responses")
        for entry in ["keep", "cut", "halt", "end"] {
            #expect(responses.contains("undone  \(entry)"), "\(responses)")
        }
    }

    /// In the quarantine network, only the forensic host reaches the container.
    @Test(.needs(.docker)) func aContainerIsMovedToAQuarantineNetwork() throws {
        let shop = try ResponseShop(.docker)
        let store = try shop.start("store", "web:2", at: 10)
        let web = try shop.start("web", "job:1", at: 11, ["--network-alias", "shop"])
        let before = shop.place(web)
        let subnet = "10.126.\(Int.random(in: 1...250))"
        try shop.host.run(
            "network", "create", "--internal", "--subnet", "\(subnet).0/24", "ward")
        try shop.host.run(
            "run", "-d", "--name", "doctor", "--network", "ward", "--ip", "\(subnet).9", "web:2",
            "sleep", "900")
        let doctor = ResponseShop.Container(name: "doctor", address: "\(subnet).9")
        let program = try shop.monitor(
            ["name: cut, action: disconnect, network: ward, workloads: [job]"], keeping: store)
        let added = try shop.ask("quarantine", "add", "job", "--for", "30m")
        #expect(added.hasPrefix("\(web.address) fenced (drop) for 30m"), "\(added)")
        let isMoved = eventually { shop.place(web).hasPrefix(subnet) && shop.pings(web, doctor) }
        #expect(isMoved, "\(shop.place(web)) \(program.errors)")
        #expect(!shop.pings(web, store))
        // Its address is another one now.
        let released = try shop.ask("quarantine", "release", "job")
        #expect(released == "\(web.address) released\n")
        let isBack = eventually { shop.place(web) == before && shop.pings(web, store) }
        #expect(isBack, "\(shop.place(web)) \(program.errors)")
        #expect(!shop.pings(web, doctor))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test(.needs(.docker)) func aMonitorThatWasKilledUndoesAtItsNextStart() throws {
        let shop = try ResponseShop(.docker)
        let store = try shop.start("store", "web:2", at: 10)
        let web = try shop.start("web", "web:1", at: 11, ["--network-alias", "shop"])
        let before = shop.place(web)
        let entry = "name: cut, action: disconnect"
        let first = try shop.monitor([entry], keeping: store)
        try shop.lazaret("quarantine", "add", web.address, "--for", "30m")
        let isCut = eventually { shop.place(web).isEmpty }
        #expect(isCut, "\(first.errors)")
        #expect(first.end(by: SIGKILL) == -SIGKILL)

        // It finds its response, and keeps it while the fence is active.
        let second = try shop.monitor([entry], keeping: store)
        let isKept = eventually { shop.trail.contains("response verify") }
        #expect(isKept && shop.place(web).isEmpty, "\(second.errors)")
        #expect(second.end(by: SIGKILL) == -SIGKILL)

        // The fence ends while no monitor runs.
        try shop.lazaret("quarantine", "release", web.address)
        #expect(shop.place(web).isEmpty)
        let third = try shop.monitor([entry], keeping: store)
        let isBack = eventually { shop.place(web) == before }
        #expect(isBack, "\(shop.place(web)) \(third.errors)")
        let answers = eventually { shop.pings(web, store) && shop.pings(store, web) }
        #expect(answers)
        #expect(third.end(by: SIGTERM) == 0, "\(third.errors)")
    }
}
