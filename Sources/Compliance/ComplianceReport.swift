public import EventStore
internal import TextFormats
public import Timestamps

/// What the records of a monitor say of each control of a standard. The same records give the same
/// report.
public struct ComplianceReport: Sendable {
    /// A control with its evidence.
    public struct Finding: Sendable {
        public var control: ComplianceStandard.Control
        public var evidence: [Evidence]
        public var state: ControlState { ControlState(evidence) }
    }

    public var standard: ComplianceStandard
    public var period: Range<Timestamp>
    public var host: String
    /// The number and hash of the last audit record before the end of the period.
    public var head: (number: Int64, hash: String)?
    /// What is wrong with the hash chain; empty: it is whole.
    public var chainProblems: [String]
    /// Parts of the period that the records do not cover.
    public var gaps: [Evidence.Gap]
    public var findings: [Finding] = []

    /// - Parameters:
    ///   - period: its end is not part of it.
    ///   - host: the name of the node.
    public init(
        _ standard: ComplianceStandard, in period: Range<Timestamp>, of host: String,
        from sources: EvidenceSources
    ) throws(EventStoreError) {
        self.standard = standard
        self.period = period
        self.host = host
        var collector = try EvidenceCollector(sources, in: period)
        head = collector.trail.head.map { ($0.number, $0.hash) }
        chainProblems = collector.trail.problems
        gaps = collector.monitoringGaps
        if let gap = collector.trail.gap(in: period) { gaps.append(gap) }
        for control in standard.controls {
            var evidence: [Evidence] = []
            for kind in control.evidence {
                evidence.append(try collector.evidence(kind, for: control))
            }
            findings.append(Finding(control: control, evidence: evidence))
        }
    }

    /// How many controls have a state.
    func count(_ state: ControlState) -> Int { findings.count { $0.state == state } }

    /// The first and the last moment, in words.
    var span: String { "\(Words.time(period.lowerBound)) to \(Words.time(period.upperBound))" }

    var headText: String {
        head.map { "record \($0.number), \($0.hash)" } ?? "no record before the end of the period"
    }

    /// What the report is and is not.
    static let disclaimer =
        "This report lists records that support controls or contribute evidence to them. It does "
        + "not say that an organisation meets a standard; assessors decide that."
}
