public import YAML

/// A standard: its controls, and what of them the monitor's records can support.
public struct ComplianceStandard: Sendable, Equatable {
    /// A requirement of a standard.
    public struct Control: Sendable, Equatable {
        /// The number in the standard, such as `10.5.1`.
        public var id: String
        public var title: String
        /// Empty: nothing that the monitor records supports it.
        public var evidence: [EvidenceKind]
        /// What the records do not show.
        public var cannot: String
        /// For how many days records have to be kept.
        public var retentionDays: Int?
    }

    /// The name on the command line, such as `pci-dss-4`.
    public var id: String
    public var title: String
    public var version: String
    /// Where the standard is published.
    public var source: String
    public var controls: [Control]

    /// The most controls, and the most kinds of evidence of one.
    static let controlLimit = 1000
    static let evidenceLimit = 32
    /// The most bytes of a text of the file.
    static let textLimit = 2000
    private static let fileLimit = 1 << 20
    /// A hundred years.
    private static let dayLimit = 36_500

    /// Reads a standard's file.
    ///
    /// - Throws: `YAMLError` with the line.
    public init(path: String) throws(YAMLError) {
        let text = try YAMLReader.read(path)
        guard text.utf8.count <= Self.fileLimit else {
            throw .unreadable(path: path, reason: "has more than 1 MiB")
        }
        try self.init(text: text, path: path)
    }

    /// - Parameter path: for error messages.
    init(text: String, path: String) throws(YAMLError) {
        let reader = YAMLReader(path: path)
        let root = try reader.root(of: text)
        let parts = try reader.mapping(root, "the file", keys: ["standard", "controls"])
        guard let head = parts["standard"] else {
            throw reader.fail(root, "'standard' is missing")
        }
        let keys = try reader.mapping(
            head, "'standard'", keys: ["id", "title", "version", "source", "count"])
        func field(_ key: String) throws(YAMLError) -> String {
            try Self.text(keys[key], key, in: head, reader)
        }
        id = try field("id")
        guard id.wholeMatch(of: /[a-z][a-z0-9-]{0,63}/) != nil else {
            throw reader.fail(
                keys["id"], "'id' must be lower-case letters, digits and hyphens, at most 64")
        }
        title = try field("title")
        version = try field("version")
        source = try field("source")
        let nodes = try reader.list(parts["controls"], "controls")
        guard (1...Self.controlLimit).contains(nodes.count) else {
            throw reader.fail(
                parts["controls"] ?? root, "'controls' must list 1 to \(Self.controlLimit)")
        }
        // A file that ends early at the end of a line is whole YAML with fewer controls.
        if let count = keys["count"], count.string != "\(nodes.count)" {
            throw reader.fail(
                count,
                "'count' is \((count.string ?? "?").prefix(20)), but 'controls' has "
                    + "\(nodes.count): the file is not whole, or 'count' is wrong")
        }
        controls = []
        var seen: Set<String> = []
        for node in nodes {
            let control = try Self.control(node, reader)
            guard seen.insert(control.token).inserted else {
                throw reader.fail(node, "control '\(control.id)' is listed twice")
            }
            controls.append(control)
        }
    }

    private static func control(
        _ node: YAMLNode, _ reader: YAMLReader
    ) throws(YAMLError) -> Control {
        let keys = try reader.mapping(
            node, "a control", keys: ["id", "title", "evidence", "cannot", "retention"])
        let id = try text(keys["id"], "id", in: node, reader)
        let nodes = try reader.list(keys["evidence"], "evidence")
        guard nodes.count <= evidenceLimit else {
            throw reader.fail(keys["evidence"], "more than \(evidenceLimit) kinds of evidence")
        }
        var evidence: [EvidenceKind] = []
        for node in nodes {
            guard let name = node.string, let kind = EvidenceKind(name: name) else {
                throw reader.fail(
                    node,
                    "unknown evidence '\((node.string ?? "?").prefix(80))'; known: "
                        + EvidenceKind.names.joined(separator: ", "))
            }
            if !evidence.contains(kind) { evidence.append(kind) }
        }
        let days = try keys["retention"].map { node throws(YAMLError) in
            guard let match = node.string?.wholeMatch(of: /([0-9]{1,5})d/),
                let days = Int(match.1), (1...dayLimit).contains(days)
            else { throw reader.fail(node, "'retention' must be days, such as 365d") }
            return days
        }
        guard evidence.contains(.retention) == (days != nil) else {
            throw reader.fail(
                node,
                "control '\(id)': the evidence 'retention' and the key 'retention' go together")
        }
        return Control(
            id: id, title: try text(keys["title"], "title", in: node, reader), evidence: evidence,
            cannot: try text(keys["cannot"], "cannot", in: node, reader), retentionDays: days)
    }

    private static func text(
        _ node: YAMLNode?, _ name: String, in whole: YAMLNode, _ reader: YAMLReader
    ) throws(YAMLError) -> String {
        let text = try reader.text(node, name, in: whole)
        guard text.utf8.count <= textLimit, text.contains(where: { !$0.isWhitespace }) else {
            throw reader.fail(node, "'\(name)' must be text of at most \(textLimit) bytes")
        }
        return text
    }
}

extension ComplianceStandard.Control {
    /// The number as a token of OSCAL: letters, digits, `.`, `-` and `_`.
    var token: String {
        let letters = id.unicodeScalars.map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                || scalar == "." || scalar == "_" ? Character(scalar) : "-"
        }
        return String(letters).split(separator: "-").joined(separator: "-")
    }
}

extension ComplianceStandard {
    private static let files: [(name: String, content: [UInt8])] = [
        ("cis-docker", PackageResources.cis_docker_yaml),
        ("hipaa", PackageResources.hipaa_yaml),
        ("nist-800-190", PackageResources.nist_800_190_yaml),
        ("pci-dss-4", PackageResources.pci_dss_4_yaml),
    ]

    /// The names of the standards that the program contains.
    public static var builtInNames: [String] { files.map(\.name) }

    /// A standard that the program contains; nil: there is none of this name.
    public static func builtIn(_ name: String) throws(YAMLError) -> ComplianceStandard? {
        guard let file = files.first(where: { $0.name == name }) else { return nil }
        return try ComplianceStandard(
            text: String(decoding: file.content, as: UTF8.self), path: "\(name).yaml")
    }
}
