public import Risk
internal import Synchronization
public import Timestamps

/// The risk of every workload at one time.
public struct RiskReport: Sendable {
    /// A workload with its score and how that changes.
    public struct Entry: Sendable {
        public var score: RiskScore
        public var trend: RiskTrend
    }

    public var time: Timestamp
    /// The riskiest first.
    public var entries: [Entry]
    /// What could not be read, and why.
    public var remarks: [String]
    /// Whether metrics may name workloads.
    public var labelsWorkloads: Bool
}

extension MonitorHub {
    /// The latest risk of workloads; nil before it was computed.
    public var risk: RiskReport? { riskReport.withLock { $0 } }

    func publish(_ report: RiskReport) { riskReport.withLock { $0 = report } }
}
