import Workloads

/// SARIF 2.1.0 as Trivy and Grype write it: the keys that are used. Neither has fields of its own
/// for package and version; they are lines of a text.
struct SARIFReport: Decodable {
    struct Message: Decodable {
        var text: String?
    }

    struct Rule: Decodable {
        struct Properties: Decodable {
            var score: Lenient<String>?

            enum CodingKeys: String, CodingKey { case score = "security-severity" }
        }

        var id: String?
        var help: Message?
        var properties: Properties?
    }

    struct Driver: Decodable {
        var name: String?
        var rules: [Lenient<Rule>]?
    }

    struct Tool: Decodable {
        var driver: Driver?
    }

    struct Result: Decodable {
        var ruleId: String?
        var message: Message?
    }

    struct Properties: Decodable {
        var imageName: String?
        var imageID: String?
        var repoDigests: [String]?
        var repoTags: [String]?
    }

    struct Run: Decodable {
        var tool: Tool?
        var results: Entries<Result>?
        var properties: Lenient<Properties>?
    }

    var version: String?
    var runs: [Run]

    /// The most runs of one file.
    private static let mostRuns = 20

    func reports() throws(ReportError) -> [ImageReport] {
        guard version == "2.1.0" else {
            throw ReportError("is SARIF \((version ?? "").prefix(16)); only 2.1.0 is read")
        }
        guard !runs.isEmpty, runs.count <= Self.mostRuns else {
            throw ReportError("has \(runs.count) runs; 1 to \(Self.mostRuns) are read")
        }
        var reports: [ImageReport] = []
        for run in runs { reports.append(try run.report()) }
        return reports
    }
}

extension SARIFReport.Run {
    fileprivate func report() throws(ReportError) -> ImageReport {
        let driver = tool?.driver?.name ?? ""
        switch driver.lowercased() {
        case "trivy": return try trivy()
        case "grype": return try grype()
        default:
            throw ReportError(
                "is SARIF of '\(ImageReport.text(driver, limit: 64) ?? "")'; that of Trivy and "
                    + "Grype is read")
        }
    }

    private func begin(
        _ scanner: String, _ name: String, _ image: ImageIdentity
    ) throws(ReportError) -> ImageReport {
        guard !image.isEmpty else {
            throw ReportError("does not say of which image it is; give the scanner's own JSON")
        }
        return ImageReport(.sarif, scanner: scanner, name: name, image: image, created: nil)
    }

    /// Trivy has the image in the run's properties, and the package in each result's message.
    private func trivy() throws(ReportError) -> ImageReport {
        var image = ImageIdentity()
        let facts = properties?.value
        image.add(digest: facts?.imageID)
        for text in facts?.repoDigests ?? [] { image.add(digest: text) }
        for text in facts?.repoTags ?? [] { image.add(reference: text) }
        image.add(reference: facts?.imageName)
        var report = try begin("Trivy", facts?.imageName ?? facts?.imageID ?? "", image)
        report.countUnreadable(results?.unreadableCount ?? 0)
        for result in results?.values ?? [] {
            let lines = Self.lines(result.message?.text)
            // Results about secrets, licences and misconfigurations have no package's version.
            guard let package = lines["Package"], let version = lines["Installed Version"] else {
                continue
            }
            try report.add(
                ImageReport.Entry(
                    id: result.ruleId, package: package, version: version,
                    fixedVersion: lines["Fixed Version"],
                    severity: VulnerabilitySeverity(word: lines["Severity"])))
        }
        return report
    }

    /// Grype has the image's name in each result's message, and the package in the rule's help.
    private func grype() throws(ReportError) -> ImageReport {
        var rules: [String: SARIFReport.Rule] = [:]
        for rule in (tool?.driver?.rules ?? []).lazy.compactMap(\.value) {
            if let id = rule.id { rules[id] = rule }
        }
        let found = results?.values ?? []
        let name = found.lazy.compactMap { $0.message?.text.flatMap(Self.image) }.first
        var image = ImageIdentity()
        image.add(reference: name)
        var report = try begin("Grype", name ?? "", image)
        report.countUnreadable(results?.unreadableCount ?? 0)
        for result in found {
            guard let rule = result.ruleId.flatMap({ rules[$0] }) else {
                report.countUnreadable()
                continue
            }
            let lines = Self.lines(rule.help?.text)
            let first = rule.help?.text?.prefix { $0 != "\n" }.split(separator: " ").last
            let word = VulnerabilitySeverity(word: lines["Severity"])
            let score = rule.properties?.score?.value.flatMap { Double($0) } ?? 0
            try report.add(
                ImageReport.Entry(
                    id: first.map(String.init), package: lines["Package"],
                    version: lines["Version"], fixedVersion: lines["Fix Version"],
                    severity: word == .unknown ? VulnerabilitySeverity(score: score) : word))
        }
        return report
    }

    /// The name in `… was found in image NAME at: PATH`.
    private static func image(in text: String) -> String? {
        guard let start = text.firstRange(of: " was found in image "),
            let end = text[start.upperBound...].firstRange(of: " at: ")
        else { return nil }
        return String(text[start.upperBound..<end.lowerBound])
    }

    /// The lines `Key: value` of a text.
    private static func lines(_ text: String?) -> [String: String] {
        var found: [String: String] = [:]
        for line in (text ?? "").prefix(4096).split(separator: "\n").prefix(16) {
            guard let colon = line.firstRange(of: ": ") else {
                if line.hasSuffix(":") { found[String(line.dropLast())] = "" }
                continue
            }
            let key = String(line[..<colon.lowerBound])
            if found[key] == nil { found[key] = String(line[colon.upperBound...]) }
        }
        return found
    }
}
