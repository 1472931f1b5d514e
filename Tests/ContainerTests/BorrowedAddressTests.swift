import Foundation
import TestKit
import Testing

/// Real containers: one floods another with the address of a third. The kernel knows the port.
@Suite(.serialized, .needs("hping3"), .timeLimit(.minutes(10)))
struct BorrowedAddressTests {
    private struct Container {
        var name: String
        var process: String
        var address: String
    }

    private func start(_ name: String, _ network: String, _ host: ContainerHost) throws -> Container
    {
        try host.run("run", "-d", "--name", name, "--network", network, "web:1", "sleep", "600")
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

    @Test(.needs(.docker)) func theSenderIsFencedAtItsPortAndWhoseNameItUsedIsNot() throws {
        let host = try ContainerHost(.docker)
        let scratch = try Scratch()
        let network = try host.network("shop", v4: "10.123.\(Int.random(in: 1...250)).0/24")
        let web = try start("web", network, host)
        let database = try start("database", network, host)
        let job = try start("job", network, host)
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
        #expect(reaches(web, database) && reaches(job, database))

        func events(_ kind: String) -> [[String: Any]] {
            let path = scratch.path("eve.json")
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").compactMap {
                try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }.filter { $0["event_type"] as? String == kind }
        }
        func details(_ event: [String: Any]) -> [String: Any] {
            event["lazaret"] as? [String: Any] ?? [:]
        }
        // A second of connections with the address of the web server.
        let isFenced = eventually {
            _ = try? Namespace.command([
                "nsenter", "-t", job.process, "-n", "timeout", "3", "hping3", "-q", "-S", "-a",
                web.address, "-p", "5432", "-i", "u1000", "-c", "1000", database.address,
            ])
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
}
