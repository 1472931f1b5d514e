import Foundation
import TestKit
import Testing

/// The image of `make image`, run by Docker with `config/compose.yaml`.
@Suite(.serialized, .needs(.docker), .needs("docker-compose", "ip"), .timeLimit(.minutes(20)))
final class ImageTests {
    private let scratch: Scratch
    private let host: ContainerHost
    private let image: String

    init() throws {
        scratch = try Scratch()
        host = try ContainerHost(.docker)
        let script = Run.root.appendingPathComponent("scripts/make-image.sh").path
        let said = try Namespace.command([
            "env", "DOCKER_HOST=unix://" + host.socket, "ENGINE=docker", script, Run.binary.path,
        ])
        let line = try #require(said.split(separator: "\n").last)
        image = String(line.prefix { $0 != "," })
    }

    @Test func theImageContainsTheProgramAndNoShell() throws {
        let version = try Run("--version").output
        #expect(try host.run("run", "--rm", "--network", "none", image, "--version") == version)
        #expect(image == "localhost/lazaret:" + version.trimmingCharacters(in: .newlines))
        let files = try Namespace.command([
            "sh", "-c",
            """
            docker -H unix://\(host.socket) export $(docker -H unix://\(host.socket) create \
            \(image)) | tar -t
            """,
        ])
        #expect(files.contains("usr/bin/lazaret") && files.contains("ca-certificates.crt"))
        #expect(!files.contains("bin/sh") && !files.contains("bin/bash"))
        // Without root privileges and on a read-only file system, captures can be analysed.
        let captures = Run.root.appendingPathComponent("captures").path
        let ranked = try host.run(
            "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "-v",
            "\(captures):/captures:ro", image, "replay", "-r", "/captures/mixed.pcap")
        let expected = try Run("replay", "-r", "captures/mixed.pcap").output
        #expect(
            ranked.replacingOccurrences(of: "/captures/", with: "captures/") == expected)
    }

    @Test func composeRunsAMonitorWithTwoCapabilities() throws {
        let project = "lz\(UInt32.random(in: 0...UInt32.max))"
        func compose(_ words: String...) throws -> String {
            try Namespace.command(
                [
                    "env", "DOCKER_HOST=unix://" + host.socket, "DOCKER_SOCKET=" + host.socket,
                    "LAZARET_VERSION=" + image.split(separator: ":").last!, "LAZARET_UPLINK=up0",
                    "docker-compose", "-p", project, "-f",
                    Run.root.appendingPathComponent("config/compose.yaml").path,
                ] + words)
        }
        try host.space.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
        try host.space.run("ip", "link", "set", "up0", "up")
        try host.space.run("ip", "link", "set", "up1", "up")
        let network = try host.network("shop", v4: "10.68.0.0/24")
        _ = try compose("up", "-d")
        let name = try compose("ps", "-q").trimmingCharacters(in: .newlines)
        func status() -> [String: Any]? {
            let text = try? host.run(
                "exec", name, "/usr/bin/lazaret", "status", "--format", "json")
            return text.flatMap {
                try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
        }
        let isLearning = eventually { status()?["phase"] as? String == "learning" }
        #expect(isLearning, "\((try? host.run("logs", name)) ?? "")")
        // NET_RAW and NET_ADMIN, bits 13 and 12 of capabilities(7), and no other.
        let pid = try host.run("inspect", "-f", "{{.State.Pid}}", name)
            .trimmingCharacters(in: .newlines)
        let process = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            #expect(process.contains("\(set):\t0000000000003000\n"), "\(process)")
        }
        #expect(process.contains("NoNewPrivs:\t1\n"))
        // It sees the packets of a container that was started later, and knows its name.
        try host.run([
            "run", "-d", "--init", "--name", "late", "--network", network, "--ip", "10.68.0.9",
            "web:1", "sh", "-c",
            "while true; do nc -w 1 10.68.0.1 9 </dev/null; usleep 100000; done",
        ])
        let hasSeen = eventually {
            (status()?["capture"] as? [String: Int])?["kernel_packets"] ?? 0 > 20
        }
        #expect(hasSeen, "\((try? host.run("logs", name)) ?? "")")
        #expect(try host.run("logs", name).isEmpty == false)
        _ = try compose("down", "-v")
    }
}
