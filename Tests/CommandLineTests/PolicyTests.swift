import Foundation
import TestKit
import Testing
import Timestamps

/// `lazaret policy` on the sample captures.
@Suite(.serialized)
struct PolicyTests {
    private let scratch: Scratch
    private let model: String
    private static let validator = Run.root.appendingPathComponent(
        ".build/venv/bin/kubernetes-validate"
    ).path
    private static let inventory = ["--inventory", "captures/inventory.yaml"]

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func export(_ format: String, _ more: String...) throws -> String {
        let path = scratch.path("policy.\(format)")
        let run = try Run(
            ["policy", "export", "-m", model, "--format", format, "-o", path] + Self.inventory
                + more)
        #expect(run.status == 0, "\(run.errors)")
        return path
    }

    private func check(_ capture: String, _ more: [String] = []) throws -> Run {
        try Run(
            ["policy", "check", "-m", model, "-r", capture, "--format", "json"] + Self.inventory
                + more)
    }

    /// Reads a YAML file of one document or several.
    private func yaml(_ path: String) throws -> [[String: Any]] {
        let script = "import sys,yaml,json;print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"
        let text = try Namespace.command(
            ["/usr/bin/python3", "-c", script],
            input: try String(contentsOfFile: path, encoding: .utf8))
        return try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    // MARK: - Formats

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: validator),
            "needs kubernetes-validate in .build/venv"))
    func everyNetworkPolicyConformsToTheSchemaOfTheAPI() throws {
        for outside in ["known", "any"] {
            let path = try export("kubernetes", "--outside", outside)
            let said = try Namespace.command([Self.validator, "--strict", path])
            #expect(
                said.split(separator: "\n").count { $0.contains(" passed ") } == 12, "\(said)")
        }
    }

    @Test(.needs("docker-compose"))
    func composeMergesTheNetworksWithTheProjectsFile() throws {
        let services = [
            "app", "backup", "bastion", "cache", "db", "dns", "monitor", "report", "scheduler",
            "store", "web", "worker",
        ]
        let base = try scratch.write(
            "compose.yaml",
            Data(
                ("services:\n" + services.map { "  \($0): {image: lab}\n" }.joined()).utf8))
        let merged = try Namespace.command([
            "docker-compose", "-f", base, "-f", try export("compose"), "config",
        ])
        let file = try scratch.write("merged.yaml", Data(merged.utf8))
        let parts = try #require(try yaml(file).first?["services"] as? [String: [String: Any]])
        #expect(parts.keys.sorted() == services)
        let networks = try parts.mapValues { part in
            Set(try #require(part["networks"] as? [String: Any]).keys)
        }
        // Pairs that share a network are those with a contact in the model, whoever began.
        let shown = try Run("model", "show", model).output
        var contacts: Set<String> = []
        for match in shown.matches(of: /\n    (\w+) -> (\w+)/) {
            contacts.insert([String(match.1), String(match.2)].sorted().joined(separator: " "))
        }
        for (index, one) in services.enumerated() {
            for other in services[(index + 1)...] {
                let common = try #require(networks[one]).intersection(
                    try #require(networks[other]))
                #expect(!common.isEmpty == contacts.contains("\(one) \(other)"), "\(one) \(other)")
            }
        }
    }

    // MARK: - Check

    @Test func theCleanCapturePasses() throws {
        let run = try check("captures/clean-test.pcap")
        #expect(run.status == 0, "\(run.errors)")
        let report = try #require(try run.json.first)
        #expect((report["blocked"] as? [Any])?.isEmpty == true)
        #expect(report["blocked_packets"] as? Int == 0)
        #expect(try #require(report["allowed_packets"] as? Int) > 78_000)
    }

    /// Each attack alone, by its label's filter. Attacks over contacts that the baseline has pass:
    /// they are for the detector.
    @Test func newContactsOfTheAttacksAreBlocked() throws {
        let labels = try String(
            contentsOf: Run.root.appendingPathComponent("captures/mixed.labels.jsonl"),
            encoding: .utf8)
        let known: Set = [
            "http-password-guessing", "dns-tunnel", "ssh-password-guessing",
            "db-password-guessing",
        ]
        var count = 0
        for line in labels.split(separator: "\n") {
            let label = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let kind = try #require(label["kind"] as? String)
            let filter = try #require(label["filter"] as? String)
            let run = try check("captures/mixed.pcap", [filter])
            // ARP is no flow. A firewall takes forged outside addresses for users of the shop.
            let isForgedOutside = filter.contains("198.18.0.0/16")
            let expected: Int32 =
                kind == "arp-sweep" ? 1 : known.contains(kind) || isForgedOutside ? 0 : 3
            #expect(run.status == expected, "\(kind): \(run.errors)")
            count += 1
        }
        #expect(count == 20)
    }

    @Test func theReportNamesWorkloadPeerPortFlowsAndPackets() throws {
        let run = try check("captures/mixed.pcap")
        #expect(run.status == 3)
        let report = try #require(try run.json.first)
        let blocked = try #require(report["blocked"] as? [[String: Any]])
        let lateral = try #require(
            blocked.first { $0["workload"] as? String == "web" && $0["peer"] as? String == "db" })
        #expect(lateral["port"] as? Int == 5432 && lateral["transport"] as? String == "TCP")
        #expect(lateral["addresses"] as? [String] == ["10.60.1.12"])
        #expect(lateral["flows"] as? Int == 7)
        #expect(try #require(lateral["packets"] as? Int) > 255)
        #expect(lateral["blocked_by"] as? [String] == ["egress of web", "ingress of db"])
        let sum = blocked.reduce(0) { $0 + ($1["packets"] as? Int ?? 0) }
        #expect(report["blocked_packets"] as? Int == sum)
        // A ping is for nft alone, and Compose lets all pass between services that had a contact.
        func formats(_ contact: [String: Any]) -> [String] { contact["formats"] as? [String] ?? [] }
        #expect(formats(lateral) == ["kubernetes", "compose", "nft"])
        let pings = blocked.filter { $0["transport"] as? String == "ICMP" }
        #expect(!pings.isEmpty && pings.allSatisfy { !formats($0).contains("kubernetes") })
        for format in ["kubernetes", "compose", "nft"] {
            let flows = blocked.filter { formats($0).contains(format) }
                .reduce(0) { $0 + ($1["flows"] as? Int ?? 0) }
            #expect(flows > 0 && report["blocked_by_\(format)_flows"] as? Int == flows)
        }
        let text = try Run(
            ["policy", "check", "-m", model, "-r", "captures/mixed.pcap"] + Self.inventory)
        #expect(text.status == 3)
        #expect(text.output.contains(/web \(10.60.1.12\) +db \(10.60.3.5\) +TCP 5432 +7\b/))
        #expect(text.output.contains(/TCP 1, 2, 3, 4 and 996 more/))
        #expect(text.output.contains(/would have blocked: kubernetes \d+, compose \d+, nft \d+\./))
        #expect(text.output.split(separator: "\n").count <= 55)
    }

    /// Known addresses of partners are in the model; all others count as new.
    @Test func anyOutsideAddressMayBeAllowed() throws {
        let filter = ["host 10.60.2.30 and host 203.0.113.91"]
        #expect(try check("captures/mixed.pcap", filter).status == 3)
        #expect(try check("captures/mixed.pcap", ["--outside", "any"] + filter).status == 0)
    }

    // MARK: - Errors

    @Test func errorsAreOneLineWithTheDocumentedCode() throws {
        let capture = "captures/clean-test.pcap"
        let empty = try scratch.write("empty.pcap", Data(CaptureFile.pcap([])))
        let other = try scratch.write(
            "other.pcap",
            Data(
                CaptureFile.pcap([
                    .init(
                        .init(second: 1_700_000_000),
                        Frame.ethernet(
                            0x0800,
                            Frame.ipv4("192.0.2.1", "192.0.2.2", 17, Frame.udp(4000, 53, []))
                        ))
                ])))
        let text = try scratch.write("text", Data("no model\n".utf8))
        // Two hosts outside, so no workload has a contact.
        let bare = try PolicyAttackTests.train(
            [("192.0.2.1", "192.0.2.2", 53)],
            inventory: try scratch.write(
                "networks", Data("networks: [{name: n, prefix: 10.9.0.0/24}]\n".utf8)),
            in: scratch)
        let folder = scratch.path("folder")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let check = ["policy", "check", "-m"]
        let export = ["policy", "export", "-m"]
        for (words, status, said) in [
            (check + [text, "-r", capture], 1, "is not a Lazaret model"),
            (check + [scratch.path("none"), "-r", capture], 1, "'lazaret train' makes one"),
            (check + [model, "-r", text], 1, "text"),
            (check + [model, "-r", scratch.path("none")], 1, "none"),
            (check + [model, "-r", empty], 1, "nothing was checked"),
            (check + [model, "-r", other], 1, "nothing was checked"),
            (check + [model], 2, "-r FILE"),
            (check + [model, "-r", capture, "--outside", "x"], 2, "x"),
            (check + [model, "-r", capture, "-o", scratch.path("no/out")], 1, "folder"),
            (check + [bare, "-r", capture], 1, "nothing can be restricted"),
            (export + [bare, "--format", "kubernetes"], 1, "nothing can be restricted"),
            (export + [text, "--format", "nft"], 1, "is not a Lazaret model"),
            (export + [capture, "--format", "nft"], 1, "is not a Lazaret model"),
            (export + [folder, "--format", "nft"], 1, "folder"),
            (export + [model], 2, "--format"),
            (export + [model, "--format", "compose", "-o", folder], 1, "folder"),
            (export + [model, "--format", "nft", "-o", "/dev/full"], 1, "/dev/full"),
            (export + [model, "--format", "iptables"], 2, "iptables"),
            (export + [model, "--format", "kubernetes", "--namespace", "No"], 2, "--namespace"),
            (export + [model, "--format", "compose", "--project", "x"], 1, "project 'x'"),
            (export + [model, "--format", "nft", "-o", scratch.path("no/out")], 1, "folder"),
        ] as [([String], Int32, String)] {
            let run = try Run(words)
            #expect(run.status == status, "\(words): \(run.errors)")
            let lines = run.errors.split(separator: "\n")
            #expect(lines.count == 1 && lines.first?.contains(said) == true, "\(run.errors)")
            #expect(run.output.isEmpty, "\(words)")
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.path("no")))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }

    /// A capture that ends within a packet passes no check, as what is missing may be blocked; what
    /// would have been blocked of the rest is reported, and a warning says that it is not all.
    @Test(arguments: [("clean-test", 1), ("mixed", 3)])
    func aCutCaptureDoesNotPass(name: String, status: Int32) throws {
        let whole = try Data(
            contentsOf: Run.root.appendingPathComponent("captures/\(name).pcap"))
        let cut = try scratch.write("cut.pcap", whole.prefix(whole.count / 2 + 7))
        let run = try check(cut)
        #expect(run.status == status && run.errors.contains("cut.pcap"), "\(run.errors)")
        guard status == 3 else { return #expect(run.output.isEmpty) }
        let warnings = try #require(try run.json.first?["warnings"] as? [String])
        #expect(warnings.count == 1)
    }
}
