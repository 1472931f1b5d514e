import Foundation
import TestKit
import Testing

/// `lazaret images` with files, and with containers that run here.
@Suite(.serialized)
struct ImagesTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    static let id = String(repeating: "c0", count: 32)

    /// A report of Trivy about one finding that can be mended and one that cannot.
    static func report(of id: String = id, layers: String = "[]", cve: String = "2024-9143")
        -> String
    {
        """
        {"SchemaVersion": 2, "CreatedAt": "2026-11-20T09:58:12Z", "ArtifactName":
        "registry.example.org/shop/web:2.4", "ArtifactType": "container_image", "Metadata":
        {"ImageID": "sha256:\(id)", "DiffIDs": \(layers), "ImageConfig": {"config": {"Env":
        ["DB_PASSWORD=correct-horse"]}}}, "Results": [{"Target": "web", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-2025-99999", "PkgName": "left\\u001b[2J", "InstalledVersion":
        "2.1.0", "Severity": "CRITICAL"}, {"VulnerabilityID": "CVE-\(cve)", "PkgName": "openssl",
        "InstalledVersion": "3.0.14-1~deb12u2", "FixedVersion": "3.0.15-1~deb12u1", "Severity":
        "MEDIUM"}]}]}
        """
    }

    static let exploited = """
        {"catalogVersion": "2026.11.20", "count": 1, "vulnerabilities":
        [{"cveID": "CVE-2024-9143"}]}
        """

    private static func inspected(_ id: String, _ image: String, _ name: String) -> String {
        """
        {"Id": "4f66ad9a0b2e61d0", "Name": "/\(name)", "Image": "sha256:\(id)", "State":
        {"Running": true}, "Config": {"Image": "\(image)", "Env": ["DB_PASSWORD=correct-horse"]},
        "HostConfig": {}}
        """
    }

    private struct Images: Decodable {
        struct Row: Decodable {
            var workload: String
            var join: String
            var containers: Int
            var by_severity: [String: Int]
            var fixable: Int
            var known_exploited: [String]
            var highest_epss: Double?
            var scanners: [String]?
            var findings: [Finding]?
        }

        struct Finding: Decodable {
            var id: String
            var mend: String
        }

        var images: [Row]
    }

    private func images(_ run: Run) throws -> [Images.Row] {
        try JSONDecoder().decode(Images.self, from: Data(run.output.utf8)).images
    }

    @Test func findingsOfFilesAreJoinedAndListed() throws {
        let other = String(repeating: "d", count: 64)
        let containers = try scratch.write(
            "inspect.json",
            Data(
                """
                [\(Self.inspected(Self.id, "registry.example.org/shop/web:2.4", "web-1")),
                \(Self.inspected(Self.id, "registry.example.org/shop/web:2.4", "web-2")),
                \(Self.inspected(other, "registry.example.org/shop/web:2.4", "moved")),
                \(Self.inspected(other, "shop/db:1", "db")),
                {"Id": "sha256:\(other)", "RepoTags": [], "RootFS": {"Layers": []}}]
                """.utf8))
        let report = try scratch.write("trivy.json", Data(Self.report().utf8))
        let exploited = try scratch.write("kev.json", Data(Self.exploited.utf8))
        let epss = try scratch.write(
            "epss.csv", Data("cve,epss,percentile\nCVE-2024-9143,0.421,0.9\n".utf8))
        let more = ["-r", containers, "--known-exploited", exploited, "--epss", epss]
        let table = try Run(["images", report] + more)
        #expect(table.status == 3, "\(table.errors)")
        let lines = table.output.split(separator: "\n").map(String.init)
        func line(_ words: String...) -> Bool {
            lines.contains { line in words.allSatisfy(line.contains) }
        }
        #expect(line("WORKLOAD", "CRITICAL", "EXPLOITED", "EPSS"))
        #expect(line("registry.example.org/shop/web", "(2 containers)", "42.1 %", "Trivy, "))
        #expect(line("weak (by tag)"), "\(table.output)")
        #expect(line("shop/db", "no report"))
        #expect(table.output.hasSuffix("\n3 images, 1 without a report.\n"))
        let json = try images(Run(["images", report, "--format", "json"] + more))
        #expect(json.map(\.join).sorted() == ["none", "strong", "weak"])
        let known = try #require(json.first { $0.join == "strong" })
        #expect(known.by_severity["critical"] == 1 && known.by_severity["medium"] == 1)
        #expect(known.fixable == 1 && known.known_exploited == ["CVE-2024-9143"])
        #expect(known.highest_epss == 0.421 && known.containers == 2)
        // What is exploited and can be mended comes before what is only critical.
        let list = try Run(["images", report, "--image", "sha256:" + Self.id] + more)
        let found = list.output.split(separator: "\n")
        #expect(list.status == 3 && found.count == 3, "\(list.output)")
        let first = try #require(found.dropFirst().first)
        #expect(first.hasPrefix("  MEDIUM  CVE-2024-9143  openssl 3.0.14-1~deb12u2  (known to be"))
        #expect(first.hasSuffix("mend: rebuild with openssl 3.0.15-1~deb12u1"))
        #expect(!list.output.contains("\u{1B}") && !list.output.contains("correct-horse"))
        // Only what counts decides about the exit code.
        let nothing = try Run(["images", report, "--workload", "docker.io/shop/db"] + more)
        #expect(nothing.status == 0 && nothing.output.contains("no report"), "\(nothing.output)")
        let critical = try images(
            Run(["images", report, "--severity", "critical", "--format", "json"] + more))
        #expect(critical.map { $0.by_severity["medium"] } == [0, 0, 0])
    }

    @Test func podsHaveAnImageForEachContainer() throws {
        let pods = try scratch.write(
            "pods.json",
            Data(
                """
                {"kind": "PodList", "items": [{"metadata": {"name": "web-6d5f7c9b8-x2k4p",
                "namespace": "shop", "labels": {"pod-template-hash": "6d5f7c9b8"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-6d5f7c9b8", "controller":
                true}]}, "spec": {"hostNetwork": true, "containers": [{"name": "web", "image":
                "shop/web:2.4"}, {"name": "proxy", "image": "proxy:1"}]}, "status": {"phase":
                "Running", "containerStatuses": [{"name": "web", "image": "docker.io/shop/web:2.4",
                "imageID": "docker.io/shop/web@sha256:\(Self.id)"}, {"name": "proxy", "image":
                "docker.io/library/proxy:1", "imageID": ""}]}}]}
                """.utf8))
        let report = try scratch.write("trivy.json", Data(Self.report().utf8))
        let json = try images(Run("images", report, "-r", pods, "--format", "json"))
        #expect(json.map(\.workload) == ["shop/web", "shop/web"])
        #expect(json.map(\.join) == ["none", "strong"])
    }

    @Test func badInputsAreOneLineEach() throws {
        let report = try scratch.write("trivy.json", Data(Self.report().utf8))
        let cut = try scratch.write("cut.json", Data(Self.report().utf8.dropLast(20)))
        let containers = try scratch.write(
            "inspect.json", Data("[\(Self.inspected(Self.id, "web:1", "web"))]".utf8))
        let none = try scratch.write("c.yaml", Data("image_reports: {paths: []}\n".utf8))
        for (words, status, reason) in [
            ([report, cut, "-r", containers], 1, "cut.json: is not valid JSON; it may be cut off"),
            ([report, scratch.path("absent"), "-r", containers], 1, "absent: No such file"),
            ([report, "-r", cut], 1, "it is not whole JSON"),
            ([report, "-r", report], 1, "neither a list of containers nor a 'kind'"),
            (["-c", none, "-r", containers], 2, "give reports, or set 'image_reports'"),
            ([report, "--known-exploited", report, "-r", containers], 1, "'catalogVersion' is"),
        ] as [([String], Int32, String)] {
            let run = try Run(["images"] + words)
            #expect(run.status == status, "\(words): \(run.errors)")
            #expect(run.errors.contains(reason), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
        let check = try scratch.write(
            "d.yaml", Data("interfaces: [lo]\nimage_reports: {epss: /x}\n".utf8))
        let faults = try Run("config", "check", "-c", check)
        #expect(faults.status == 2)
        #expect(faults.errors.contains("'paths' is empty"), "\(faults.errors)")
    }

    /// A report whose image is that of a running container, by its identifier and by its layers.
    @Test(.enabled(if: ContainerHost.isPossible(.docker))) func aRunningContainer() throws {
        let host = try ContainerHost(.docker)
        try host.run(
            "run", "-d", "--name", "shop", "--network", "host", "web:1", "sleep", "1000")
        let file = try scratch.write(
            "config.yaml",
            Data("workloads: {docker: \(host.socket), podman: never, kubernetes: never}\n".utf8))
        let id = try host.run("inspect", "-f", "{{.Image}}", "shop")
            .trimmingCharacters(in: .newlines)
        let digits = try #require(id.split(separator: ":").last)
        let layers = try host.run("image", "inspect", "-f", "{{json .RootFS.Layers}}", "web:1")
        for text in [
            Self.report(of: String(digits)),
            Self.report(of: String(repeating: "e", count: 64), layers: layers),
        ] {
            let report = try scratch.write("trivy.json", Data(text.utf8))
            let run = try Run("images", report, "-c", file, "--format", "json")
            #expect(run.status == 3, "\(run.errors)")
            let row = try #require(images(run).first)
            #expect(row.workload == "web" && row.join == "strong" && row.fixable == 1)
        }
        let other = try scratch.write("other.json", Data(Self.report(of: Self.id).utf8))
        let run = try Run("images", other, "-c", file)
        #expect(run.status == 0 && run.output.contains("no report"), "\(run.output)")
    }
}
