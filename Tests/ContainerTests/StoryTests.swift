import Foundation
import TestKit
import Testing

/// The whole story with real containers: a node learns by itself, is attacked by five of its
/// containers, fences only these, is restarted during an attack, and reports everything afterwards.
@Suite(
    .serialized, .needs(.docker), .needs("python3"),
    .timeLimit(.minutes(20)))
final class StoryTests {
    private typealias Container = StoryShop.Container

    private let scratch: Scratch
    private let shop: StoryShop
    private let context: StoryContext
    private let configuration: String
    /// A socket's path has at most 107 bytes.
    private let socket = "/tmp/lzs-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        scratch = try Scratch()
        shop = try StoryShop()
        context = try StoryContext(shop, scratch)
        configuration = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [containers]
                state: \(scratch.path("state"))
                control: {socket: \(socket)}
                events: \(scratch.path("eve.json"))
                workloads: {docker: \(shop.host.socket), podman: never, kubernetes: never}
                \(context.settings)
                """.utf8))
    }

    private func monitor() throws -> Background {
        let program = try Background(
            in: shop.host.space,
            ["monitor", "-c", configuration, "--enforce", "--learn", "70s"])
        let isReady = try eventually {
            try !program.isRunning
                || program.errors.contains("watching ")
                    && Run("status", "--socket", socket).status == 0
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func ask(_ words: String...) throws -> String {
        let run = try Run(words + ["--socket", socket])
        #expect(run.status == 0, "\(run.errors)")
        return run.output
    }

    private func ledger(_ words: String...) throws -> String {
        let program = try Background(
            in: shop.host.space, words + ["--state", scratch.path("state")])
        #expect(program.status == 0, "\(program.errors)")
        return program.output
    }

    /// The alerts and actions in the running monitor's store, the oldest first.
    private func events(_ kind: String) throws -> [[String: Any]] {
        try Run(["events", "-n", "1000", "--socket", socket]).json.filter {
            $0["event_type"] as? String == kind
        }
    }

    private func detail(_ event: [String: Any], _ name: String) -> String {
        (event["lazaret"] as? [String: Any])?[name].map { "\($0)" } ?? ""
    }

    private var rules: String {
        (try? shop.host.space.run("nft", "list", "table", "bridge", "lazaret")) ?? ""
    }

    private func isFenced(_ container: Container) -> Bool {
        rules.contains("\(container.address) timeout")
    }

    /// The fenced addresses. Each container is also fenced at its port.
    private func fenced() throws -> Set<String> {
        let lines = try ledger("quarantine", "list", "--format", "json").split(separator: "\n")
        let targets = try lines.map {
            let row = try JSONSerialization.jsonObject(with: Data($0.utf8))
            return try #require((row as? [String: Any])?["target"] as? String)
        }
        let addresses = targets.filter { !$0.hasPrefix("port:") }
        #expect(targets.count == 2 * addresses.count, "\(targets)")
        return Set(addresses)
    }

    private func container(_ name: String) throws -> Container {
        try #require(StoryShop.containers.first { $0.name == name })
    }

    @Test func aNodeLearnsAndFencesAttackersAndReportsThem() throws {
        var program = try monitor()
        try learn(program)
        // The learned traffic continues: nothing is reported or fenced.
        let windows = Run.windows(judgedBy: socket)
        let isJudged = eventually { Run.windows(judgedBy: socket) >= windows + 120 }
        #expect(isJudged, "\(program.errors)")
        #expect(try events("alert").isEmpty && events("quarantine").isEmpty)
        #expect(!rules.contains("10.68.0."))

        let attacks = [
            ("worker-13", "scan", "port scan", "T1046"), ("api-37", "sweep", "sweep", "T1018"),
            ("report-70", "flood", "SYN flood", "T1499.001"),
            ("backup-84", "guess", "password guessing", "T1110"),
            ("worker-53", "tunnel", "DNS tunnel", "T1071.004"),
        ]
        let web = try container("web-11")
        for (name, role, _, _) in attacks {
            let offender = try container(name)
            #expect(shop.reaches(offender, web))
            if role == "scan" { try intrude(into: offender, program) }
            try shop.turn(offender, into: role)
            if role == "guess" { program = try restart(program) }
            let isHeld = eventually { isFenced(offender) }
            #expect(isHeld, "\(name) \(program.errors)")
            #expect(shop.isBlocked(offender, web), "\(name)")
            if role == "scan" { try isOneIncident(offender, program) }
        }
        let offenders = Set(try attacks.map { try container($0.0).address })
        try noOtherHostWasFenced(offenders)
        for (name, _, title, technique) in attacks {
            try checkAlert(of: container(name), title, technique)
        }
        try allThatIsKnownIsOneRanking(of: container("worker-13"), program)
        try allThatIsKnownIsOneReport()
        try aRestartedEngineNamesNewContainers(program)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(try ledger("audit", "verify").contains(", whole; "))
    }

    private func learn(_ program: Background) throws {
        let isLearning = try eventually {
            let status = try ask("status")
            return status.contains("learning, enforcing") && status.contains(" of 1m10s: ")
        }
        #expect(isLearning, "\(program.errors)")
        let isLearnt = eventually { program.errors.contains(" windows; model ") }
        try #require(isLearnt, "\(program.errors)")
        #expect(!program.errors.contains("does not look clean"), "\(program.errors)")
        let isJudging = try eventually { try ask("status").contains("detecting, enforcing") }
        #expect(isJudging)
    }

    /// Stops the monitor during an attack and starts it again: no action is lost.
    private func restart(_ program: Background) throws -> Background {
        let (before, alerts) = (try fenced(), try events("alert").map { detail($0, "event_id") })
        #expect(before.count >= 3 && alerts.count >= 3)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        for name in ["worker-13", "api-37", "report-70"] {
            #expect(try isFenced(container(name)), "\(name)")
            #expect(try shop.isBlocked(container(name), container("web-35")), "\(name)")
        }
        let next = try monitor()
        #expect(next.errors.contains("that this node learned"), "\(next.errors)")
        #expect(try fenced().isSuperset(of: before))
        let kept = Set(try events("alert").map { detail($0, "event_id") })
        #expect(kept.isSuperset(of: alerts))
        let incidents = try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", socket, "http://lazaret/api/v1/incidents",
        ])
        for address in before { #expect(incidents.contains(address), "\(incidents)") }
        return next
    }

    private func noOtherHostWasFenced(_ offenders: Set<String>) throws {
        #expect(try fenced() == offenders)
        for other in StoryShop.containers where !offenders.contains(other.address) {
            #expect(!isFenced(other), "\(other.name)")
        }
        let told = Set(try events("alert").compactMap { $0["src_ip"] as? String })
        #expect(told == offenders, "\(told)")
        for (from, to) in [
            ("worker-68", "api-12"), ("front-21", "web-11"), ("admin-85", "bastion-36"),
        ] {
            #expect(try shop.reaches(container(from), container(to)), "\(from)")
        }
    }

    private func checkAlert(of offender: Container, _ title: String, _ technique: String) throws {
        let workload = "shop/\(offender.service)"
        let alerts = try events("alert").filter { $0["src_ip"] as? String == offender.address }
        #expect(alerts.allSatisfy { detail($0, "workload") == workload }, "\(alerts)")
        let alert = try #require(alerts.first { detail($0, "technique") == technique }, "\(alerts)")
        let explained = try Run(
            "explain", detail(alert, "event_id"), "--events", scratch.path("eve.json"), "-m",
            scratch.path("state/learnt.model"))
        for part in [workload, offender.address, title, technique, "clean maximum"] {
            #expect(explained.output.contains(part), "\(part): \(explained)")
        }
        let listed = try ledger("quarantine", "list").split(separator: "\n")
        let line = try #require(listed.first { $0.hasPrefix(offender.address + " ") }, "\(listed)")
        #expect(line.contains(title) && line.contains("(\(workload))"), "\(line)")
        // The fence of a first offence lasts ten minutes.
        #expect(
            try #require(line.split(separator: " ").dropFirst(2).first).contains("m"), "\(line)")
    }

    /// A shell in a container, and its contact with a listed address, are known before it scans.
    private func intrude(into offender: Container, _ program: Background) throws {
        let isScanned = try eventually {
            try Namespace.command([
                "curl", "-s", "-m", "60", "--unix-socket", socket, "http://lazaret/api/v1/images",
            ]).contains(StoryContext.vulnerability)
        }
        #expect(isScanned, "\(program.errors)")
        try context.intrude(into: offender)
        let isKnown = try eventually {
            try events("runtime").count >= StoryContext.rules.count
                && events("alert").contains {
                    detail($0, "indicators").contains(StoryContext.listed)
                }
        }
        #expect(isKnown, "\(program.errors)")
        #expect(try !isFenced(offender) && fenced().isEmpty)
    }

    /// Report, list, sensor, settings and anomaly explain one incident, and rank its workload
    /// first.
    private func allThatIsKnownIsOneRanking(
        of offender: Container, _ program: Background
    ) throws {
        let alerts = try events("alert").filter { $0["src_ip"] as? String == offender.address }
        for (name, word) in [
            ("image", StoryContext.vulnerability), ("indicators", StoryContext.listed),
            ("runtime_events", StoryContext.rule),
        ] {
            #expect(alerts.contains { detail($0, name).contains(word) }, "\(name): \(alerts)")
        }
        let scan = try #require(alerts.first { detail($0, "technique") == "T1046" })
        let told = try ask("explain", detail(scan, "event_id"))
        #expect(told.contains(StoryContext.rule) && told.contains("before"), "\(told)")
        #expect(told.contains(StoryContext.vulnerability), "\(told)")
        let isFirst = try eventually {
            try ask("risk").split(separator: "\n").dropFirst().first?.contains("shop/worker")
                == true
        }
        #expect(isFirst, "\(program.errors)")
        let parts = try ask("risk", "--workload", "shop/worker")
        for word in [
            "incident", StoryContext.vulnerability, StoryContext.listed,
            "events of a runtime sensor", "findings, the worst",
        ] {
            #expect(parts.contains(word), "\(word): \(parts)")
        }
    }

    /// The contact with a listed address and the scan are one incident, with the sensors' events.
    private func isOneIncident(_ offender: Container, _ program: Background) throws {
        var own: [[String: Any]] = []
        let isOne = try eventually {
            let text = try Namespace.command([
                "curl", "-s", "-m", "60", "--unix-socket", socket,
                "http://lazaret/api/v1/incidents?match=\(offender.address)",
            ])
            let all = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
            own = (all ?? []).filter { $0["offender"] as? String == offender.address }
            let patterns = Set(own.first?["patterns"] as? [String] ?? [])
            return own.count == 1 && patterns.isSuperset(of: ["known_bad_address", "port_scan"])
                && StoryContext.rules.allSatisfy {
                    "\(own[0]["runtime_events"] ?? "")".contains($0)
                }
        }
        #expect(isOne, "\(own) \(program.errors)")
    }

    /// One report has the records of each source.
    private func allThatIsKnownIsOneReport() throws {
        let kinds = [
            "images", "posture", "indicators", "runtime-events", "incidents", "quarantine",
        ]
        let controls = kinds.enumerated().map {
            "  - {id: S-\($0), title: Words, evidence: [\($1)], cannot: Nothing more.}\n"
        }
        let standard = try scratch.write(
            "standard.yaml",
            Data(
                """
                standard: {id: story, title: Story, version: "1", source: https://example.net}
                controls:
                \(controls.joined())
                """.utf8))
        let report = scratch.path("report.txt")
        let program = try Background(
            in: shop.host.space,
            [
                "report", "compliance", "--standard", standard, "--from", "1d", "--posture",
                "live", "-c", configuration, "-o", report,
            ])
        #expect(program.status == 0, "\(program.errors)")
        let text = try String(contentsOfFile: report, encoding: .utf8)
        for (number, kind) in kinds.enumerated() {
            let section = text.components(separatedBy: "\nS-\(number)  ").last ?? ""
            let state = section.split(separator: "\n").dropFirst().first ?? ""
            #expect(!state.contains("NOT") && state.contains("SUPPORTED"), "\(kind): \(text)")
        }
        #expect(text.contains("shop/worker"), "\(text)")
        #expect(try ledger("report", "verify", report).contains("head of the audit trail found"))
    }

    private func aRestartedEngineNamesNewContainers(_ program: Background) throws {
        #expect(try ask("status").contains("10 active fences"))
        shop.host.stopServer()
        try shop.host.start()
        let late = Container(service: "late", spot: 100, role: "scan")
        try shop.start(late)
        let isReported = try eventually {
            try events("alert").contains { $0["src_ip"] as? String == late.address }
        }
        #expect(isReported, "\(program.errors)")
        let alerts = try events("alert").filter { $0["src_ip"] as? String == late.address }
        #expect(alerts.allSatisfy { detail($0, "workload") == "shop/late" }, "\(alerts)")
        // The status is made from time to time.
        let isCounted = try eventually { try ask("status").contains("11 workloads, from docker ") }
        let status = try ask("status")
        #expect(isCounted, "\(status)")
    }
}
