internal import Monitor
internal import Risk

extension MetricsText.Page {
    /// The most workloads that are labels, those with the highest scores.
    private static let workloadLimit = 1000

    mutating func add(_ risk: RiskReport) {
        gauge(
            "risk_max", "The highest score of a workload, 0 to 100.",
            Self.rounded(risk.entries.first?.score.value ?? 0))
        for band in RiskScore.Band.allCases {
            gauge(
                "risk_workloads", "Workloads by how risky they are.",
                Double(risk.entries.count { $0.score.band == band }), ["band": band.rawValue])
        }
        guard risk.labelsWorkloads else { return }
        for entry in risk.entries.prefix(Self.workloadLimit) {
            gauge(
                "workload_risk", "The score of a workload, 0 to 100.",
                Self.rounded(entry.score.value), ["workload": entry.score.workload])
        }
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
