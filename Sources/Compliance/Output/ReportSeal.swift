internal import Digests

/// The digest in a report's file: SHA-256 of the file with zeros in place of the digest.
public enum ReportSeal {
    /// A report's file as it is read.
    public struct Content: Sendable, Equatable {
        /// The digest in the file, and the one of its content.
        public var stated: String
        public var actual: String
        /// The number and hash of the audit record that the file names; nil: it names none.
        public var head: (number: Int64, hash: String)?

        public static func == (one: Self, other: Self) -> Bool {
            one.stated == other.stated && one.actual == other.actual
                && one.head?.number == other.head?.number && one.head?.hash == other.head?.hash
        }
    }

    /// Stands for the digest until it is known.
    static let blank = String(repeating: "0", count: 64)
    /// The words before the digest and before the head.
    static let label = "content-sha256:"
    static let headLabel = "audit-head:"

    /// What a report's file contains, whatever its format: the digest of its content, and the
    /// number and hash of the audit trail's head. It stands before all text of a standard.
    static func line(_ head: (number: Int64, hash: String)?) -> String {
        "\(label)\(blank) \(headLabel)\(head.map { "\($0.number):\($0.hash)" } ?? "none")"
    }

    /// Writes the digest into a text that contains `line`.
    static func seal(_ text: String) -> String {
        guard let range = text.firstRange(of: label + blank) else { return text }
        return text.replacingCharacters(range, with: label + digest(text))
    }

    /// - Returns: nil if the bytes are no text with a digest, so no report.
    public static func read(_ bytes: [UInt8]) -> Content? {
        guard let text = String(validating: bytes, as: UTF8.self),
            let found = text.firstMatch(
                of: /content-sha256:([0-9a-f]{64}) audit-head:(none|([0-9]{1,18}):([0-9a-f]{64}))/)
        else { return nil }
        let open = text.replacingCharacters(found.1.startIndex..<found.1.endIndex, with: blank)
        var content = Content(stated: String(found.1), actual: digest(open))
        if let number = found.3.flatMap({ Int64($0) }), let hash = found.4 {
            content.head = (number, String(hash))
        }
        return content
    }

    private static func digest(_ text: String) -> String {
        SHA256.hash(Array(text.utf8).span).hexadecimal
    }
}

extension String {
    fileprivate func replacingCharacters(
        _ range: Range<String.Index>, with other: String
    ) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
