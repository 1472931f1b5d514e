import Foundation
import TestKit
import Testing

/// `lazaret posture` on engines that run here, and on files.
@Suite(.serialized)
struct PostureTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private struct Finding: Decodable, Hashable {
        var check: String
        var severity: String
        var workload: String
        var container: String
        var detail: String
        var mend: String
    }

    private struct Report: Decodable {
        var containers: Int
        var findings: [Finding]
        var remarks: [String]

        func checks(_ container: String) -> Set<String> {
            Set(findings.filter { $0.container == container }.map(\.check))
        }

        func detail(_ container: String, _ check: String) -> String? {
            findings.first { $0.container == container && $0.check == check }?.detail
        }
    }

    private func report(_ run: Run, status: Int32 = 3) throws -> Report {
        #expect(run.status == status, "\(run.errors)")
        return try JSONDecoder().decode(Report.self, from: Data(run.output.utf8))
    }

    // MARK: - Engines

    private func configuration(_ host: ContainerHost) throws -> String {
        let other = host.engine == .docker ? "podman" : "docker"
        return try scratch.write(
            "config.yaml",
            Data(
                """
                workloads:
                  \(host.engine.rawValue): \(host.socket)
                  \(other): never
                  kubernetes: never
                """.utf8))
    }

    @Test(.enabled(if: ContainerHost.isPossible(.docker))) func containersOfDocker() throws {
        try assess(.docker)
    }

    @Test(.enabled(if: ContainerHost.isPossible(.podman))) func containersOfPodman() throws {
        try assess(.podman)
    }

    /// One container with everything that is wrong, and one with nothing.
    private func assess(_ engine: ContainerHost.Engine) throws {
        let host = try ContainerHost(engine)
        let network = try host.network("net", v4: "10.97.31.0/24")
        try host.run(
            "run", "-d", "--name", "careless", "--network", "host", "--pid", "host", "--ipc",
            "host", "--cap-add", "SYS_ADMIN", "--cap-add", "net_raw", "--security-opt",
            "seccomp=unconfined", "-v", host.socket + ":/engine.sock", "-v", "/etc:/node:ro", "-e",
            "DB_PASSWORD=correct-horse", "-e", "API_TOKEN_FILE=/run/secrets/token", "web:1",
            "sleep", "1000")
        try host.run(
            "run", "-d", "--name", "neighbour", "--network", "container:careless", "web:1",
            "sleep", "1000")
        try host.run(
            "run", "-d", "--name", "careful", "--network", network, "--user", "1000:1000",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "web:1", "sleep", "1000")
        let file = try configuration(host)
        let run = try Run("posture", "-c", file, "--format", "json")
        let found = try report(run)
        #expect(found.containers == 3)
        let careless = found.checks("careless")
        // Podman 4.3 does not tell of `--ipc host`.
        let expected: Set = [
            "host_network", "host_processes", engine == .docker ? "host_ipc" : "host_network",
            "added_capability", "net_raw",
            "no_seccomp", "privilege_escalation", "engine_socket", "host_path", "runs_as_root",
            "secret_in_environment",
        ]
        #expect(careless.isSuperset(of: expected), "\(expected.subtracting(careless))")
        #expect(found.detail("careless", "added_capability") == "SYS_ADMIN")
        #expect(found.detail("careless", "host_path") == "/etc (read-only)")
        #expect(found.detail("careless", "secret_in_environment") == "DB_PASSWORD")
        #expect(!run.output.contains("correct-horse"))
        #expect(found.checks("neighbour").contains("host_network"))
        #expect(found.checks("careful").isSubset(of: ["no_user_namespace"]))
        let worst = try Run("posture", "-c", file, "--severity", "critical")
        #expect(worst.output.contains("socket of the container engine"))
        #expect(!worst.output.contains("runs as root"))
    }

    /// A port that is published and that nobody used while the model was trained.
    @Test(.enabled(if: ContainerHost.isPossible(.docker)))
    func publishedPortsWithoutUse() throws {
        let host = try ContainerHost(.docker)
        let network = try host.network("net", v4: "10.97.32.0/24")
        try host.run(
            "run", "-d", "--name", "shop", "--network", network, "-p", "18080:80", "-p",
            "127.0.0.1:19090:9090", "web:1", "sleep", "1000")
        let inventory = try scratch.write(
            "inventory.yaml",
            Data(
                """
                networks: [{name: n, prefix: 10.97.32.0/24, gateway: 10.97.32.1}]
                workloads:
                  - {name: client, addresses: [10.97.32.9]}
                  - {name: web, addresses: [10.97.32.10]}
                """.utf8))
        let model = try PolicyAttackTests.train(
            [("10.97.32.9", "10.97.32.10", 80)], inventory: inventory, in: scratch)
        let found = try report(
            Run(
                "posture", "-c", try configuration(host), "-m", model, "--format", "json"))
        let open = found.findings.filter { $0.check == "published_on_all_addresses" }
        #expect(open.map(\.detail) == ["18080 for 80/tcp"])
        let unused = found.findings.filter { $0.check == "unused_published_port" }
        #expect(Set(unused.map(\.detail)) == ["18080 for 80/tcp", "19090 for 9090/tcp"])
        #expect(unused.allSatisfy { $0.workload == "web" })
    }

    // MARK: - Files

    @Test func sarifAndExitCodes() throws {
        let file = try scratch.write("inspect.json", Data(Self.inspected(user: "").utf8))
        let sarif = try Run("posture", "-r", file, "--format", "sarif")
        #expect(sarif.status == 3)
        let log = try JSONSerialization.jsonObject(with: Data(sarif.output.utf8))
        let runs = try #require((log as? [String: Any])?["runs"] as? [[String: Any]])
        let results = try #require(runs.first?["results"] as? [[String: Any]])
        let asRoot = try #require(results.first { $0["ruleId"] as? String == "runs_as_root" })
        #expect(asRoot["level"] as? String == "note")
        let nothing = try Run("posture", "-r", file, "--severity", "critical")
        #expect(nothing.status == 0)
        #expect(nothing.output == "1 container: 0 critical, 0 high, 0 medium, 0 low.\n")
    }

    private static func inspected(user: String, name: String = "/web") -> String {
        """
        [{"Id": "4f66ad9a0b2e61d0", "Name": "\(name)", "Config": {"User": "\(user)",
        "Image": "shop/web:2.4"}, "HostConfig": {"CapDrop": ["ALL"], "SecurityOpt":
        ["no-new-privileges"], "NetworkMode": "shop"}, "NetworkSettings": {"Ports": {}}}]
        """
    }

    /// The same file serves `images` and `posture`.
    @Test func imagesAmongTheContainersAreNoFault() throws {
        let image = #"{"Id": "sha256:\#(ImagesTests.id)", "RootFS": {"Layers": []}}"#
        let containers = Self.inspected(user: "")
        let both = try scratch.write("both.json", Data((containers.dropLast() + ",\(image)]").utf8))
        let file = try scratch.write("inspect.json", Data(containers.utf8))
        let (one, other) = (try Run("posture", "-r", both), try Run("posture", "-r", file))
        #expect(one.status == 3 && one.output == other.output, "\(one.errors)")
        let report = try scratch.write("trivy.json", Data(ImagesTests.report().utf8))
        #expect(try Run("images", report, "-r", both).status == 0)
        let only = try scratch.write("only.json", Data("[\(image)]".utf8))
        let none = try Run("posture", "-r", only)
        #expect(none.status == 1 && none.errors.contains("it describes images"), "\(none.errors)")
    }

    /// Nothing waits for a pipe's writer, and no device is opened.
    @Test(.timeLimit(.minutes(10)), arguments: [["posture"], ["images", "report.json"]])
    func whatIsNoPlainFileIsRefusedAtOnce(words: [String]) throws {
        let pipe = scratch.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let report = #"{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}"#
        let file = try scratch.write("report.json", Data(report.utf8))
        let words = words.map { $0 == "report.json" ? file : $0 }
        let folder = scratch.path(".")
        for path in [pipe, folder, "/dev/zero"] {
            let run = try Run(words + ["-r", path])
            #expect(run.status == 1)
            let reason = path == folder ? "is a directory" : "is no plain file"
            #expect(run.errors.contains(reason), "\(run.errors)")
        }
    }

    /// Each bad file is one line that says what to give.
    @Test(arguments: [
        ("", "not whole JSON"), ("[{\"Id\":", "not whole JSON"), ("{}", "'kind'"), ("7", "'kind'"),
        (#"[{"RepoTags": []}]"#, "element 1 does not describe a container"),
        (#"{"kind": "Secret", "data": {}}"#, "kind 'Secret'"),
        (#"{"kind": "List", "items": [{"kind": "Pod", "spec": 3}]}"#, "pod 1"),
        (String(repeating: "[", count: 100_000), "not whole JSON"),
    ]) func badFiles(text: String, reason: String) throws {
        let file = try scratch.write("file.json", Data(text.utf8))
        let run = try Run("posture", "-r", file)
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains(reason), "\(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1)
    }

    @Test func noEngineAndNoFile() throws {
        let file = try scratch.write(
            "config.yaml",
            Data(
                "workloads: {docker: never, podman: never, kubernetes: never}\n".utf8))
        let none = try Run("posture", "-c", file)
        #expect(none.status == 1)
        #expect(none.errors.contains("give a file with -r"))
        let missing = try scratch.write(
            "missing.yaml",
            Data(
                """
                workloads: {docker: \(scratch.path("none.sock")), podman: never, kubernetes: never}
                """.utf8))
        let absent = try Run("posture", "-c", missing)
        #expect(absent.status == 1)
        #expect(absent.errors.contains("none.sock"), "\(absent.errors)")
    }

    /// Text of a file does not reach the terminal as control characters.
    @Test func namesAreHarmless() throws {
        let file = try scratch.write(
            "inspect.json",
            Data(Self.inspected(user: "", name: #"/\u001b]0;owned\u0007\nCRITICAL x"#).utf8))
        let run = try Run("posture", "-r", file)
        #expect(run.status == 3)
        #expect(!run.output.contains("\u{1B}"))
        #expect(!run.output.split(separator: "\n").contains { $0.hasPrefix("CRITICAL") })
    }
}
