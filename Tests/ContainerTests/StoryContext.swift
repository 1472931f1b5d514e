import Foundation
import TestKit
import Testing

/// What other tools know of the shop's containers: a scanner's report of their image, a list of
/// bad addresses, and a sensor that watches processes.
struct StoryContext {
    static let listed = "203.0.113.9"
    static let vulnerability = "CVE-2021-44228"
    static let rule = "Terminal shell in container"

    private let shop: StoryShop
    private let events: String
    /// The configuration's sections.
    let settings: String

    init(_ shop: StoryShop, _ scratch: Scratch) throws {
        self.shop = shop
        let image = try shop.host.run("image", "inspect", "-f", "{{.Id}}", "web:1")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let report = """
            {"SchemaVersion": 2, "CreatedAt": "\(Self.now)", "ArtifactName": "web:1",
             "ArtifactType": "container_image", "Metadata": {"ImageID": "\(image)"},
             "Results": [{"Target": "web:1", "Class": "lang-pkgs", "Vulnerabilities": [
             {"VulnerabilityID": "\(Self.vulnerability)", "PkgName": "log4j-core",
              "InstalledVersion": "2.14.1", "FixedVersion": "2.15.0", "Severity": "CRITICAL"}]}]}
            """
        let exploited = """
            {"catalogVersion": "2026.11.20", "count": 1, "vulnerabilities":
             [{"cveID": "\(Self.vulnerability)", "dateAdded": "2021-12-10"}]}
            """
        events = try scratch.write("falco.json", Data())
        settings = """
            image_reports:
              paths: [\(try scratch.write("trivy.json", Data(report.utf8)))]
              known_exploited: \(try scratch.write("kev.json", Data(exploited.utf8)))
            indicators:
              - {name: bad, path: \(try scratch.write("bad", Data("\(Self.listed)\n".utf8)))}
            runtime_events:
              - {name: falco, path: \(events)}

            """
    }

    private static var now: String { ISO8601DateFormatter().string(from: Date()) }

    /// A shell starts in a container, as Falco reports it, and contacts a listed address.
    func intrude(into container: StoryShop.Container) throws {
        let id = try shop.host.run("inspect", "-f", "{{.Id}}", container.name).prefix(12)
        let line = """
            {"hostname":"node","time":"\(Self.now)","rule":"\(Self.rule)","priority":"Warning",\
            "source":"syscall","output":"A shell was spawned","output_fields":\
            {"container.id":"\(id)","proc.name":"sh"}}

            """
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: events))
        try file.seekToEnd()
        try file.write(contentsOf: Data(line.utf8))
        try file.close()
        let script = """
            import socket; s = socket.socket(); s.settimeout(1); \
            s.connect_ex(('\(Self.listed)', 443))
            """
        try shop.host.run("exec", container.name, "/usr/bin/python3", "-c", script)
    }
}
