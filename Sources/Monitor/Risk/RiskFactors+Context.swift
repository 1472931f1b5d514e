internal import EventStore
internal import ImageReports
internal import Risk
internal import RuntimeEvents
internal import Timestamps

extension RiskFactors.Vulnerability {
    /// What scanners report of a workload's images; nil: no report.
    init?(_ summary: ImageSummary?, now: Timestamp) {
        guard let summary, summary.join != .none, let age = summary.reportAge(at: now) else {
            return nil
        }
        self.init()
        critical = summary[.critical]
        high = summary[.high]
        // What has no severity may have any.
        medium = summary[.medium] + summary[.unknown]
        low = summary[.low]
        exploited = summary.knownExploited.count
        highestEPSS = Double(summary.highestEPSS ?? 0)
        fixable = summary.fixableCount
        reportAgeDays = age.inSeconds / 86_400
        isIncomplete = summary.imagesWithoutReport > 0
        worst = summary.knownExploited.first
    }
}

extension RiskFactors.Runtime {
    /// What tools said of a workload's processes.
    init(_ summary: RuntimeEventSummary, now: Timestamp) {
        self.init()
        for (priority, count) in summary.counts {
            switch priority {
            case .emergency, .alert, .critical: critical += count
            case .error: error += count
            case .warning: warning += count
            case .notice: notice += count
            case .informational, .debug: break
            }
        }
        guard let last = summary.last else { return }
        ageDays = max(now - last.last, .zero).inSeconds / 86_400
        self.last = last.rule
    }
}
