import Foundation
import TestKit
import Testing

/// Alerts as programs that read Suricata's EVE expect them.
struct EVEFormatTests {
    private func alerts(_ words: [String]) throws -> [[String: Any]] {
        let run = try Run(
            ["replay", "-r", "captures/mixed.pcap", "--format", "eve", "--inventory"]
                + ["captures/inventory.yaml"] + words)
        try #require(run.status == 0, "\(run.errors)")
        return try run.json.filter { $0["event_type"] as? String == "alert" }
    }

    private func reasons(_ alert: [String: Any]) -> [Any] {
        (alert["lazaret"] as? [String: Any])?["reasons"] as? [Any] ?? []
    }

    /// The flow that an alert names is one of its pattern, and ARP has none.
    @Test func alertsNameAFlowOfTheirPattern() throws {
        let scratch = try Scratch()
        let judged = try alerts(["-m", scratch.model()])
        func named(_ pattern: String) -> [[String: Any]] {
            judged.filter { ($0["lazaret"] as? [String: Any])?["pattern"] as? String == pattern }
        }
        let tunnels = named("dns_tunnel")
        #expect(!tunnels.isEmpty && tunnels.allSatisfy { $0["dest_port"] as? Int == 53 })
        let guesses = named("password_guessing").filter { $0["src_ip"] as? String == "10.60.4.16" }
        #expect(!guesses.isEmpty && guesses.allSatisfy { $0["dest_port"] as? Int == 5432 })
        let sweeps = named("arp_sweep")
        #expect(!sweeps.isEmpty && sweeps.allSatisfy { $0["dest_ip"] == nil })
        // The measure of the pattern is the first reason.
        for (pattern, feature) in [("port_scan", "ports"), ("dns_tunnel", "dns_queries")] {
            let first = named(pattern).compactMap { reasons($0).first as? [String: Any] }
            #expect(first.contains { $0["feature"] as? String == feature }, "\(pattern) \(first)")
        }
    }

    @Test func alertsHaveRuleNumbersAndReasonsOfOneType() throws {
        let scratch = try Scratch()
        let judged = try alerts(["-m", scratch.model()])
        let ranked = try alerts([])
        #expect(judged.count > 20 && !ranked.isEmpty)
        var numbers: [String: Set<Int>] = [:]
        for alert in judged + ranked {
            let rule = try #require(alert["alert"] as? [String: Any])
            #expect(rule["gid"] as? Int == 4000 && rule["rev"] as? Int == 1)
            let signature = try #require(rule["signature"] as? String)
            numbers[signature, default: []].insert(try #require(rule["signature_id"] as? Int))
            let told = reasons(alert)
            #expect(!told.isEmpty && told.allSatisfy { ($0 as? [String: Any])?["text"] is String })
        }
        #expect(numbers.values.allSatisfy { $0.count == 1 }, "\(numbers)")
        // Numbers never change.
        #expect(numbers["Lazaret port scan"] == [23] && numbers["Lazaret DNS tunnel"] == [29])
        #expect(Set(numbers.values.joined()).count == numbers.count)
    }

    /// Incidents and ranked hosts have reasons of the same type as alerts.
    @Test func reasonsOfIncidentsAndOfRankedHostsHaveTheTypeOfAlerts() throws {
        let scratch = try Scratch()
        for model in [["-m", try scratch.model()], []] {
            let run = try Run(
                ["replay", "-r", "captures/mixed.pcap", "--format", "json", "--inventory"]
                    + ["captures/inventory.yaml"] + model)
            try #require(run.status == 0, "\(run.errors)")
            let objects = try run.json
            #expect(objects.count > 20)
            for object in objects {
                let told = try #require(object["reasons"] as? [[String: Any]])
                #expect(told.allSatisfy { $0["text"] is String }, "\(object)")
                // A host that nothing is odd about has none.
                guard !model.isEmpty else { continue }
                // The first one is what the summary says.
                let first = try #require(told.first?["text"] as? String)
                let summary = try #require(object["summary"] as? String)
                #expect(summary.hasSuffix(first), "\(object)")
            }
        }
    }

    @Test func anAlertNamesItsFlowAsOtherToolsDo() throws {
        let scratch = try Scratch()
        let flows = try Run("flows", "-r", "captures/mixed.pcap", "--format", "eve").json
        let known = Set(flows.compactMap { $0["community_id"] as? String })
        let judged = try alerts(["-m", scratch.model()])
        let named = judged.filter { $0["src_port"] != nil && $0["src_ip"] as? String != "0.0.0.0" }
        #expect(named.count > 10)
        for alert in named {
            let rule = try #require(alert["alert"] as? [String: Any])
            guard rule["signature"] as? String != "Lazaret spoofed source addresses" else {
                // The packets' addresses are not the offender's.
                #expect(alert["community_id"] == nil && alert["flow_id"] == nil)
                continue
            }
            let identifier = try #require(alert["community_id"] as? String)
            #expect(known.contains(identifier), "\(alert)")
            #expect((alert["flow_id"] as? Int).map { $0 > 0 && $0 < 1 << 53 } == true)
        }
    }
}

/// The counters of a running monitor.
@Suite(.needsKernel, .needs("curl"))
struct CounterTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// The counters, by name and labels.
    private func counters() throws -> [String: Double] {
        let text = try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", bench.socket, "http://lazaret/metrics",
        ])
        var found: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), line.contains("_total") else { continue }
            found[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return found
    }

    @Test func countersNeverFallOnAReload() throws {
        let program = try bench.monitor(configuration: "rotate: {size: 1MiB, keep: 2}")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let file = "lazaret_sink_written_total{sink=\"\(bench.scratch.path("eve.json"))\"}"
        let isWritten = eventually { ((try? counters())?[file] ?? 0) > 0 }
        #expect(isWritten)
        let before = try counters()
        #expect(before.count > 20)
        try bench.scratch.write("own.yaml", Data("rotate: {size: 2MiB, keep: 2}\n".utf8))
        program.signal(SIGHUP)
        let isRead = eventually { program.errors.contains("were read again") }
        #expect(isRead, "\(program.errors)")
        // The next status is published within a second; a later one does not differ.
        let windows = bench.windows
        let isLater = try eventually {
            _ = try bench.lab.reaches(bench.lab.bystander, bench.lab.c)
            return bench.windows > windows + 10
        }
        #expect(isLater)
        let after = try counters()
        for (name, value) in before {
            #expect(after[name].map { $0 >= value } == true, "\(name): \(value)")
        }
        #expect(program.end(by: SIGTERM) == 0)
    }
}
