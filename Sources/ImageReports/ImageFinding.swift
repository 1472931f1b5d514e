/// How bad a vulnerability is, in the words of Trivy. `negligible`, `info` and `none` are low.
public enum VulnerabilitySeverity: String, CaseIterable, Comparable, Sendable {
    case unknown, low, medium, high, critical

    /// A word of any scanner, in upper or lower case.
    init(word: String?) {
        let word = word?.lowercased() ?? ""
        self =
            switch word {
            case "negligible", "info", "none", "note": .low
            case "moderate": .medium
            case "important": .high
            default: Self(rawValue: word) ?? .unknown
            }
    }

    /// A base score of CVSS, 0 to 10.
    init(score: Double) {
        switch score {
        case 9...10: self = .critical
        case 7..<9: self = .high
        case 4..<7: self = .medium
        case 0.1..<4: self = .low
        default: self = .unknown
        }
    }

    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    public static func < (one: Self, other: Self) -> Bool { one.rank < other.rank }
}

/// One vulnerability of one package in an image.
public struct ImageFinding: Sendable, Equatable {
    /// The CVE where the report names one, else the scanner's own identifier.
    public var id: String
    /// The scanner's identifier where `id` is another; empty: none.
    public var alias = ""
    public var package: String
    public var version: String
    /// The versions that have it no more, as the scanner names them; empty: none is known.
    public var fixedVersion: String
    public var severity: VulnerabilitySeverity
    /// The probability of exploitation within 30 days by EPSS, 0...1; nil: unknown.
    public var epss: Float?
    /// Whether a list says that it is exploited.
    public var isExploited = false
    /// The scanners that found it.
    public var scanners: [String] = []

    public var isFixable: Bool { !fixedVersion.isEmpty }

    /// What has to be done to be rid of it.
    public var mend: String {
        isFixable
            ? "rebuild with \(package) \(fixedVersion)"
            : "no fixed version is known; remove \(package), or watch it"
    }

    /// The same vulnerability of the same package has the same key, whichever scanner found it:
    /// scanners name groups and scopes of a package differently.
    struct Key: Hashable {
        var id: String
        var package: String

        init(_ id: String, _ package: String) {
            self.id = id
            let last = package.split { $0 == "/" || $0 == ":" }.last ?? Substring(package)
            self.package = last.lowercased()
        }
    }

    var key: Key { Key(id, package) }

    /// Sorts what is exploited and can be mended first.
    static func isBefore(_ one: Self, _ other: Self) -> Bool {
        func rank(_ finding: Self) -> Int {
            (finding.isExploited ? 2 : 0) + (finding.isExploited && finding.isFixable ? 1 : 0)
        }
        if rank(one) != rank(other) { return rank(one) > rank(other) }
        if one.severity != other.severity { return one.severity > other.severity }
        if one.isFixable != other.isFixable { return one.isFixable }
        if one.epss != other.epss { return one.epss ?? -1 > other.epss ?? -1 }
        return (one.id, one.package) < (other.id, other.package)
    }
}
