import Foundation
import Testing
import Timestamps
import Workloads

@testable import ImageReports

/// Each format, and what is none.
struct ReportDocumentTests {
    private func report(_ text: String) throws -> ImageReport {
        try #require(ReportDocument.reports(Array(text.utf8)).first)
    }

    private func failure(_ text: String) -> String {
        do {
            _ = try ReportDocument.reports(Array(text.utf8))
            return "none"
        } catch {
            return error.reason
        }
    }

    @Test func trivy() throws {
        let report = try report(ReportSamples.trivy())
        #expect(report.format == .trivy && report.name == "registry.example.org/shop/web:2.4")
        #expect(report.image.digests == [ReportSamples.config, ReportSamples.index])
        #expect(report.image.layers == [ReportSamples.layer])
        #expect(report.image.tags == ["registry.example.org/shop/web:2.4"])
        #expect(report.created == Timestamp(second: 1_795_168_692))
        #expect(report.findings.map(\.id) == ["CVE-2024-9143", "CVE-2025-99999"])
        let first = try #require(report.findings.first)
        #expect(first.severity == .medium && first.version == "3.0.14-1~deb12u2")
        #expect(first.mend == "rebuild with openssl 3.0.15-1~deb12u1")
        #expect(report.findings.last?.isFixable == false)
        #expect(!"\(report)".contains("correct-horse"))
    }

    @Test(arguments: [#""Results": null"#, #""Results": []"#, #""Results": [{"Target": "x"}]"#])
    func aCleanImageHasNoResults(results: String) throws {
        let report = try report(
            """
            {"SchemaVersion": 2, "ArtifactName": "web:1", "ArtifactType": "container_image",
            \(results)}
            """)
        #expect(report.findings.isEmpty && report.image.tags == ["docker.io/library/web:1"])
    }

    @Test func grypeNamesTheCVEOfAnAdvisory() throws {
        let report = try report(ReportSamples.grype())
        #expect(report.image.digests == [ReportSamples.config, ReportSamples.index])
        let finding = try #require(report.findings.first)
        #expect(report.findings.count == 1)
        #expect(finding.id == "CVE-2025-99999" && finding.alias == "GHSA-8xxx-27xx-79xx")
        #expect(finding.severity == .critical && finding.fixedVersion == "2.1.4")
        #expect(finding.epss == 0.0421 && finding.isExploited)
        // An advisory about two CVEs is two findings.
        let two = try self.report(
            ReportSamples.grype(
                match: """
                    , {"vulnerability": {"id": "ALAS-2026-1", "severity": "Negligible"},
                    "relatedVulnerabilities": [{"id": "CVE-2026-0001"}, {"id": "CVE-2026-0002"}],
                    "artifact": {"name": "zlib", "version": "1"}}, {"vulnerability": 7}
                    """))
        #expect(two.findings.map(\.id).dropFirst() == ["CVE-2026-0001", "CVE-2026-0002"])
        #expect(two.findings.last?.severity == .low && two.unreadableCount == 1)
    }

    @Test(arguments: ["1.4", "1.5", "1.6", "1.7"]) func cycloneDX(version: String) throws {
        let report = try report(ReportSamples.cycloneDX(version: version))
        #expect(report.scanner == "Trivy")
        let nameless = ReportSamples.cycloneDX(version: version).replacingOccurrences(
            of: "\"trivy\"}]}", with: "\"\"}]}")
        #expect(try self.report(nameless).scanner == "CycloneDX")
        #expect(report.image.digests == [ReportSamples.config, ReportSamples.index])
        #expect(report.image.layers == [ReportSamples.layer])
        let finding = try #require(report.findings.first)
        #expect(finding.severity == .medium && finding.epss == 0.03)
        #expect(finding.package == "openssl" && finding.fixedVersion == "3.0.15-1~deb12u1")
    }

    @Test func ratingsThatAreNoSeverityAndVersionsOfGrype() throws {
        let report = try report(
            ReportSamples.cycloneDX(
                vulnerabilities: """
                    {"id": "GHSA-8xxx-27xx-79xx", "references": [{"id": "CVE-2025-99999"}],
                    "ratings": [{"severity": "low"}, {"source": {"name": "CISA KEV Catalog"},
                    "score": 1, "method": "other"}], "affects": [{"ref":
                    "pkg:npm/%40shop/left@2.1.0", "versions": [{"range": "vers:npm/>=2.1.4",
                    "status": "unaffected"}]}]}
                    """))
        let finding = try #require(report.findings.first)
        #expect(finding.id == "CVE-2025-99999" && finding.alias == "GHSA-8xxx-27xx-79xx")
        #expect(finding.severity == .low && finding.isExploited)
        #expect(finding.package == "left" && finding.version == "2.1.0")
        #expect(finding.fixedVersion == "2.1.4")
    }

    @Test func sarifOfTrivyAndGrype() throws {
        let trivy = try report(ReportSamples.trivySARIF)
        #expect(trivy.image.digests == [ReportSamples.config])
        #expect(trivy.findings.map(\.id) == ["CVE-2024-9143"])
        #expect(trivy.findings.first?.fixedVersion == "3.0.15-1~deb12u1")
        #expect(trivy.findings.first?.severity == .medium)
        #expect(!"\(trivy)".contains("correct-horse"))
        let grype = try report(ReportSamples.grypeSARIF)
        #expect(grype.image.digests.isEmpty)
        #expect(grype.image.tags == ["registry.example.org/shop/web:2.4"])
        let finding = try #require(grype.findings.first)
        #expect(finding.id == "GHSA-8xxx-27xx-79xx" && finding.package == "left")
        #expect(finding.severity == .high && finding.fixedVersion == "2.1.4")
    }

    /// Each bad file is one line that says what is wrong.
    @Test(
        arguments: [
            ("", "not valid JSON"), (String(ReportSamples.trivy().dropLast(40)), "not valid JSON"),
            (String(repeating: "[", count: 100_000), "not valid JSON"),
            ("[]", "is a list"), ("7", "is no report"), ("{}", "is no report"),
            (ReportSamples.exploited, "name it as such"),
            (#"{"SchemaVersion": 1, "ArtifactType": "container_image"}"#, "schema version 1"),
            (#"{"SchemaVersion": "2"}"#, "'SchemaVersion' has the wrong type"),
            (#"{"SchemaVersion": 2, "ArtifactType": "filesystem"}"#, "no container"),
            (#"{"SchemaVersion": 2, "ArtifactType": "container_image"}"#, "which image"),
            (#"{"SchemaVersion": 2, "Results": {"a": 1}}"#, "'Results' has the wrong type"),
            (#"{"matches": []}"#, "not of Grype"),
            (
                #"{"matches": [], "descriptor": {"name": "grype"}, "source": {"target": "."}}"#,
                "no container"
            ),
            (#"{"bomFormat": "CycloneDX"}"#, "'specVersion' is missing"),
            (ReportSamples.cycloneDX(version: "2.0"), "is CycloneDX 2.0; 1.4 to 1.7"),
            (ReportSamples.cycloneDX(vulnerabilities: ""), "names no vulnerability"),
            (#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#, "no container image"),
            (#"{"version": "2.0.0", "runs": []}"#, "is SARIF 2.0.0"),
            (#"{"version": "2.1.0", "runs": []}"#, "has 0 runs"),
            (
                #"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x\u001b[2J"}}}]}"#,
                "SARIF of 'x?[2J'"
            ),
            (
                #"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "grype"}}}]}"#,
                "which image"
            ),
        ] as [(String, String)]) func badDocuments(text: String, reason: String)
    {
        #expect(failure(text).contains(reason), "\(failure(text))")
    }

    @Test func entriesThatCannotBeReadAreCounted() throws {
        let long = String(repeating: "a", count: 300)
        let report = try report(
            ReportSamples.trivy(
                findings: [
                    "7", "{}", #"{"VulnerabilityID": "x y"}"#, #"{"VulnerabilityID": 8}"#,
                    #"{"VulnerabilityID": "CVE-2024-1000", "PkgName": "\#(long)"}"#,
                    #"{"VulnerabilityID": "cve-2024-1001", "PkgName": "a\u001b]0;x\nb"}"#,
                ].joined(separator: ",")))
        #expect(report.unreadableCount == 5)
        #expect(report.findings.map(\.id) == ["CVE-2024-1001"])
        #expect(report.findings.first?.package == "a?]0;x?b")
        let many = (0...ImageReport.mostFindings).map {
            #"{"VulnerabilityID": "CVE-2024-\#(100_000 + $0)", "PkgName": "p"}"#
        }
        #expect(
            failure(ReportSamples.trivy(findings: many.joined(separator: ",")))
                .contains("more than 20000 findings"))
    }

    /// Short entries need memory, too.
    @Test(
        arguments: [
            (
                #""Results": [{"Vulnerabilities": [\#(ReportSamples.many(40_001))]}]"#,
                "more than 40000 findings"
            ),
            (#""X": [\#(ReportSamples.many(2_000_001))]"#, "more than 2000000 values"),
            (#""X": ["\\\"\#(String(repeating: ",[{", count: 700_000))"]"#, "none"),
        ] as [(String, String)]) func documentsOfManyValues(keys: String, reason: String)
    {
        let begin = #"{"SchemaVersion": 2, "ArtifactType": "container_image", "#
        let text = begin + #""ArtifactName": "a", "# + keys + "}"
        #expect(failure(text).contains(reason))
    }

    @Test func onePackageInTwoVersionsIsOneFinding() throws {
        let report = try report(
            ReportSamples.trivy(
                findings: ReportSamples.left
                    + #"""
                    , {"VulnerabilityID": "CVE-2025-99999", "PkgName": "@shop/left",
                    "InstalledVersion": "1.0.0", "FixedVersion": "1.0.9", "Severity": "LOW"}
                    """#))
        #expect(report.findings.map(\.version) == ["2.1.0, 1.0.0"])
        #expect(report.findings.map(\.fixedVersion) == ["1.0.9"])
        #expect(report.findings.map(\.severity) == [.high])
    }
}
