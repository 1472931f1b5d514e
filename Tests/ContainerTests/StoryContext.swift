import Foundation
import TestKit
import Testing

/// What other tools know of the shop's containers: a scanner's report of their image, a list of
/// bad addresses, and three sensors that watch processes.
struct StoryContext {
    static let listed = "203.0.113.9"
    static let vulnerability = "CVE-2021-44228"
    static let rule = "Terminal shell in container"
    /// What the sensors name the same intrusion.
    static let rules = [rule, "egress: tcp_connect", "net-connect"]

    private let shop: StoryShop
    /// The files of Falco, Tetragon and auditd.
    private let events: [String]
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
        events = try ["falco.json", "tetragon.json", "audit.log"].map {
            try scratch.write($0, Data())
        }
        settings = """
            image_reports:
              paths: [\(try scratch.write("trivy.json", Data(report.utf8)))]
              known_exploited: \(try scratch.write("kev.json", Data(exploited.utf8)))
            indicators:
              - {name: bad, path: \(try scratch.write("bad", Data("\(Self.listed)\n".utf8)))}
            runtime_events:
              - {name: falco, path: \(events[0])}
              - {name: tetragon, path: \(events[1])}
              - {name: auditd, path: \(events[2])}

            """
    }

    private static var now: String { ISO8601DateFormatter().string(from: Date()) }

    /// A shell starts in a container, as the sensors report it, and contacts a listed address.
    func intrude(into container: StoryShop.Container) throws {
        let words = try shop.host.run("inspect", "-f", "{{.Id}} {{.State.Pid}}", container.name)
            .split(whereSeparator: \.isWhitespace)
        let (id, process) = (words[0], words[1])
        let falco = """
            {"hostname":"node","time":"\(Self.now)","rule":"\(Self.rule)","priority":"Warning",\
            "source":"syscall","output":"A shell was spawned","output_fields":\
            {"container.id":"\(id.prefix(12))","proc.name":"sh"}}

            """
        let tetragon = """
            {"process_kprobe":{"process":{"binary":"/bin/sh","docker":"\(id.prefix(31))"},\
            "function_name":"tcp_connect","policy_name":"egress","action":"KPROBE_ACTION_SIGKILL"},\
            "node_name":"node","time":"\(Self.now)"}

            """
        // Records of auditd have no container, only the process.
        let stamp = "audit(\(Int(Date().timeIntervalSince1970)).000:4711)"
        let audit = """
            type=SYSCALL msg=\(stamp): arch=c000003e syscall=42 success=yes exit=0 items=0 ppid=1 \
            pid=\(process) auid=4294967295 uid=0 comm="sh" exe="/bin/sh" key="net-connect"
            type=EOE msg=\(stamp):

            """
        for (path, text) in zip(events, [falco, tetragon, audit]) {
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        }
        let script = """
            import socket; s = socket.socket(); s.settimeout(1); \
            s.connect_ex(('\(Self.listed)', 443))
            """
        try shop.host.run("exec", container.name, "/usr/bin/python3", "-c", script)
    }
}
