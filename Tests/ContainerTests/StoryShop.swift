import Foundation
import TestKit
import Testing

/// A shop of real containers that call each other, each with its role in `Tests/Shop/actors.py`.
final class StoryShop {
    struct Container {
        var service: String
        var spot: Int
        var role: String
        var name: String { "\(service)-\(spot)" }
        var address: String { "10.68.0.\(spot)" }
    }

    /// Offenders have addresses among well-behaved neighbours, because a prefix is fenced if most
    /// of its hosts misbehave.
    static let containers = [
        Container(service: "web", spot: 11, role: "serve 80 30000"),
        Container(service: "web", spot: 35, role: "serve 80 30000"),
        Container(service: "api", spot: 12, role: "serve 8000 20000 api"),
        Container(service: "api", spot: 37, role: "serve 8000 20000 api"),
        Container(service: "store", spot: 20, role: "serve 9000 25000"),
        Container(service: "bastion", spot: 36, role: "serve 22 400"),
        Container(service: "resolver", spot: 52, role: "names"),
        Container(service: "worker", spot: 13, role: "client 0.4 12:8000:120 37:8000:120"),
        Container(service: "worker", spot: 53, role: "client 0.4 12:8000:120 37:8000:120"),
        Container(service: "worker", spot: 68, role: "client 0.4 12:8000:120 37:8000:120"),
        Container(service: "front", spot: 21, role: "client 0.3 11:80:200 35:80:200"),
        Container(service: "front", spot: 69, role: "client 0.3 11:80:200 35:80:200"),
        Container(service: "report", spot: 70, role: "client 0.6 20:9000:90"),
        Container(service: "backup", spot: 84, role: "client 1 20:9000:90"),
        Container(service: "admin", spot: 85, role: "client 4 36:22:250"),
    ]

    let host: ContainerHost
    private let network: String
    private let script = Run.root.appendingPathComponent("Tests/Shop/actors.py").path

    init() throws {
        host = try ContainerHost(.docker)
        network = try host.network("story", v4: "10.68.0.0/24")
        for container in Self.containers { try start(container) }
    }

    func start(_ container: Container) throws {
        // Python and its libraries are mounted from this machine.
        let mounts = ["/usr", "/lib", "/lib64"].filter(FileManager.default.fileExists(atPath:))
        try host.run(
            [
                "run", "-d", "--init", "--name", container.name, "--network", network, "--ip",
                container.address, "--label", "com.docker.compose.project=shop", "--label",
                "com.docker.compose.service=\(container.service)", "-v", "\(script):/actors.py:ro",
            ] + mounts.flatMap { ["-v", "\($0):\($0):ro"] } + ["web:1"] + words(container.role))
    }

    private func words(_ role: String) -> [String] {
        ["/usr/bin/python3", "/actors.py"] + role.split(separator: " ").map(String.init)
    }

    /// Starts another role in a container, in addition to its own.
    func turn(_ container: Container, into role: String) throws {
        try host.run(["exec", "-d", container.name] + words(role))
    }

    /// Whether a connection is possible; retries until it is.
    func reaches(_ from: Container, _ to: Container) -> Bool { eventually { connects(from, to) } }

    /// Whether no connection is possible.
    func isBlocked(_ from: Container, _ to: Container) -> Bool { !connects(from, to) }

    private func connects(_ from: Container, _ to: Container) -> Bool {
        let port = to.role.split(separator: " ")[1]
        return (try? host.run(["exec", from.name] + words("attempt \(to.spot) \(port)"))) != nil
    }
}
