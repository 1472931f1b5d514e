import Foundation
import TestKit
import Testing
import Timestamps

/// Runs a command of the machine and returns what it prints to both outputs.
private func tool(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}

@Suite(.serialized)
struct ReportTests {
    private let inventory = ["--inventory", "captures/inventory.yaml"]

    private func report(_ scratch: Scratch, _ capture: String, _ more: [String]) throws -> String {
        let path = scratch.path("\(UUID().uuidString).html")
        let run = try Run(
            ["replay", "-r", capture, "-o", scratch.path("text"), "--report", path] + more)
        #expect(run.status == 0, "\(run.errors)")
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    private func count(_ text: String, in page: String) -> Int {
        page.components(separatedBy: text).count - 1
    }

    @Test func everyIncidentIsDescribedAndNothingIsLoaded() throws {
        let scratch = try Scratch()
        let model = ["-m", try scratch.model()] + inventory
        let page = try report(scratch, "captures/mixed.pcap", model)
        let found = try Run(["replay", "-r", "captures/mixed.pcap", "--format", "json"] + model)
            .json.count
        #expect(found > 20 && count("<article class=\"incident\"", in: page) == found)
        #expect(page.utf8.count < 2_000_000)
        for foreign in ["http:", "https:", "src=", "url(/", "@import", "<link", "<iframe"] {
            #expect(!page.contains(foreign), "\(foreign)")
        }
        #expect(page.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"))
        #expect(page.contains("lazaret quarantine release 10.60.4.12"))
        #expect(page.contains("until 2026-11-21 01:26:"))
        // The pictures have text alternatives.
        #expect(count("<svg class=\"line\" role=\"img\"", in: page) > 10)
        #expect(count("role=\"img\"", in: page) == count("<desc>", in: page))
        #expect(count("<table", in: page) == count("<caption", in: page))
        #expect(try report(scratch, "captures/mixed.pcap", model) == page)
    }

    /// The curves of the time line by workload: the highest evidence in percent of the line, and
    /// whether an incident is marked.
    private func curves(_ page: String) -> [(name: String, highest: Int, isMarked: Bool)] {
        let curve =
            #/<th scope="row"[^>]*>([^<]*)<div.*?class="line".*?class="all" d="([^"]*)".*?<\/tr>/#
            .dotMatchesNewlines()
        return page.matches(of: curve).map { match in
            // The place of the line is 50 of 100.
            let places = match.2.matches(of: #/V(\d+)/#).compactMap { Int($0.1) }
            let highest = 100 - (places.min() ?? 100)
            return (String(match.1), highest * 2, match.0.contains("class=\"mark\""))
        }
    }

    @Test func whatIsPlottedIsWhatIsJudged() throws {
        let scratch = try Scratch()
        let model = ["-m", try scratch.model()] + inventory
        let clean = try report(scratch, "captures/clean-test.pcap", model)
        let quiet = curves(clean)
        #expect(quiet.count > 10)
        // Clean time is below the line, and nothing else is said above it.
        #expect(quiet.allSatisfy { $0.highest < 100 && !$0.isMarked }, "\(quiet)")
        #expect(clean.contains("stayed below the line") && !clean.contains("class=\"odd\" d=\"M"))
        let mixed = curves(try report(scratch, "captures/mixed.pcap", model))
        #expect(mixed.contains { $0.isMarked } && mixed.contains { !$0.isMarked })
        #expect(mixed.allSatisfy { ($0.highest >= 100) == $0.isMarked }, "\(mixed)")
    }

    @Test func theSummaryBeginsWithWorkloads() throws {
        let scratch = try Scratch()
        let page = try report(
            scratch, "captures/mixed.pcap", ["-m", try scratch.model()] + inventory)
        let start = try #require(page.range(of: "id=\"summary\""))
        let summary = page[start.upperBound...].prefix { $0 != "§" }.prefix(2000)
        let first = try #require(summary.firstMatch(of: #/<li><strong>(\S+)<\/strong>: /#)?.1)
        #expect(["worker", "web", "app"].contains(String(first)), "\(summary)")
        #expect(summary.contains("would be fenced"))
        let list = summary.prefix(upTo: summary.range(of: "</ul>")?.lowerBound ?? summary.endIndex)
        #expect(!list.contains(#/\d+\.\d+\.\d+\.\d+/#), "\(list)")
        // The axes have date, zone and unit.
        #expect(page.contains(">2026-11-21, UTC</text>"))
        #expect(page.contains("text-anchor=\"end\">200 %</text>"))
        #expect(page.contains("Highest, % of the line"))
        // Targets are on the graph.
        #expect(page.contains("class=\"hit\"") && page.contains("square: target"))
    }

    @Test func forgedAddressesAreNoWorkloads() throws {
        let scratch = try Scratch()
        let start = Timestamp(second: 1_795_223_600)
        // Free addresses of two of the inventory's networks, all from one MAC address.
        let frames = (0..<3000).map { index in
            let source = "10.60.\(1 + index % 2).\(100 + index / 2 % 150)"
            return CaptureFile.Record(
                start + .milliseconds(10 * index),
                Frame.ethernet(
                    0x0800,
                    Frame.ipv4(
                        source, "10.60.3.5", 6,
                        Frame.tcp(UInt16(1024 + index), 5432, flags: 2))))
        }
        let flood = try scratch.write("flood.pcap", Data(CaptureFile.pcap(frames)))
        let page = try report(scratch, flood, ["-m", try scratch.model()] + inventory)
        let names = curves(page).map(\.name)
        #expect(!names.isEmpty && !names.contains { $0.hasPrefix("10.60.") }, "\(names)")
        // Nodes have their names as titles.
        let nodes = page.matches(of: #/<title>([^<]*)<\/title>\s*<tspan/#).map { String($0.1) }
        #expect(nodes.contains("addresses that may be forged"), "\(nodes)")
        #expect(!nodes.contains { $0.hasPrefix("10.60.1.1") || $0.hasPrefix("10.60.2.1") })
    }

    @Test func cleanTrafficAndRunsWithoutAModelHaveReports() throws {
        let scratch = try Scratch()
        let clean = try report(
            scratch, "captures/clean-test.pcap", ["-m", try scratch.model()] + inventory)
        #expect(clean.contains("<h1>No incidents in clean-test.pcap</h1>"))
        #expect(!clean.contains("<article"))
        let ranked = try report(scratch, "captures/mixed.pcap", inventory)
        #expect(ranked.contains("<h1>Most anomalous hosts in mixed.pcap</h1>"))
        #expect(ranked.contains("looks like: DNS tunnel"))
        let empty = try scratch.write("empty.pcap", Data(CaptureFile.pcap([])))
        #expect(try report(scratch, empty, []).contains("The capture holds no packets."))
    }

    @Test func standardInputAndAFileYieldTheSameIncidents() throws {
        let scratch = try Scratch()
        let model = try scratch.model()
        let bytes = try Data(
            contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let run = try Run(
            ["replay", "-r", "-", "-m", model, "--report", scratch.path("in.html")], input: bytes)
        let page = try String(contentsOfFile: scratch.path("in.html"), encoding: .utf8)
        #expect(run.status == 0 && page.contains("incidents in standard input</h1>"))
        // The copy of standard input has a different name in every run.
        #expect(
            page.range(of: #"lazaret-[0-9A-F-]+\.pcap"#, options: .regularExpression) == nil)
    }

    @Test func untrustedNamesAreShownAsText() throws {
        let scratch = try Scratch()
        let hostile = try scratch.write(
            "hostile.yaml",
            Data(
                #"""
                workloads:
                  - {name: "<script>alert(1)</script>", addresses: [10.60.4.13]}
                  - {name: "\"><img src=x onerror=alert(2)>", addresses: [10.60.4.11]}
                  - {name: "../../\u202Egnp.exe", addresses: [10.60.4.12]}
                networks:
                  - {name: "</title><svg onload=alert(3)>", prefix: 10.60.4.0/24}
                """#.utf8))
        let trained = try Run(
            "train", "-r", "captures/clean-train.pcap", "-o", scratch.path("m"), "--inventory",
            hostile)
        #expect(trained.status == 0, "\(trained.errors)")
        let page = try report(
            scratch, "captures/mixed.pcap",
            ["-m", scratch.path("m"), "--pcap-out", scratch.path("packets")])
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        #expect(!page.contains("<script>alert") && !page.contains("<img"))
        #expect(!page.contains("<svg onload") && !page.contains("\u{202E}"))
        for name in try FileManager.default.contentsOfDirectory(atPath: scratch.path("packets")) {
            #expect(name.hasPrefix("20261121T") && name.hasSuffix(".pcapng"))
            #expect(
                name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
            )
        }
    }

    @Test(.enabled(if: Browser.path != nil, "needs chromium"))
    func aBrowserShowsThePageWithoutErrors() throws {
        let scratch = try Scratch()
        let page = try report(
            scratch, "captures/mixed.pcap", ["-m", try scratch.model()] + inventory)
        let path = try scratch.write("page.html", Data(page.utf8))
        let shown = try tool([
            try #require(Browser.path), "--headless=new", "--no-sandbox", "--disable-gpu",
            "--enable-logging=stderr",
            "--user-data-dir=\(scratch.path("profile"))", "--dump-dom", "file://\(path)",
        ])
        #expect(!shown.contains("CONSOLE"), "\(shown.prefix(2000))")
        #expect(count("<article class=\"incident\"", in: shown) == 26)
        // The script ran, so its digest is the one that the page's policy allows.
        #expect(
            shown.contains(#"<button id="theme" type="button">Dark theme</button>"#)
                || shown.contains(#"<button id="theme" type="button">Light theme</button>"#))
    }

    @Test(.needs("capinfos"))
    func everyIncidentHasItsPackets() throws {
        let scratch = try Scratch()
        let folder = scratch.path("packets")
        let run = try Run(
            ["replay", "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--format", "eve"]
                + inventory + ["--pcap-out", folder])
        #expect(run.status == 0, "\(run.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(files.count == 26 && files.allSatisfy { $0.hasSuffix(".pcapng") })
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(folder) == 0o700)
        let named = Set(try run.json.compactMap { $0["capture_file"] as? String })
        #expect(named == Set(files.map { "\(folder)/\($0)" }))
        for file in files {
            let path = "\(folder)/\(file)"
            #expect(try mode(path) == 0o600)
            let flows = try Run("flows", "-r", path, "--format", "json")
            #expect(flows.status == 0 && !flows.output.isEmpty, "\(flows.errors)")
            let facts = try tool(["capinfos", path])
            #expect(facts.contains("Time precision = nanoseconds"), "\(facts)")
        }
        // The file contains all packets of the scanner, and no others.
        let scan = try #require(files.first { $0.contains("-worker-") })
        let flows = try Run("flows", "-r", "\(folder)/\(scan)", "--format", "csv").output
        let rows = flows.split(separator: "\n").dropFirst()
        #expect(rows.count > 1000 && rows.allSatisfy { $0.contains("10.60.4.13,") })
    }

    @Test func extractingPacketsNeedsAModelAndAFolder() throws {
        let scratch = try Scratch()
        let bare = try Run(
            "replay", "-r", "captures/mixed.pcap", "--pcap-out", scratch.path("p"))
        #expect(bare.status == 2 && bare.errors.contains("--pcap-out needs a model"))
        let file = try scratch.write("file", Data())
        let blocked = try Run(
            "replay", "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--pcap-out", file)
        #expect(
            blocked.status == 1 && blocked.errors == "lazaret: \(file): is no directory; name one\n"
        )
    }
}
