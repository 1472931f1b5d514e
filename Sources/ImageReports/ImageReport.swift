import TextFormats
public import Timestamps
public import Workloads

/// What one scanner reports of one image.
public struct ImageReport: Sendable, Equatable {
    public enum Format: String, Sendable {
        case trivy = "Trivy"
        case grype = "Grype"
        case cycloneDX = "CycloneDX"
        case sarif = "SARIF"
    }

    public let format: Format
    /// The program that wrote it.
    public let scanner: String
    /// The image as the report names it, for a reader.
    public let name: String
    public let image: ImageIdentity
    /// When the image was scanned; nil: the report does not say it.
    public internal(set) var created: Timestamp?
    public private(set) var findings: [ImageFinding] = []
    /// What an analysis (VEX) says is no vulnerability of this image.
    private(set) var excluded: Set<ImageFinding.Key> = []
    /// The same for every package of the image.
    private(set) var excludedAltogether: Set<String> = []
    /// Entries that could not be read.
    public private(set) var unreadableCount = 0

    private var places: [ImageFinding.Key: Int] = [:]

    /// The most findings of one image.
    static let mostFindings = 20_000

    init(
        _ format: Format, scanner: String, name: String, image: ImageIdentity, created: Timestamp?
    ) {
        self.format = format
        // CycloneDX need not name its tool.
        let named = Self.text(scanner, limit: 64) ?? ""
        self.scanner = named.isEmpty ? format.rawValue : named
        self.name = Self.text(name, limit: 512) ?? "image"
        self.image = image
        self.created = created
    }

    /// A finding as a scanner writes it; its texts are not checked yet.
    struct Entry {
        var id: String?
        var alias: String?
        var package: String?
        var version: String?
        var fixedVersion: String?
        var severity = VulnerabilitySeverity.unknown
        var epss: Double?
        var isExploited = false
    }

    /// Adds a finding; one that cannot be used is counted.
    ///
    /// - Throws: for one finding too many.
    mutating func add(_ entry: Entry) throws(ReportError) {
        guard let id = entry.id.flatMap(Self.identifier),
            let package = Self.text(entry.package ?? "", limit: 256),
            let version = Self.text(entry.version ?? "", limit: 256),
            let fixed = Self.text(entry.fixedVersion ?? "", limit: 256)
        else { return countUnreadable() }
        var finding = ImageFinding(
            id: id, package: package, version: version, fixedVersion: fixed,
            severity: entry.severity)
        if let alias = entry.alias.flatMap(Self.identifier), alias != id { finding.alias = alias }
        finding.epss = entry.epss.flatMap { (0...1).contains($0) ? Float($0) : nil }
        finding.isExploited = entry.isExploited
        guard let place = places[finding.key] else {
            guard findings.count < Self.mostFindings else {
                throw ReportError("names more than \(Self.mostFindings) findings")
            }
            places[finding.key] = findings.count
            findings.append(finding)
            return
        }
        findings[place].add(version: version, fixed: fixed)
        findings[place].add(finding)
    }

    /// Notes that an image does not have a vulnerability.
    ///
    /// - Parameter package: nil: none of its packages has it.
    mutating func exclude(_ id: String, package: String?) throws(ReportError) {
        guard let id = Self.identifier(id) else { return countUnreadable() }
        guard excluded.count + excludedAltogether.count < Self.mostFindings else {
            throw ReportError("excludes more than \(Self.mostFindings) findings")
        }
        if let package {
            excluded.insert(ImageFinding.Key(id, package))
        } else {
            excludedAltogether.insert(id)
        }
    }

    mutating func countUnreadable(_ count: Int = 1) { unreadableCount += count }

    /// Ends the reading: what it needed is forgotten.
    mutating func finish() {
        places = [:]
        let scanners = [scanner]
        for place in findings.indices { findings[place].scanners = scanners }
    }

    /// Whether it says what the image has. CycloneDX without a finding is a list of packages that
    /// nobody has compared with anything, or an analysis.
    var isScan: Bool { format != .cycloneDX || !findings.isEmpty }

    /// Whether it says anything.
    var isEmpty: Bool { !isScan && excluded.isEmpty && excludedAltogether.isEmpty }

    func excludes(_ finding: ImageFinding) -> Bool {
        excluded.contains(finding.key) || excludedAltogether.contains(finding.id)
    }

    // MARK: - Texts

    /// An identifier such as `CVE-2026-12345` or `GHSA-…`, in upper case where it is a CVE; nil for
    /// any other text.
    static func identifier(_ text: String) -> String? {
        let isIdentifier =
            (3...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
        guard isIdentifier else { return nil }
        let upper = text.uppercased()
        return isCVE(upper) ? upper : text
    }

    /// Whether it is `CVE-`, a year and at least four digits.
    static func isCVE(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        func isNumber(_ part: Substring.UTF8View, _ count: ClosedRange<Int>) -> Bool {
            count.contains(part.count) && part.allSatisfy { (0x30...0x39).contains($0) }
        }
        return parts.count == 3 && parts[0].elementsEqual("CVE".utf8) && isNumber(parts[1], 4...4)
            && isNumber(parts[2], 4...19)
    }

    /// Text of a report without control characters; nil if it is too long.
    static func text(_ text: String, limit: Int) -> String? {
        text.utf8.count <= limit ? text.printable : nil
    }
}

/// Why a document cannot be used.
struct ReportError: Error {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

extension ImageFinding {
    /// Takes over what another entry or scanner says of the same vulnerability.
    mutating func add(_ other: ImageFinding) {
        severity = max(severity, other.severity)
        if fixedVersion.isEmpty { fixedVersion = other.fixedVersion }
        if alias.isEmpty { alias = other.alias }
        if let score = other.epss { epss = max(epss ?? 0, score) }
        isExploited = isExploited || other.isExploited
    }

    /// The same package may be there in several versions; three are named.
    fileprivate mutating func add(version: String, fixed: String) {
        func joined(_ text: String, _ more: String) -> String {
            let parts = text.split(separator: ", ")
            guard !more.isEmpty, !parts.contains(Substring(more)), parts.count < 3 else {
                return text
            }
            return text.isEmpty ? more : "\(text), \(more)"
        }
        self.version = joined(self.version, version)
        fixedVersion = joined(fixedVersion, fixed)
    }
}
