import Workloads

/// Grype's JSON: the keys that are used.
struct GrypeReport: Decodable {
    struct Match: Decodable {
        struct Related: Decodable {
            var id: String?
        }

        struct Detail: Decodable {
            struct Fix: Decodable {
                var suggestedVersion: String?
            }
            var fix: Fix?
        }

        var vulnerability: Vulnerability
        var relatedVulnerabilities: [Related]?
        var matchDetails: [Lenient<Detail>]?
        var artifact: Artifact
    }

    struct Vulnerability: Decodable {
        struct Fix: Decodable {
            var versions: [String]?
            var state: String?
        }

        struct Score: Decodable {
            var cve: String?
            var epss: Double?
        }

        struct Exploited: Decodable {
            var cve: String?
        }

        var id: String?
        var severity: String?
        var fix: Fix?
        var epss: [Lenient<Score>]?
        var knownExploited: [Lenient<Exploited>]?
    }

    struct Artifact: Decodable {
        var name: String?
        var version: String?
    }

    struct Source: Decodable {
        struct Target: Decodable {
            struct Layer: Decodable {
                var digest: String?
            }

            var userInput: String?
            var imageID: String?
            var manifestDigest: String?
            var repoDigests: [String]?
            var tags: [String]?
            var layers: [Layer]?
        }

        var type: String?
        /// A text where no image was scanned.
        var target: Lenient<Target>?
    }

    struct Descriptor: Decodable {
        var name: String?
        var timestamp: String?
    }

    var matches: Entries<Match>?
    var source: Source?
    var descriptor: Descriptor?

    /// The most CVEs that one advisory stands for.
    private static let mostNumbers = 64

    func report() throws(ReportError) -> ImageReport {
        guard descriptor?.name == "grype" else {
            throw ReportError("has 'matches', but is not of Grype ('descriptor.name')")
        }
        guard source?.type == "image", let target = source?.target?.value else {
            throw ReportError("is about no container image ('source.type')")
        }
        var image = ImageIdentity()
        image.add(digest: target.imageID)
        image.add(digest: target.manifestDigest)
        for text in target.repoDigests ?? [] { image.add(digest: text) }
        for text in target.tags ?? [] { image.add(reference: text) }
        image.set(layers: (target.layers ?? []).map { $0.digest ?? "" })
        image.add(reference: target.userInput)
        guard !image.isEmpty else { throw ReportError("does not say of which image it is") }
        var report = ImageReport(
            .grype, scanner: "Grype", name: target.userInput ?? target.imageID ?? "", image: image,
            created: ReportDocument.time(descriptor?.timestamp))
        report.countUnreadable(matches?.unreadableCount ?? 0)
        for match in matches?.values ?? [] {
            for entry in match.entries(limit: Self.mostNumbers) { try report.add(entry) }
        }
        return report
    }
}

extension GrypeReport.Match {
    /// One finding for each CVE that the advisory stands for; one of its own identifier where there
    /// is none.
    fileprivate func entries(limit: Int) -> [ImageReport.Entry] {
        let own = vulnerability.id
        let related = (relatedVulnerabilities ?? []).compactMap(\.id).filter(ImageReport.isCVE)
        let isCVE = own.map { $0.hasPrefix("CVE-") } ?? false
        let numbers: [String?] = isCVE || related.isEmpty ? [own] : Set(related).sorted()
        let isFixed = vulnerability.fix?.state == "fixed"
        let suggested = (matchDetails ?? []).lazy.compactMap { $0.value?.fix?.suggestedVersion }
        let all = (vulnerability.fix?.versions ?? []).prefix(4).joined(separator: ", ")
        return numbers.prefix(limit).map { id in
            ImageReport.Entry(
                id: id, alias: own, package: artifact.name, version: artifact.version,
                fixedVersion: isFixed ? suggested.first ?? all : nil,
                severity: VulnerabilitySeverity(word: vulnerability.severity),
                epss: (vulnerability.epss ?? []).lazy.compactMap(\.value)
                    .first { $0.cve == id }?.epss,
                isExploited: (vulnerability.knownExploited ?? []).contains { $0.value?.cve == id })
        }
    }
}
