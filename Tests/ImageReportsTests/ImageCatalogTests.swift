import Foundation
import Testing
import Timestamps
import Workloads

@testable import ImageReports

/// Which report is about which image, and what several reports say together.
struct ImageCatalogTests {
    private func catalog(
        _ texts: String..., exploited: String? = nil
    ) throws -> ImageCatalog {
        ImageCatalog(
            try texts.flatMap { try ReportDocument.reports(Array($0.utf8)) },
            exploited: try exploited.map { try KnownExploited(Array($0.utf8)) } ?? KnownExploited(),
            scores: ExploitScores())
    }

    private func image(
        digest: String? = nil, layers: [String] = [], reference: String? = nil
    ) -> ImageIdentity {
        var image = ImageIdentity()
        image.add(digest: digest)
        image.set(layers: layers)
        image.add(reference: reference)
        return image
    }

    @Test(
        arguments: [
            ("sha256:\(ReportSamples.config)", true), (ReportSamples.config, true),
            ("docker-pullable://registry.example.org/shop/web@sha256:\(ReportSamples.index)", true),
            ("docker.io/shop/web@sha256:\(ReportSamples.index)", true),
            ("docker://sha256:\(ReportSamples.config)", true),
            // A tag of 64 digits is no digest, and neither is anything longer or in upper case.
            ("evil:\(ReportSamples.config)", false), ("evil/\(ReportSamples.config)", false),
            ("\(ReportSamples.config)0", false), (ReportSamples.config.uppercased(), false),
            ("sha512:\(ReportSamples.config)", false), ("", false),
        ] as [(String, Bool)]) func digests(text: String, isFound: Bool) throws
    {
        let catalog = try catalog(ReportSamples.trivy())
        #expect((catalog.answer(image(digest: text))?.join == .strong) == isFound)
    }

    @Test func layersAndTags() throws {
        let catalog = try catalog(ReportSamples.trivy())
        let other = String(repeating: "9", count: 64)
        let same = image(digest: other, layers: [ReportSamples.layer])
        #expect(catalog.answer(same)?.join == .strong)
        #expect(catalog.answer(image(layers: [ReportSamples.layer, other])) == nil)
        // The image of another platform has the index in common, and other layers.
        #expect(catalog.answer(image(digest: ReportSamples.index, layers: [other])) == nil)
        let name = "registry.example.org/shop/web:2.4"
        #expect(catalog.answer(image(digest: other, reference: name))?.join == .weak)
        #expect(catalog.answer(image(digest: other, reference: name + "@sha256:" + other)) != nil)
        #expect(catalog.answer(image(reference: "registry.example.org/shop/web:2.5")) == nil)
        #expect(catalog.answer(image(reference: "shop/web:2.4")) == nil)
        #expect(catalog.answer(ImageIdentity()) == nil)
    }

    @Test(
        arguments: [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("docker.io/nginx:1", "docker.io/library/nginx:1"),
            ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
            ("shop/web:2", "docker.io/shop/web:2"), ("localhost/web:1", "localhost/web:1"),
            ("registry:5000/web", "registry:5000/web:latest"),
            ("nginx:1@sha256:\(ReportSamples.config)", "docker.io/library/nginx:1"),
            ("nginx@sha256:\(ReportSamples.config)", nil), ("sha256:\(ReportSamples.config)", nil),
            (ReportSamples.config, nil), ("", nil), ("a b", nil), ("web:", nil),
            ("a/../\u{1B}", nil),
        ] as [(String, String?)]) func tags(reference: String, tag: String?)
    {
        #expect(image(reference: reference).tags == Set([tag].compactMap(\.self)))
    }

    @Test func oneVulnerabilityFoundByTwoScannersIsOneFinding() throws {
        let catalog = try catalog(ReportSamples.trivy(), ReportSamples.grype())
        let answer = try #require(catalog.answer(image(digest: ReportSamples.config)))
        #expect(answer.findings.map(\.id) == ["CVE-2025-99999", "CVE-2024-9143"])
        let both = try #require(answer.findings.first)
        #expect(both.scanners == ["Grype", "Trivy"] && both.severity == .critical)
        #expect(both.fixedVersion == "2.1.4" && both.isExploited)
        #expect(answer.findings.last?.scanners == ["Trivy"])
        #expect(answer.scanners == ["Grype", "Trivy"])
        // The older of the two scans.
        #expect(answer.scanned == Timestamp(second: 1_795_168_692))
    }

    @Test func theNewestReportOfAScannerCounts() throws {
        let old = ReportSamples.trivy(created: "2026-01-01T00:00:00Z")
        let new = ReportSamples.trivy(findings: ReportSamples.left)
        for both in [try catalog(old, new), try catalog(new, old)] {
            let answer = try #require(both.answer(image(digest: ReportSamples.config)))
            #expect(answer.findings.map(\.id) == ["CVE-2025-99999"])
        }
        // By a tag, what the last scanned image has, not what earlier ones had.
        let earlier = ReportSamples.grype(id: String(repeating: "e", count: 64))
            .replacingOccurrences(of: ReportSamples.index, with: String(repeating: "f", count: 64))
        let later = ReportSamples.trivy(created: "2026-11-25T00:00:00Z")
        let tagged = try catalog(earlier, later)
        let answer = tagged.answer(image(reference: "registry.example.org/shop/web:2.4"))
        #expect(answer?.scanners == ["Trivy"])
    }

    @Test(
        arguments: [
            ("not_affected", "pkg-openssl", true), ("false_positive", "pkg-openssl", true),
            ("resolved", "pkg-openssl", true), ("not_affected", "image", true),
            ("not_affected", "pkg:deb/debian/openssl@3.0.14?arch=amd64", true),
            ("in_triage", "pkg-openssl", false), ("exploitable", "pkg-openssl", false),
            // Another package, and a reference that leads nowhere.
            ("not_affected", "pkg:deb/debian/zlib@1", false), ("not_affected", "nowhere", false),
        ] as [(String, String, Bool)]) func analyses(state: String, ref: String, isLeftOut: Bool)
        throws
    {
        let vex = ReportSamples.cycloneDX(
            vulnerabilities: ReportSamples.analysed(state, ref) + ","
                + ReportSamples.advised.replacingOccurrences(of: "2024-9143", with: "2024-1111"))
        let catalog = try catalog(ReportSamples.trivy(), vex)
        let answer = try #require(catalog.answer(image(digest: ReportSamples.config)))
        #expect(answer.findings.contains { $0.id == "CVE-2024-9143" } == !isLeftOut)
        #expect(answer.findings.contains { $0.id == "CVE-2025-99999" })
        #expect((answer.excludedCount > 0) == (isLeftOut || ref.hasSuffix("zlib@1")))
    }

    @Test func anAnalysisAloneIsNoScan() throws {
        let vex = ReportSamples.cycloneDX(vulnerabilities: ReportSamples.analysed("not_affected"))
        #expect(try catalog(vex).answer(image(digest: ReportSamples.config)) == nil)
    }

    @Test func theSummaryOfAWorkload() throws {
        let catalog = try catalog(
            ReportSamples.trivy(), ReportSamples.grype(), exploited: ReportSamples.exploited)
        func running(_ name: String, _ image: ImageIdentity) -> RunningImage {
            RunningImage(
                workload: name, container: name, source: "test", reference: "web:2.4",
                identity: image)
        }
        let known = image(digest: ReportSamples.config)
        let named = image(reference: "registry.example.org/shop/web:2.4")
        let none = image(reference: "other:1")
        let all = catalog.summaries(of: [
            running("one", known), running("one", known), running("two", none),
            running("both", known), running("both", named), running("both", none),
        ])
        let one = try #require(all["one"])
        #expect(one.join == .strong && one.findingCount == 2 && one.fixableCount == 2)
        #expect(one[.critical] == 1 && one[.medium] == 1 && one[.high] == 0)
        #expect(one.knownExploited == ["CVE-2024-9143", "CVE-2025-99999"])
        #expect(one.highestEPSS == 0.0421 && one.imageID == String(ReportSamples.config.prefix(12)))
        #expect(one.reportAge(at: Timestamp(second: 1_795_168_692 + 60)) == .seconds(60))
        let two = try #require(all["two"])
        #expect(two.join == .none && two.imagesWithoutReport == 1 && two.scanned == nil)
        let both = try #require(all["both"])
        #expect(both.join == .weak && both.imagesWithoutReport == 1)
    }
}
