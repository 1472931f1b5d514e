internal import Events
internal import ImageReports
internal import Timestamps

extension Event.Alert.Image {
    /// What an alert says of its offender's image; nil: nothing is known to be exploited.
    init?(_ summary: ImageSummary?, at now: Timestamp) {
        guard let summary, !summary.knownExploited.isEmpty else { return nil }
        self.init(
            id: summary.imageID, reference: summary.image, isWeak: summary.join == .weak,
            findings: Findings(
                critical: summary[.critical], high: summary[.high], medium: summary[.medium],
                low: summary[.low], unknown: summary[.unknown]),
            fixable: summary.fixableCount, knownExploited: summary.knownExploited,
            highestEPSS: summary.highestEPSS.map(Double.init),
            reportAgeSeconds: summary.reportAge(at: now)?.wholeSeconds ?? 0)
    }
}
