internal import TextFormats
public import Timestamps

/// The records of one kind in a period, and what they lack.
public struct Evidence: Sendable, Equatable {
    /// A record that can be looked up.
    public struct Reference: Sendable, Equatable {
        /// `audit 1042`, `alert 5f0c…`, `incident …`.
        public var record: String
        /// Who or what it is about.
        public var about: String
        /// The hash in the audit trail.
        public var hash: String?
    }

    /// A part of the period without records, and why.
    public struct Gap: Sendable, Equatable {
        public var from: Timestamp
        public var to: Timestamp
        public var reason: String
    }

    public var kind: EvidenceKind
    public var count: Int64 = 0
    /// The time of the first and the last record.
    public var first: Timestamp?
    public var last: Timestamp?
    public var sentence: String
    public var references: [Reference] = []
    public var gaps: [Gap] = []
    /// What the records show that speaks against the control.
    public var exceptions: [String] = []
    /// Whether there is anything to which this kind of evidence applies, such as a pod.
    public var applies = true

    /// The most references and gaps that are listed.
    static let referenceLimit = 5
    static let gapLimit = 20

    init(_ kind: EvidenceKind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    /// Whether there are records.
    public var isPresent: Bool { count > 0 }
    /// Whether they cover the period and nothing speaks against the control.
    public var isWhole: Bool { isPresent && gaps.isEmpty && exceptions.isEmpty }
}

/// What the records say of a control. No state says that an organisation complies.
public enum ControlState: String, Sendable, CaseIterable {
    case supported
    case partlySupported = "partly supported"
    case notSupported = "not supported by records"
    case cannotBeEvidenced = "cannot be evidenced"

    /// Cannot be evidenced: no kind of evidence is named. Supported: every kind that applies has
    /// records without gap and exception. Not supported: none has records.
    init(_ evidence: [Evidence]) {
        let applying = evidence.filter(\.applies)
        if evidence.isEmpty {
            self = .cannotBeEvidenced
        } else if applying.contains(where: \.isPresent) {
            self = applying.allSatisfy(\.isWhole) ? .supported : .partlySupported
        } else {
            self = .notSupported
        }
    }
}

/// Words that several texts need.
enum Words {
    static func count(_ number: some BinaryInteger, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }

    /// `2026-11-21 08:15:30 UTC`.
    static func time(_ time: Timestamp) -> String { UTC.moment(time) }

    /// `2 d 4 h`, `3 h 10 min`, `12 min`, `40 s`.
    static func length(_ interval: Interval) -> String {
        let seconds = interval.wholeSeconds
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }
}
