import Foundation
import TestKit
import Testing

/// Real containers: one floods another with the address of a third. The kernel knows the port.
@Suite(.serialized, .needs("hping3"), .timeLimit(.minutes(20)))
struct BorrowedAddressTests {
    private struct Container {
        var name: String
        var process: String
        var address: String
    }

    private func start(
        _ name: String, _ network: String, _ host: ContainerHost, at address: String? = nil
    ) throws -> Container {
        try host.run(
            ["run", "-d", "--name", name, "--network", network]
                + (address.map { ["--ip", $0] } ?? []) + ["web:1", "sleep", "600"])
        let format = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        let words = try host.run("inspect", "-f", format, name).split { $0 == " " || $0 == "\n" }
        try #require(words.count == 2)
        return Container(name: name, process: String(words[0]), address: String(words[1]))
    }

    /// Connects to a port of another container; true for any answer, a refusal too.
    private func reaches(_ from: Container, _ to: Container) -> Bool {
        let words = ["hping3", "-q", "-S", "-c", "1", "-p", "9", to.address]
        let text = try? Namespace.command(["nsenter", "-t", from.process, "-n"] + words)
        return text?.contains("1 packets received") ?? false
    }

    private func monitor(_ host: ContainerHost, _ scratch: Scratch) throws -> Background {
        let configuration = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [containers]
                model: \(try scratch.model())
                state: \(scratch.path("state"))
                control: {socket: never}
                events: \(scratch.path("eve.json"))
                workloads: {docker: \(host.socket), podman: never, kubernetes: never}

                """.utf8))
        let program = try Background(
            in: host.space, ["monitor", "-c", configuration, "--enforce"])
        let isReady = eventually { !program.isRunning || program.errors.contains("watching ") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func events(_ kind: String, _ scratch: Scratch) -> [[String: Any]] {
        let path = scratch.path("eve.json")
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }.filter { $0["event_type"] as? String == kind }
    }

    private func details(_ event: [String: Any]) -> [String: Any] {
        event["lazaret"] as? [String: Any] ?? [:]
    }

    /// The targets of the fences so far.
    private func fenced(_ scratch: Scratch) -> [String] {
        events("quarantine", scratch).map(details).filter { $0["action"] as? String == "fence" }
            .compactMap { $0["target"] as? String }
    }

    /// A second of connections, with the address of another container or with its own.
    private func flood(_ victim: Container, by offender: Container, as borrowed: Container?) {
        _ = try? Namespace.command(
            ["nsenter", "-t", offender.process, "-n", "timeout", "3", "hping3", "-q", "-S"]
                + (borrowed.map { ["-a", $0.address] } ?? [])
                + ["-p", "5432", "-i", "u1000", "-c", "1000", victim.address])
    }

    @Test(.needs(.docker)) func theSenderIsFencedAtItsPortAndWhoseNameItUsedIsNot() throws {
        let host = try ContainerHost(.docker)
        let scratch = try Scratch()
        let network = try host.network("shop", v4: "10.123.\(Int.random(in: 1...250)).0/24")
        let web = try start("web", network, host)
        let database = try start("database", network, host)
        let job = try start("job", network, host)
        let program = try monitor(host, scratch)
        #expect(reaches(web, database) && reaches(job, database))

        func events(_ kind: String) -> [[String: Any]] { self.events(kind, scratch) }
        // A second of connections with the address of the web server.
        let isFenced = eventually {
            flood(database, by: job, as: web)
            return events("quarantine").contains { details($0)["action"] as? String == "fence" }
        }
        #expect(isFenced, "\(program.errors)")
        let fence = try #require(
            events("quarantine").first { details($0)["action"] as? String == "fence" })
        #expect((details(fence)["target"] as? String)?.hasPrefix("port:veth") ?? false)
        // All three have one image, and so one workload: the address separates them.
        let alert = events("alert").first {
            details($0)["event_id"] as? String == details(fence)["event_id"] as? String
        }
        #expect(alert.map(details)?["offender"] as? String == job.address)
        #expect(alert.map(details)?["evidence"] as? String == "port")
        #expect(alert.map(details)?["decision"] as? String == "quarantine")
        for event in events("quarantine") {
            #expect(details(event)["target"] as? String != web.address)
        }
        #expect(!reaches(job, database) && !reaches(web, job))
        #expect(reaches(web, database) && reaches(database, web))

        // The container ends, and its fence expires with it.
        try host.run("rm", "-f", "job")
        let isReleased = eventually {
            events("quarantine").contains { details($0)["action"] as? String == "release" }
        }
        #expect(isReleased, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    /// The rule on the address stays with a container that is recreated; the one on the port is
    /// released with the port.
    @Test(.needs(.docker)) func aRecreatedContainerTakesItsFenceAlong() throws {
        let host = try ContainerHost(.docker)
        let scratch = try Scratch()
        let third = Int.random(in: 1...250)
        let network = try host.network("shop", v4: "10.124.\(third).0/24")
        let web = try start("web", network, host)
        let database = try start("database", network, host)
        let address = "10.124.\(third).50"
        var job = try start("job", network, host, at: address)
        let program = try monitor(host, scratch)
        #expect(reaches(web, database) && reaches(job, database))
        let isFenced = eventually {
            flood(database, by: job, as: nil)
            return fenced(scratch).contains { $0.hasPrefix("port:") }
        }
        #expect(isFenced && fenced(scratch).contains(address), "\(program.errors)")

        try host.run("rm", "-f", "job")
        job = try start("job", network, host, at: address)
        let isReleased = eventually {
            events("quarantine", scratch).map(details).contains {
                $0["action"] as? String == "release"
                    && ($0["target"] as? String)?.hasPrefix("port:") ?? false
            }
        }
        #expect(isReleased, "\(program.errors)")
        // It is fenced by its address, before it does anything.
        #expect(!reaches(job, database))
        flood(database, by: job, as: nil)
        #expect(!reaches(job, database) && !reaches(web, job) && reaches(web, database))
        #expect(program.end(by: SIGTERM) == 0)
    }
}
