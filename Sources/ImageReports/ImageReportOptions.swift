package import Timestamps

/// The files of `image_reports`.
public struct ImageReportOptions: Sendable, Equatable {
    /// Reports, and folders of reports.
    public var paths: [String] = []
    /// CISA's list of exploited vulnerabilities; nil: none.
    public var knownExploited: String?
    /// The scores of EPSS; nil: none.
    public var epss: String?
    /// The age from which a report is said to be old.
    package var maximumAge = Interval.seconds(30 * 86_400)

    public init() {}

    /// What is wrong with values that are read one by one without a fault.
    package var fault: String? {
        let all = paths + [knownExploited, epss].compactMap(\.self)
        if all.contains("") { return "a path is empty" }
        if paths.isEmpty, !all.isEmpty { return "'paths' is empty; name files or folders" }
        return Set(paths).count == paths.count ? nil : "a path is given twice"
    }
}
