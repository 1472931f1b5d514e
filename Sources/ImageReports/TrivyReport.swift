import Workloads

/// Trivy's JSON: the keys that are used. The image's configuration, which has the values of its
/// environment, is not read.
struct TrivyReport: Decodable {
    struct Image: Decodable {
        var ImageID: String?
        var DiffIDs: [String]?
        var RepoTags: [String]?
        var RepoDigests: [String]?
    }

    struct Section: Decodable {
        var Vulnerabilities: Entries<Vulnerability>?
    }

    struct Vulnerability: Decodable {
        var VulnerabilityID: String?
        var VendorIDs: [String]?
        var PkgName: String?
        var InstalledVersion: String?
        var FixedVersion: String?
        var Severity: String?
    }

    var SchemaVersion: Int
    var CreatedAt: String?
    var ArtifactName: String?
    var ArtifactType: String?
    var Metadata: Image?
    var Results: [Section]?

    func report() throws(ReportError) -> ImageReport {
        guard SchemaVersion == 2 else {
            throw ReportError("is of Trivy's schema version \(SchemaVersion); only 2 is read")
        }
        guard ArtifactType == "container_image" else {
            throw ReportError("is about no container image ('ArtifactType')")
        }
        var image = ImageIdentity()
        image.add(digest: Metadata?.ImageID)
        for text in Metadata?.RepoDigests ?? [] { image.add(digest: text) }
        for text in Metadata?.RepoTags ?? [] { image.add(reference: text) }
        image.set(layers: Metadata?.DiffIDs ?? [])
        image.add(reference: ArtifactName)
        guard !image.isEmpty else { throw ReportError("does not say of which image it is") }
        var report = ImageReport(
            .trivy, scanner: "Trivy", name: ArtifactName ?? Metadata?.ImageID ?? "", image: image,
            created: ReportDocument.time(CreatedAt))
        for section in (Results ?? []).lazy.compactMap(\.Vulnerabilities) {
            report.countUnreadable(section.unreadableCount)
            for found in section.values { try report.add(found.entry) }
        }
        return report
    }
}

extension TrivyReport.Vulnerability {
    fileprivate var entry: ImageReport.Entry {
        // One identifier of the vendor that is a CVE is the vulnerability's.
        let numbers = Set((VendorIDs ?? []).filter(ImageReport.isCVE))
        let isCVE = VulnerabilityID.map { $0.hasPrefix("CVE-") } ?? false
        let cve = isCVE || numbers.count != 1 ? nil : numbers.first
        return ImageReport.Entry(
            id: cve ?? VulnerabilityID, alias: VulnerabilityID, package: PkgName,
            version: InstalledVersion, fixedVersion: FixedVersion,
            severity: VulnerabilitySeverity(word: Severity))
    }
}
