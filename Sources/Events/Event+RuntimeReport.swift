public import RuntimeEvents

extension Event {
    /// What a tool has said of the processes of a workload.
    public struct RuntimeReport: Sendable, Equatable {
        public var workload: String
        /// The entry of the configuration by which it came.
        public var source: String
        /// Its count is that since the last report of the same.
        public var event: RuntimeEvent

        public init(workload: String, source: String, event: RuntimeEvent) {
            self.workload = workload
            self.source = source
            self.event = event
        }

        /// It is no finding of Lazaret: at most low.
        var severity: Severity { event.priority.isAtLeast(.warning) ? .low : .informational }
    }

    /// The event of a report of the history.
    public init(_ report: RuntimeEventHistory.Report) {
        self.init(
            time: report.event.last,
            .runtime(
                RuntimeReport(
                    workload: report.workload, source: report.source, event: report.event)))
    }
}
