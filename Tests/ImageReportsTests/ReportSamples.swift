import Foundation

/// Reports as Trivy, Grype and others write them, about one made-up image.
enum ReportSamples {
    static let config = String(repeating: "c0", count: 32)
    static let index = String(repeating: "1d", count: 32)
    static let layer = String(repeating: "1a", count: 32)

    static func trivy(
        id: String = config, layers: [String] = [layer], created: String = "2026-11-20T09:58:12Z",
        findings: String = openssl + "," + left
    ) -> String {
        """
        {"SchemaVersion": 2, "Trivy": {"Version": "0.74.0"}, "CreatedAt": "\(created)",
        "ArtifactName": "registry.example.org/shop/web:2.4", "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.8"}, "ImageID": "sha256:\(id)",
        "DiffIDs": [\(layers.map { "\"sha256:\($0)\"" }.joined(separator: ","))],
        "RepoTags": ["registry.example.org/shop/web:2.4"],
        "RepoDigests": ["registry.example.org/shop/web@sha256:\(index)"],
        "ImageConfig": {"config": {"Env": ["DB_PASSWORD=correct-horse"]}}},
        "Results": [{"Target": "web:2.4 (debian 12.8)", "Class": "os-pkgs", "Type": "debian",
        "Vulnerabilities": [\(findings)]}, {"Target": "Node.js", "Class": "lang-pkgs"}]}
        """
    }

    static let openssl = """
        {"VulnerabilityID": "CVE-2024-9143", "PkgName": "openssl", "PkgIdentifier":
        {"PURL": "pkg:deb/debian/openssl@3.0.14-1~deb12u2"}, "InstalledVersion":
        "3.0.14-1~deb12u2", "FixedVersion": "3.0.15-1~deb12u1", "Status": "fixed",
        "Severity": "MEDIUM", "CVSS": {"nvd": {"V3Score": 4.3}}}
        """
    static let left = """
        {"VulnerabilityID": "CVE-2025-99999", "PkgName": "@shop/left", "InstalledVersion": "2.1.0",
        "Severity": "HIGH"}
        """

    static func grype(id: String = config, match more: String = "") -> String {
        """
        {"matches": [{"vulnerability": {"id": "GHSA-8xxx-27xx-79xx", "severity": "Critical",
        "fix": {"versions": ["2.1.4", "3.0.1"], "state": "fixed"}, "epss": [{"cve":
        "CVE-2025-99999", "epss": 0.0421, "percentile": 0.88, "date": "2026-11-25"}],
        "knownExploited": [{"cve": "CVE-2025-99999"}]}, "relatedVulnerabilities":
        [{"id": "CVE-2025-99999", "severity": "High"}], "matchDetails": [{"type":
        "exact-direct-match", "fix": {"suggestedVersion": "2.1.4"}}], "artifact": {"name": "left",
        "version": "2.1.0", "type": "npm", "purl": "pkg:npm/%40shop/left@2.1.0"}}\(more)],
        "ignoredMatches": [{"vulnerability": {"id": "CVE-2020-1"}}],
        "source": {"type": "image", "target": {"userInput": "registry.example.org/shop/web:2.4",
        "imageID": "sha256:\(id)", "manifestDigest": "sha256:\(index)", "repoDigests": [],
        "tags": [], "layers": [{"mediaType": "x", "digest": "sha256:\(layer)", "size": 1}]}},
        "descriptor": {"name": "grype", "version": "0.116.0", "timestamp": "2026-11-21T08:00:00Z"}}
        """
    }

    static func cycloneDX(
        version: String = "1.6", vulnerabilities: String = advised
    ) -> String {
        """
        {"$schema": "http://cyclonedx.org/schema/bom-\(version).schema.json", "bomFormat":
        "CycloneDX", "specVersion": "\(version)", "version": 1, "metadata": {"timestamp":
        "2026-11-19T00:00:00+00:00", "tools": {"components": [{"type": "application", "name":
        "trivy"}]}, "component": {"bom-ref": "image", "type": "container", "name":
        "registry.example.org/shop/web:2.4", "purl":
        "pkg:oci/web@sha256%3A\(index)?arch=amd64", "properties": [{"name":
        "aquasecurity:trivy:ImageID", "value": "sha256:\(config)"}, {"name":
        "aquasecurity:trivy:DiffID", "value": "sha256:\(layer)"}]}}, "components": [{"bom-ref":
        "pkg-openssl", "type": "library", "name": "openssl", "version": "3.0.14-1~deb12u2"}],
        "vulnerabilities": [\(vulnerabilities)]}
        """
    }

    static let advised = """
        {"id": "CVE-2024-9143", "ratings": [{"severity": "medium", "score": 4.8, "method":
        "CVSSv31"}, {"source": {"name": "FIRST"}, "score": 0.03, "method": "other"}],
        "recommendation": "Upgrade openssl to version 3.0.15-1~deb12u1; Upgrade x to version 2",
        "affects": [{"ref": "pkg-openssl", "versions": [{"version": "3.0.14-1~deb12u2",
        "status": "affected"}]}]}
        """

    static func analysed(_ state: String, _ ref: String = "pkg-openssl") -> String {
        """
        {"id": "CVE-2024-9143", "analysis": {"state": "\(state)"}, "affects": [{"ref": "\(ref)"}]}
        """
    }

    static let trivySARIF = #"""
        {"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": {"fullName": "Trivy Vulnerability Scanner", "name": "Trivy",
        "rules": [{"id": "CVE-2024-9143", "name": "OsPackageVulnerability"}]}},
        "results": [{"ruleId": "CVE-2024-9143", "ruleIndex": 0, "level": "warning", "message":
        {"text": "Package: openssl\nInstalled Version: 3.0.14-1~deb12u2\nVulnerability \#
        CVE-2024-9143\nSeverity: MEDIUM\nFixed Version: 3.0.15-1~deb12u1\nLink: \#
        [CVE-2024-9143](https://avd.example/cve-2024-9143)"}},
        {"ruleId": "aws-key", "level": "error", "message": {"text": "Artifact: app/.env\nType: \#
        \nSecret AWS key\nSeverity: CRITICAL\nMatch: AKIA-correct-horse"}}],
        "properties": {"imageID": "sha256:CONFIG", "imageName":
        "registry.example.org/shop/web:2.4", "repoDigests": [], "repoTags": []}}]}
        """#.replacingOccurrences(of: "CONFIG", with: config)

    static let grypeSARIF = #"""
        {"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": {"name": "grype", "version": "0.116.0", "rules": [{"id":
        "GHSA-8xxx-27xx-79xx-left", "help": {"text": "Vulnerability GHSA-8xxx-27xx-79xx\#
        \nSeverity: high\nPackage: left\nVersion: 2.1.0\nFix Version: 2.1.4\nType: npm\nLocation: \#
        /app\nData Namespace: github:language:javascript\nLink: x"},
        "properties": {"security-severity": "7.5"}}]}}, "results": [{"ruleId":
        "GHSA-8xxx-27xx-79xx-left", "message": {"text": "A high vulnerability in npm package: \#
        left, version 2.1.0 was found in image registry.example.org/shop/web:2.4 at: /app"}}]}]}
        """#

    static let exploited = """
        {"title": "catalog", "catalogVersion": "2026.11.20", "dateReleased":
        "2026-11-20T12:00:00.1234Z", "count": 2, "vulnerabilities": [{"cveID": "CVE-2024-9143",
        "vendorProject": "OpenSSL", "dateAdded": "2026-11-02"}, {"cveID": "CVE-2019-1234567"}]}
        """

    static let scores = """
        #model_version:v2025.03.14,score_date:2026-11-27T12:55:00+0000
        cve,epss,percentile
        CVE-1999-0001,0.00132,0.5
        CVE-2024-9143,0.9,0.99

        """.replacingOccurrences(of: "\n\n", with: "\n")

    /// So many empty entries.
    static func many(_ count: Int) -> String {
        Array(repeating: "{}", count: count).joined(separator: ",")
    }
}
