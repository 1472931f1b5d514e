import Foundation
import TestKit
import Testing
import Timestamps
import Workloads

@testable import ImageReports

/// Files that are read again when they change, and files that are something else.
struct ImageReportFilesTests {
    private let scratch = try! Scratch()
    private let now = Timestamp(second: 1_795_800_000)

    private func options(_ paths: String...) -> ImageReportOptions {
        var options = ImageReportOptions()
        options.paths = paths
        return options
    }

    private func answer(_ outcome: ImageReportFiles.Outcome?) -> ImageCatalog.Answer? {
        var image = ImageIdentity()
        image.add(digest: ReportSamples.config)
        return outcome?.catalog.answer(image)
    }

    @Test func aBrokenVersionLeavesWhatWasReadBefore() throws {
        let folder = scratch.path("reports")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try scratch.write("reports/a.json", Data(ReportSamples.trivy().utf8))
        _ = try scratch.write("reports/b.json", Data(ReportSamples.grype().utf8))
        _ = try scratch.write("reports/.hidden", Data("x".utf8))
        _ = try scratch.write("reports/c.json.tmp", Data("x".utf8))
        var files = ImageReportFiles()
        let first = files.read(options(folder), now: now)
        #expect(first?.notices.count == 2 && first?.failures.isEmpty == true)
        #expect(answer(first)?.findings.count == 2)
        #expect(files.read(options(folder), now: now) == nil)
        _ = try scratch.write("reports/a.json", Data(ReportSamples.trivy().utf8.dropLast(9)))
        let broken = files.read(options(folder), now: now)
        #expect(
            broken?.failures.map(\.text) == [
                folder + "/a.json: is not valid JSON; it may be cut off; what was read before "
                    + "stays in use"
            ])
        #expect(answer(broken)?.findings.count == 2)
        try FileManager.default.removeItem(atPath: folder + "/a.json")
        #expect(answer(files.read(options(folder), now: now))?.scanners == ["Grype"])
        // A folder that is gone leaves what was read of its files.
        try FileManager.default.moveItem(atPath: folder, toPath: folder + ".away")
        let gone = files.read(options(folder), now: now)
        #expect(gone?.failures.count == 1 && answer(gone)?.scanners == ["Grype"])
        #expect(answer(files.read(ImageReportOptions(), now: now)) == nil)
    }

    /// Each source that is looked at again keeps what it had, whichever way it was spoilt.
    @Test(arguments: [true, false])
    func whatIsReplacedByHalfOfItChangesNothing(isByRename: Bool) throws {
        let texts = [
            "r.json": ReportSamples.trivy(), "kev.json": Self.catalog, "epss.csv": Self.table,
        ]
        var options = options(try scratch.write("r.json", Data(ReportSamples.trivy().utf8)))
        options.knownExploited = try scratch.write("kev.json", Data(Self.catalog.utf8))
        options.epss = try scratch.write("epss.csv", Data(Self.table.utf8))
        var files = ImageReportFiles()
        let whole = files.read(options, now: now)
        let first = try #require(answer(whole))
        #expect(first.findings.contains { $0.isExploited && $0.epss == 0.5 })
        for (name, text) in texts {
            let path = scratch.path(name)
            if isByRename {
                let half = try scratch.write("half", Data(text.utf8.dropLast(2)))
                try #require(rename(half, path) == 0)
            } else {
                try #require(truncate(path, off_t(text.utf8.count - 2)) == 0)
            }
            let second = files.read(options, now: now)
            let outcome = try #require(second)
            #expect(outcome.failures.contains { $0.path == path }, "\(name)")
            #expect(outcome.failures.allSatisfy { $0.text.hasSuffix("before stays in use") })
            #expect(answer(outcome)?.findings == first.findings, "\(name)")
        }
    }

    private static let catalog = """
        {"catalogVersion": "2026.11.20", "count": 1, "vulnerabilities":
        [{"cveID": "CVE-2024-9143"}]}
        """
    private static let table = "cve,epss,percentile\nCVE-2024-9143,0.5,0.9\n"

    @Test func pipesDevicesAndHugeFilesAreRefused() throws {
        let pipe = scratch.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let huge = try scratch.write("huge", Data())
        #expect(truncate(huge, off_t(ImageReportFiles.mostBytes) + 1) == 0)
        for (path, reason) in [
            (pipe, "is no plain file"), ("/dev/zero", "is no plain file"),
            (huge, "at most 32 MiB are read"), (scratch.path("none"), "No such file"),
        ] {
            for kind in 0..<3 {
                var options = options(path)
                if kind == 1 { options.knownExploited = path }
                if kind == 2 { options.epss = path }
                var files = ImageReportFiles()
                let failures = files.read(options, now: now)?.failures ?? []
                #expect(!failures.isEmpty, "\(path)")
                #expect(
                    failures.contains { $0.text.contains(reason) }, "\(failures.map(\.text))")
            }
        }
    }

    @Test func exploitedAndScores() throws {
        var options = options(try scratch.write("t.json", Data(ReportSamples.trivy().utf8)))
        options.knownExploited = try scratch.write("kev", Data(ReportSamples.exploited.utf8))
        options.epss = try scratch.write("epss.csv", Data(ReportSamples.scores.utf8))
        var files = ImageReportFiles()
        let outcome = files.read(options, now: now)
        #expect(outcome?.failures.isEmpty == true, "\(outcome?.notices ?? [])")
        let first = try #require(answer(outcome)?.findings.first)
        #expect(first.id == "CVE-2024-9143" && first.isExploited && first.epss == 0.9)
        #expect(answer(outcome)?.findings.last?.epss == nil)
        // Packed by gzip, and cut off.
        let gzip = try Namespace.command(["sh", "-c", "gzip -k \(scratch.path("epss.csv"))"])
        #expect(gzip.isEmpty)
        let packed = scratch.path("epss.csv.gz")
        options.epss = packed
        #expect(answer(files.read(options, now: now))?.findings.first?.epss == 0.9)
        let whole = try Data(contentsOf: URL(fileURLWithPath: packed))
        _ = try scratch.write("epss.csv.gz", whole.dropLast(12))
        let cut = files.read(options, now: now)
        #expect(cut?.failures.first?.text.contains("cut off") == true)
        #expect(answer(cut)?.findings.first?.epss == 0.9)
    }

    @Test(arguments: [
        "", "x,y\n", "cve,epss,percentile", "cve,epss,percentile\nCVE-2024-9143,0.5",
        "cve,epss,percentile\nCVE-2024-9143,high,1\n", "cve,epss,percentile\na,2,1\nb,nan,1\n",
        "#a\n#b\ncve,epss,percentile\n",
        "cve,epss,percentile\n" + String(repeating: "a", count: 2000) + "\n",
        "\u{1F}", String(repeating: "cve,epss", count: 20_000),
    ]) func noScores(text: String) throws {
        let path = try scratch.write("epss", Data(text.utf8))
        #expect(throws: (any Error).self) {
            try ExploitScores(path, wanted: ["CVE-2024-9143"])
        }
    }

    @Test(arguments: ["", "#model_version:v2025.03.14\n"])
    func noHeaderIsSaid(text: String) throws {
        let path = try scratch.write("epss", Data(text.utf8))
        do {
            _ = try ExploitScores(path, wanted: [])
            Issue.record("was read")
        } catch {
            #expect("\(error)".contains("no line that begins with 'cve,epss'"), "\(error)")
        }
    }

    @Test(
        arguments: [
            ("{}", "'catalogVersion' is missing"), ("[", "not valid JSON"),
            (#"{"catalogVersion": "1", "vulnerabilities": 3}"#, "wrong type"),
            (#"{"catalogVersion": "1", "count": 9, "vulnerabilities": []}"#, "it is not whole"),
            (#"{"catalogVersion": "1", "vulnerabilities": []}"#, "names few"),
            (#"{"catalogVersion": "1", "vulnerabilities": [{"cveID": "x"}]}"#, "names few"),
        ] as [(String, String)]) func noCatalog(text: String, reason: String) throws
    {
        do {
            _ = try KnownExploited(Array(text.utf8))
            Issue.record("was read")
        } catch {
            #expect(error.reason.contains(reason), "\(error.reason)")
        }
    }

    /// A report of tomorrow would otherwise always be the newest.
    @Test func aReportOfTheFutureIsOfNow() throws {
        let path = try scratch.write(
            "t.json", Data(ReportSamples.trivy(created: "2099-01-01T00:00:00Z").utf8))
        var files = ImageReportFiles()
        #expect(answer(files.read(options(path), now: now))?.scanned == now)
    }
}
