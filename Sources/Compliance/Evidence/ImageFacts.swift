public import ImageReports
internal import TextFormats
public import Timestamps

/// What scanners report of the images that run, when a compliance report is made.
public struct ImageFacts: Sendable, Equatable {
    /// By the workload's name.
    public var summaries: [String: ImageSummary]
    /// Reports and lists that could not be read, or not as a whole.
    public var unreadCount: Int
    /// The age from which a scanner's report is old.
    public var maximumAge: Interval

    public init(summaries: [String: ImageSummary], unreadCount: Int, maximumAge: Interval) {
        self.summaries = summaries
        self.unreadCount = unreadCount
        self.maximumAge = maximumAge
    }

    /// - Parameter end: of the period, at which the scanners' reports have their age: the same
    ///   records give the same report at any later time.
    func evidence(at end: Timestamp) -> Evidence {
        var evidence = Evidence(.images, "")
        guard !summaries.isEmpty else {
            evidence.sentence = "no containers were found"
            return evidence
        }
        let scanned = summaries.filter { $0.value.join != .none }
        evidence.count = Int64(scanned.count)
        evidence.first = scanned.values.compactMap(\.scanned).min()
        evidence.last = scanned.values.compactMap(\.scanned).max()
        let found = scanned.values
        let exploited = Set(found.flatMap(\.knownExploited)).sorted()
        let critical = found.reduce(0) { $0 + $1[.critical] }
        let high = found.reduce(0) { $0 + $1[.high] }
        evidence.sentence =
            "scanners have reported of the images of \(scanned.count) of "
            + Words.count(summaries.count, "workload", "workloads")
            + ", as they ran when this report was made: "
            + Words.count(found.reduce(0) { $0 + $1.findingCount }, "finding", "findings")
            + ", \(critical) critical, \(high) high, "
            + "\(found.reduce(0) { $0 + $1.fixableCount }) with a known fix"
        let severe = critical + high
        if severe > 0 {
            evidence.exceptions.append(
                Words.count(severe, "critical or high finding", "critical or high findings"))
        }
        if !exploited.isEmpty {
            let shown = exploited.prefix(Evidence.referenceLimit).joined(separator: ", ")
            let rest = exploited.count - Evidence.referenceLimit
            evidence.exceptions.append(
                "known to be exploited: \(shown)" + (rest > 0 ? " and \(rest) more" : ""))
        }
        let without = summaries.values.count { $0.imagesWithoutReport > 0 }
        if without > 0 {
            evidence.exceptions.append(
                Words.count(without, "workload has", "workloads have") + " images without a report")
        }
        let old = found.count { ($0.reportAge(at: end) ?? .zero) > maximumAge }
        if old > 0 {
            evidence.exceptions.append(
                Words.count(old, "workload's report is", "workloads' reports are")
                    + " older than \(TimeSpan(maximumAge))")
        }
        if unreadCount > 0 {
            evidence.exceptions.append(
                Words.count(unreadCount, "file of scanners", "files of scanners")
                    + " could not be read as a whole")
        }
        evidence.references = references(scanned)
        return evidence
    }

    /// The workloads with findings, those with exploited ones first.
    private func references(_ scanned: [String: ImageSummary]) -> [Evidence.Reference] {
        func rank(_ summary: ImageSummary) -> (Int, Int, Int) {
            (summary.knownExploited.count, summary[.critical], summary[.high])
        }
        return scanned.filter { $0.value.findingCount > 0 }
            .sorted {
                let (one, other) = (rank($0.value), rank($1.value))
                return one == other ? $0.key < $1.key : one > other
            }
            .prefix(Evidence.referenceLimit).map { workload, summary in
                Evidence.Reference(
                    record: "image \(summary.imageID.isEmpty ? summary.image : summary.imageID)",
                    about: "\(workload): \(summary[.critical]) critical, \(summary[.high]) high"
                        + (summary.join == .weak ? ", joined by the tag alone" : ""))
            }
    }
}
