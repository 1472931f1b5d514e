import Foundation
import TestKit
import Testing

/// A network of real containers with a monitor.
final class ResponseShop {
    struct Container {
        var name: String
        var address: String
    }

    let scratch: Scratch
    let host: ContainerHost
    private let network: String
    /// The third number of the subnet.
    private let third = Int.random(in: 1...250)

    init(_ engine: ContainerHost.Engine) throws {
        scratch = try Scratch()
        host = try ContainerHost(engine)
        network = try host.network("resp", v4: "10.125.\(third).0/24")
    }

    /// - Parameter image: names the workload.
    func start(
        _ name: String, _ image: String, at last: Int, _ more: [String] = []
    ) throws -> Container {
        let address = "10.125.\(third).\(last)"
        try host.run(
            ["run", "-d", "--name", name, "--network", network, "--ip", address, "--cap-add"]
                + ["NET_RAW"] + more + [image, "sleep", "900"])
        return Container(name: name, address: address)
    }

    /// Whether an echo request from one container to another is answered.
    func pings(_ from: Container, _ to: Container) -> Bool {
        (try? host.run(
            "exec", from.name, "/bin/busybox", "ping", "-c", "1", "-W", "2", to.address)) != nil
    }

    private func inspect(_ container: Container, _ format: String) -> String {
        let text = (try? host.run("inspect", "-f", format, container.name)) ?? ""
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func status(_ container: Container) -> String {
        inspect(container, "{{.State.Status}}")
    }

    /// Addresses, aliases and MAC address in the network.
    func place(_ container: Container) -> String {
        inspect(
            container,
            "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}} {{.Aliases}}{{end}}")
    }

    /// - Parameters:
    ///   - kept: stays reachable for what is fenced.
    ///   - policy: further settings of `quarantine`.
    func monitor(
        _ responses: [String], keeping kept: Container? = nil, policy: [String] = []
    ) throws -> Background {
        let list =
            policy.map { "  \($0)\n" }.joined() + "  further_responses:\n"
            + responses.map { "    - {\($0)}\n" }.joined()
        let keeps = kept.map { "{name: \($0.name), address: \($0.address)}" } ?? ""
        let configuration = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [containers]
                model: \(try scratch.model())
                state: \(scratch.path("state"))
                control: {socket: never}
                events: \(scratch.path("eve.json"))
                workloads: {\(engines), kubernetes: never}
                kept: [\(keeps)]
                quarantine:
                \(list)
                """.utf8))
        let program = try Background(in: host.space, ["monitor", "-c", configuration, "--enforce"])
        let isReady = eventually { !program.isRunning || program.errors.contains("watching ") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private var engines: String {
        host.engine == .docker
            ? "docker: \(host.socket), podman: never" : "docker: never, podman: \(host.socket)"
    }

    @discardableResult
    func lazaret(_ words: String...) throws -> String {
        let program = try Background(in: host.space, words + ["--state", scratch.path("state")])
        #expect(program.status == 0, "\(program.errors)")
        return program.output
    }

    /// A command that reads the configuration.
    func ask(_ words: String...) throws -> String {
        let program = try Background(
            in: host.space, words + ["-c", scratch.path("lazaret.yaml")])
        #expect(program.status == 0, "\(program.errors)")
        return program.output
    }

    /// Whether the audit trail says that the response is in effect.
    func isVerified(_ words: String) -> Bool {
        trail.split(separator: "\n").contains {
            $0.contains("response verify") && $0.contains(words)
        }
    }

    var trail: String { (try? lazaret("audit", "list", "-n", "200")) ?? "" }
}
