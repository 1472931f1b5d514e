import Foundation
import TestKit
import Testing

/// Whom an offender acted on, and when, wherever an incident is shown.
struct TargetTests {
    private let scratch: Scratch
    private let common: [String]

    init() throws {
        scratch = try Scratch()
        common = [
            "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--inventory",
            "captures/inventory.yaml",
        ]
    }

    private func replay(_ more: String...) throws -> Run {
        let run = try Run(["replay"] + common + more)
        try #require(run.status == 0, "\(run.errors)")
        return run
    }

    /// The incident of a pattern.
    private func incident(_ pattern: String) throws -> [String: Any] {
        let all = try replay("--format", "json").json
        return try #require(all.first { ($0["patterns"] as? [String])?.first == pattern })
    }

    @Test func theTableNamesTargetDateAndZone() throws {
        let text = try replay().output
        let heads = text.split(separator: "\n").filter { $0.hasPrefix("#") }
        #expect(heads.count > 20)
        for head in heads {
            let time =
                /#\d+  2026-11-2\d \d\d:\d\d:\d\d to (2026-11-2\d )?\d\d:\d\d:\d\d UTC  .*/
            #expect(head.wholeMatch(of: time) != nil, "\(head)")
        }
        // A guess at one service, a scan of one host, and one of many.
        let targets = text.split(separator: "\n").filter { $0.contains("  target: ") }
        #expect(targets.contains { $0.wholeMatch(of: /.*: \S+ \([\d.]+\), \d+ ports/) != nil })
        #expect(targets.contains { $0.wholeMatch(of: /.*: \d+ addresses, last .*/) != nil })
        #expect(targets.contains { $0.contains(" TCP 22") }, "\(targets)")
    }

    @Test func eachFormatNamesTheSameTarget() throws {
        let scan = try incident("port_scan")
        let address = try #require(scan["target"] as? String)
        let words = try #require(scan["target_text"] as? String)
        let ports = try #require(scan["target_ports"] as? Int)
        #expect(words.contains(address) && words.contains("\(ports) ports") && ports > 100)
        let id = try #require(scan["event_id"] as? String)
        let events = try replay("--format", "eve", "-o", scratch.path("eve.json"))
        #expect(events.output.isEmpty)
        let text = try String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.contains(id) })
        #expect(line.contains(#""target":""#) && line.contains(#""target_text":""#), "\(line)")
        let explained = try Run("explain", id, "--events", scratch.path("eve.json"))
        #expect(explained.output.contains("  target: "), "\(explained.output)")
        #expect(explained.output.split(separator: "\n").first?.hasSuffix(" UTC") == true)
        _ = try replay("-o", scratch.path("text"), "--report", scratch.path("report.html"))
        let page = try String(contentsOfFile: scratch.path("report.html"), encoding: .utf8)
        #expect(page.contains("<td>\(words)</td>"), "\(words)")
        #expect(page.contains("against <strong>\(words)</strong>"))
        let span = /<td class="wide">2026-11-21 \d\d:\d\d:\d\d to \d\d:\d\d:\d\d UTC<\/td>/
        #expect(page.contains(span))
    }

    @Test func allTargetsOfAnIncidentAreNamed() throws {
        let all = try replay("--format", "json").json
        let several = all.filter { ($0["targets"] as? [Any] ?? []).count > 1 }
        #expect(!several.isEmpty)
        for incident in several {
            let targets = try #require(incident["targets"] as? [[String: Any]])
            let addresses = targets.compactMap { $0["address"] as? String }
            #expect(addresses.count == targets.count && Set(addresses).count == addresses.count)
            #expect(addresses.count <= 16)
            let count = try #require(incident["target_count"] as? Int)
            #expect(count >= targets.count && count >= incident["target_addresses"] as? Int ?? 0)
        }
        let names = several.flatMap { ($0["targets"] as? [[String: Any]]) ?? [] }
            .compactMap { $0["workload"] as? String }
        #expect(Set(names).isSuperset(of: ["app", "dns"]), "\(names)")
    }

    @Test func aTargetWithoutANameIsItsAddress() throws {
        let leak = try incident("data_leaving")
        #expect(leak["target_workload"] == nil)
        let words = try #require(leak["target_text"] as? String)
        #expect(words.hasPrefix(try #require(leak["target"] as? String)), "\(words)")
    }

    /// A host outside was contacted during the tunnel; a sweep by ARP opens no flow.
    @Test func aHostContactedAtTheSameTimeIsNoTarget() throws {
        let tunnel = try incident("dns_tunnel")
        #expect(tunnel["target"] == nil || tunnel["target_port"] as? Int == 53, "\(tunnel)")
        #expect(try incident("arp_sweep")["target"] == nil)
        #expect(try incident("icmp_tunnel")["target_proto"] as? String == "ICMP")
    }
}
