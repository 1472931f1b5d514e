import Workloads

/// A CycloneDX document of Trivy, Grype or others, with the analysis of its vulnerabilities (VEX):
/// the keys that are used.
struct CycloneDXReport: Decodable {
    struct Property: Decodable {
        var name: String?
        var value: String?
    }

    struct Hash: Decodable {
        var alg: String?
        var content: String?
    }

    struct Component: Decodable {
        var reference: String?
        var type: String?
        var name: String?
        var version: String?
        var purl: String?
        var hashes: [Hash]?
        var properties: [Property]?
        var components: [Component]?

        enum CodingKeys: String, CodingKey {
            case type, name, version, purl, hashes, properties, components
            case reference = "bom-ref"
        }
    }

    struct Tool: Decodable {
        var name: String?
    }

    /// A list until 1.4, an object with components since 1.5.
    struct Tools: Decodable {
        var names: [String] = []

        private enum Keys: String, CodingKey { case components }

        init(from decoder: any Decoder) throws {
            if let list = try? [Tool](from: decoder) {
                names = list.compactMap(\.name)
            } else {
                let keys = try decoder.container(keyedBy: Keys.self)
                names =
                    try keys.decodeIfPresent([Tool].self, forKey: .components)?
                    .compactMap(\.name) ?? []
            }
        }
    }

    struct Metadata: Decodable {
        var timestamp: String?
        var tools: Lenient<Tools>?
        var component: Component?
    }

    struct Rating: Decodable {
        struct Source: Decodable {
            var name: String?
        }

        var source: Source?
        var score: Double?
        var severity: String?
        var method: String?
    }

    struct Analysis: Decodable {
        var state: String?
    }

    struct Reference: Decodable {
        var id: String?
    }

    struct Affected: Decodable {
        struct Version: Decodable {
            var range: String?
            var status: String?
        }

        var ref: String
        var versions: [Lenient<Version>]?
    }

    struct Vulnerability: Decodable {
        var id: String?
        var references: [Lenient<Reference>]?
        var ratings: [Lenient<Rating>]?
        var recommendation: String?
        var analysis: Analysis?
        var affects: Entries<Affected>?
    }

    var bomFormat: String
    var specVersion: String
    var metadata: Metadata?
    var components: [Component]?
    var vulnerabilities: Entries<Vulnerability>?

    static let versions: Set = ["1.4", "1.5", "1.6", "1.7"]

    func report() throws(ReportError) -> ImageReport {
        guard bomFormat == "CycloneDX" else { throw ReportError("is no CycloneDX ('bomFormat')") }
        guard Self.versions.contains(specVersion) else {
            throw ReportError("is CycloneDX \(specVersion.prefix(16)); 1.4 to 1.7 are read")
        }
        guard let subject = metadata?.component, subject.type == "container" else {
            throw ReportError("is about no container image ('metadata.component')")
        }
        let image = subject.image
        guard !image.isEmpty else { throw ReportError("does not say of which image it is") }
        let tool = metadata?.tools?.value?.names.first ?? ""
        var report = ImageReport(
            .cycloneDX, scanner: ["trivy": "Trivy", "grype": "Grype"][tool.lowercased()] ?? tool,
            name: subject.name ?? "", image: image,
            created: ReportDocument.time(metadata?.timestamp))
        var packages: [String: Component] = [:]
        for component in components ?? [] { component.collect(into: &packages) }
        report.countUnreadable(vulnerabilities?.unreadableCount ?? 0)
        for found in vulnerabilities?.values ?? [] {
            guard let id = found.number else {
                report.countUnreadable()
                continue
            }
            let affected = found.affects?.values ?? []
            report.countUnreadable(found.affects?.unreadableCount ?? 0)
            for one in affected {
                let package = packages[one.ref] ?? Component(purl: one.ref)
                guard found.isExcluded else {
                    try report.add(found.entry(id, package, one))
                    continue
                }
                if one.ref == subject.reference {
                    try report.exclude(id, package: nil)
                } else if let name = package?.name {
                    try report.exclude(id, package: name)
                } else {
                    // A reference that leads nowhere excludes nothing.
                    report.countUnreadable()
                }
            }
            guard affected.isEmpty else { continue }
            if !found.isExcluded {
                try report.add(found.entry(id, nil, nil))
            } else if found.affects?.unreadableCount ?? 0 == 0 {
                try report.exclude(id, package: nil)
            }
        }
        return report
    }
}

extension CycloneDXReport.Component {
    /// A package by its URL alone (`pkg:deb/debian/openssl@3.0.14?arch=amd64`); nil for any other
    /// text.
    fileprivate init?(purl: String) {
        guard purl.hasPrefix("pkg:"), purl.utf8.count <= 1024 else { return nil }
        let path = purl.prefix { $0 != "?" && $0 != "#" }
        guard let slash = path.lastIndex(of: "/") else { return nil }
        let parts = path[path.index(after: slash)...].split(separator: "@", maxSplits: 1)
        guard let name = parts.first.flatMap({ $0.percentDecoded }) else {
            return nil
        }
        self.init(
            name: name, version: parts.dropFirst().first.flatMap { $0.percentDecoded }, purl: purl)
    }

    fileprivate init(name: String, version: String?, purl: String) {
        self.name = name
        self.version = version
        self.purl = purl
    }

    /// This component and those in it, by their references.
    fileprivate func collect(into packages: inout [String: Self]) {
        if let reference {
            var own = self
            own.components = nil
            packages[reference] = own
        }
        for component in components ?? [] { component.collect(into: &packages) }
    }

    /// The image, as Trivy and Grype describe it.
    fileprivate var image: ImageIdentity {
        var image = ImageIdentity()
        let digest = purl?.percentDecoded.map { $0.prefix { $0 != "?" && $0 != "#" } }
        image.add(digest: digest.map(String.init))
        image.add(digest: version)
        for hash in hashes ?? [] where hash.alg == "SHA-256" { image.add(digest: hash.content) }
        func all(_ name: String) -> [String] {
            (properties ?? []).filter { $0.name == "aquasecurity:trivy:" + name }
                .compactMap(\.value)
        }
        for text in all("ImageID") + all("RepoDigest") { image.add(digest: text) }
        for text in all("RepoTag") { image.add(reference: text) }
        image.set(layers: all("DiffID"))
        image.add(reference: name)
        return image
    }
}

extension CycloneDXReport.Vulnerability {
    /// The CVE if it is one or refers to exactly one, else its own identifier.
    fileprivate var number: String? {
        guard let id, !ImageReport.isCVE(id) else { return id }
        let numbers = Set((references ?? []).compactMap { $0.value?.id }.filter(ImageReport.isCVE))
        return numbers.count == 1 ? numbers.first : id
    }

    /// Whether its analysis says that the image does not have it, or no more.
    fileprivate var isExcluded: Bool {
        switch analysis?.state {
        case "not_affected", "false_positive", "resolved", "resolved_with_pedigree": true
        default: false
        }
    }

    /// - Parameter package: nil: unknown.
    fileprivate func entry(
        _ id: String, _ package: CycloneDXReport.Component?, _ affected: CycloneDXReport.Affected?
    ) -> ImageReport.Entry {
        let ratings = (ratings ?? []).compactMap(\.value)
        // EPSS and the list of exploited vulnerabilities are written as ratings.
        let scores = ratings.filter { $0.severity != nil || $0.method != "other" }
        let severity = scores.map { rating in
            let word = VulnerabilitySeverity(word: rating.severity)
            return word == .unknown ? VulnerabilitySeverity(score: rating.score ?? 0) : word
        }.max()
        return ImageReport.Entry(
            id: id, alias: self.id, package: package?.name, version: package?.version,
            fixedVersion: package?.name.flatMap(advised) ?? affected?.fixed,
            severity: severity ?? .unknown,
            epss: ratings.first { $0.source?.name == "FIRST" }?.score,
            isExploited: ratings.contains { $0.source?.name?.hasPrefix("CISA KEV") ?? false })
    }

    /// The version in Trivy's `Upgrade NAME to version VERSION; Upgrade …`.
    private func advised(_ package: String) -> String? {
        (recommendation ?? "").prefix(16_384).split(separator: ";").lazy.compactMap { part in
            let words = part.split(separator: " to version ", maxSplits: 1)
            let subject = words.first.map { $0.drop { $0 == " " } }
            guard words.count == 2, subject == "Upgrade \(package)" else { return nil }
            return String(words[1].drop { $0 == " " })
        }.first
    }
}

extension CycloneDXReport.Affected {
    /// The versions from which on it is not affected, in Grype's `vers:generic/>=1.2.1`.
    fileprivate var fixed: String? {
        let found = (versions ?? []).compactMap { item -> Substring? in
            guard let version = item.value, version.status == "unaffected",
                let range = version.range, !range.contains("|"),
                let start = range.firstRange(of: "/>=")
            else { return nil }
            return range[start.upperBound...]
        }
        return found.isEmpty ? nil : found.prefix(4).joined(separator: ", ")
    }
}

extension StringProtocol {
    /// The text with `%3A` and the like as what they stand for; nil where they stand for nothing.
    fileprivate var percentDecoded: String? {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
