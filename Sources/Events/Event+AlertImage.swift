import TextFormats

extension Event.Alert {
    /// What scanners report of the offender's image.
    public struct Image: Sendable, Equatable {
        /// The numbers of findings by severity.
        public struct Findings: Sendable, Equatable, Decodable {
            public var critical: Int
            public var high: Int
            public var medium: Int
            public var low: Int
            public var unknown: Int

            public init(critical: Int, high: Int, medium: Int, low: Int, unknown: Int) {
                self.critical = critical
                self.high = high
                self.medium = medium
                self.low = low
                self.unknown = unknown
            }
        }

        /// The first digits of a digest; empty: unknown.
        public var id: String
        public var reference: String
        /// Whether the report was found by the tag alone, which may name another image by now.
        public var isWeak: Bool
        public var findings: Findings
        public var fixable: Int
        /// At most `mostNamed`.
        public private(set) var knownExploited: [String]
        public private(set) var knownExploitedCount: Int
        public var highestEPSS: Double?
        public var reportAgeSeconds: Int

        /// The most vulnerabilities that an alert names.
        public static let mostNamed = 5

        public init(
            id: String, reference: String, isWeak: Bool, findings: Findings, fixable: Int,
            knownExploited: [String], knownExploitedCount: Int? = nil, highestEPSS: Double?,
            reportAgeSeconds: Int
        ) {
            self.id = id
            self.reference = reference
            self.isWeak = isWeak
            self.findings = findings
            self.fixable = fixable
            self.knownExploited = Array(knownExploited.prefix(Self.mostNamed))
            self.knownExploitedCount = knownExploitedCount ?? knownExploited.count
            self.highestEPSS = highestEPSS
            self.reportAgeSeconds = reportAgeSeconds
        }

        /// A sentence for the reasons.
        var text: String {
            let more = knownExploitedCount - knownExploited.count
            let names =
                knownExploited.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
            let days = reportAgeSeconds / 86_400
            let age = days == 0 ? "of today" : days == 1 ? "a day old" : "\(days) days old"
            let name = reference.isEmpty ? id : reference
            return "its image \(name) has vulnerabilities that are known to be exploited: \(names)"
                + "; the report is \(age)"
                + (isWeak ? ", and found by the tag alone, which may name another image" : "")
        }
    }

    /// Adds what scanners report of the offender's image. Known exploitation makes the alert one
    /// level more urgent, unless the report may be about another image.
    ///
    /// - Parameter isRaised: whether something else has made the alert more urgent already.
    public mutating func add(_ image: Image, isRaised: Bool) {
        self.image = image
        reasons.append(Reason(text: image.text))
        if !isRaised, !image.isWeak { severity = severity.raised }
    }
}

extension Event.Severity {
    /// One level more urgent.
    var raised: Self { self == .informational ? .low : self == .low ? .medium : .high }
}
