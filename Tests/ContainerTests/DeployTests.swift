import Foundation
import TestKit
import Testing

/// A shop of real containers behind `lazaret monitor --enforce`: a deploy is no offence, and a
/// container that takes a trusted container's address is not trusted.
@Suite(.serialized, .needs(.docker), .needs("tcpdump"), .timeLimit(.minutes(20)))
final class DeployTests {
    private let scratch: Scratch
    private let host: ContainerHost
    private let network: String
    private let configuration: String
    private let model: String
    /// A socket's path has at most 107 bytes.
    private let socket = "/tmp/lzd-\(UInt32.random(in: 0...UInt32.max)).sock"
    private var number = 0

    init() throws {
        scratch = try Scratch()
        host = try ContainerHost(.docker)
        network = try host.network("shop", v4: "10.67.0.0/24")
        configuration = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [containers]
                state: \(scratch.path("state"))
                control: {socket: \(socket)}
                events: \(scratch.path("eve.json"))
                enforce: true
                workloads: {docker: \(host.socket), podman: never, kubernetes: never}

                """.utf8))
        model = scratch.path("node.model")
        for number in 11...13 { try web(at: number) }
        for number in 21...22 { try job(at: number) }
        try train()
    }

    @discardableResult
    private func run(_ service: String, _ image: String, at spot: Int, _ script: String) throws
        -> String
    {
        number += 1
        let name = "\(service)-\(number)"
        try host.run([
            "run", "-d", "--init", "--name", name, "--network", network, "--ip", "10.67.0.\(spot)",
            "--label", "com.docker.compose.project=shop", "--label",
            "com.docker.compose.service=\(service)", image, "sh", "-c", script,
        ])
        return name
    }

    @discardableResult
    private func web(at spot: Int, image: String = "web:1") throws -> String {
        let name = try run(
            "web", image, at: spot, "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp")
        // Waits as a deployment does for a readiness probe.
        try host.run(
            "exec", name, "sh", "-c", "until nc 127.0.0.1 80 </dev/null; do usleep 50000; done")
        return name
    }

    /// Calls every running web container five times a second.
    @discardableResult
    private func job(at spot: Int, image: String = "job:1") throws -> String {
        try run(
            "job", image, at: spot,
            """
            while true; do for n in 11 12 13 14; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 \
            10.67.0.$n 80 >/dev/null & usleep 200000; done; done
            """
        )
    }

    private func train() throws {
        let inventory = scratch.path("inventory.yaml")
        let exported = try Run("inventory", "export", "-c", configuration, "-o", inventory)
        try #require(exported.status == 0, "\(exported.errors)")
        let text = try String(contentsOfFile: inventory, encoding: .utf8)
        #expect(text.contains("name: shop/web") && text.contains("10.67.0.21"), "\(text)")
        let shown = try Run("inventory", "show", "-c", configuration)
        #expect(shown.output.contains("shop/job") && shown.output.contains("10.67.0.0/24"))
        let bridge = try host.run("network", "inspect", "-f", "{{.Id}}", network)
        let capture = scratch.path("clean.pcap")
        // The traffic of two jobs in twelve seconds or more.
        let tcpdump = try host.space.start(
            "tcpdump", "-i", "br-" + bridge.prefix(12), "-Z", "root", "-c", "1200", "-w", capture)
        let isWhole = eventually { !tcpdump.isRunning }
        if !isWhole { tcpdump.terminate() }
        try #require(isWhole)
        let trained = try Run("train", "-r", capture, "-o", model, "--inventory", inventory)
        try #require(trained.status == 0, "\(trained.errors)")
    }

    private var events: [[String: Any]] {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    private func workload(_ event: [String: Any]) -> String? {
        (event["lazaret"] as? [String: Any])?["workload"] as? String
    }

    @Test func aDeployRaisesNoAlertAndAnIntruderIsFenced() throws {
        let monitor = try Background(
            in: host.space,
            ["monitor", "-c", configuration, "-m", model, "-w", scratch.path("kept.pcapng")])
        let isReady = eventually { !monitor.isRunning || monitor.errors.contains("watching ") }
        try #require(isReady && monitor.isRunning, "\(monitor.errors)")
        #expect(monitor.errors.contains("names from docker \(host.socket)"), "\(monitor.errors)")
        // A rolling deployment that reuses addresses, and one more container on a new address.
        var last = try web(at: 14, image: "web:2")
        for (index, spot) in [11, 12, 13].enumerated() {
            try host.run("rm", "-f", "web-\(index + 1)")
            last = try web(at: spot, image: "web:2")
        }
        try host.run("rm", "-f", "job-4")
        try job(at: 23, image: "job:1")
        try job(at: 21, image: "job:1")
        let windows = Run.windows(judgedBy: socket)
        let isJudged = eventually { Run.windows(judgedBy: socket) >= windows + 25 }
        #expect(isJudged, "\(monitor.errors)")
        #expect(events.allSatisfy { $0["event_type"] as? String == "stats" }, "\(events)")
        // The tables are created with the first fence.
        let rules = try? host.space.run("nft", "list", "table", "inet", "lazaret")
        #expect(rules?.contains("10.67.0.") != true, "\(rules ?? "")")
        #expect(!last.isEmpty)

        // Another image gets the address of a job, and scans ports.
        try host.run("rm", "-f", "job-5")
        try host.run([
            "run", "-d", "--init", "--name", "thief", "--network", network, "--ip", "10.67.0.22",
            "intruder:1", "sh", "-c",
            """
            while true; do p=1000; while [ $p -lt 1400 ]; do nc -w 1 10.67.0.11 $p </dev/null; \
            p=$((p+1)); done; done
            """,
        ])
        let isFenced = eventually {
            events.contains {
                $0["event_type"] as? String == "quarantine"
                    && $0["src_ip"] as? String == "10.67.0.22"
            }
                || ((try? host.space.run("nft", "list", "table", "bridge", "lazaret"))?
                    .contains("10.67.0.22") ?? false)
        }
        #expect(isFenced, "\(events) \(monitor.errors)")
        let alerts = events.filter { $0["event_type"] as? String == "alert" }
        #expect(!alerts.isEmpty && alerts.allSatisfy { workload($0) == "intruder" }, "\(alerts)")

        // Its fence does not apply to the next owner of the address.
        try host.run("rm", "-f", "thief")
        try job(at: 22)
        let isFree = eventually {
            let table = try? host.space.run("nft", "list", "table", "bridge", "lazaret")
            return table.map { !$0.contains("10.67.0.22") } ?? false
        }
        #expect(isFree, "\(events.suffix(3)) \(monitor.errors)")
        #expect(monitor.end(by: SIGTERM) == 0)

        // The recording yields the same, with each packet under the name of the owner at that time.
        let replay = try Run(
            "replay", "-r", scratch.path("kept.pcapng"), "-m", model, "--format", "eve",
            "--trust-notes")
        #expect(replay.status == 0 && replay.errors.isEmpty, "\(replay.errors)")
        let again = replay.output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }.filter { $0["event_type"] as? String == "alert" }
        #expect(!again.isEmpty && again.allSatisfy { workload($0) == "intruder" }, "\(again)")
    }
}
