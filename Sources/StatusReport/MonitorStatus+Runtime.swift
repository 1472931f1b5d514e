extension MonitorStatus {
    /// What became of the lines of one source of runtime events.
    public struct RuntimeSource: Codable, Sendable, Equatable {
        public var name: String
        public var lines: UInt64 = 0
        /// Events that were joined to a workload.
        public var joined: UInt64 = 0
        public var malformed: UInt64 = 0
        /// Lines that are too long or nested too deep.
        public var oversized: UInt64 = 0
        /// Lines of other programs, and kinds of events that are not used.
        public var foreign: UInt64 = 0
        /// Events below the least priority.
        public var below: UInt64 = 0
        /// Events of processes outside of containers.
        public var ofHost: UInt64 = 0
        /// Events of no known container, and of several.
        public var unknown: UInt64 = 0
        public var ambiguous: UInt64 = 0
        /// Events that are older than an hour, or later than now.
        public var outOfTime: UInt64 = 0
        /// Requests that found the queue full.
        public var refused: UInt64 = 0
        /// Why it is not read; nil: it is.
        public var trouble: String?

        package init(name: String) { self.name = name }

        /// The counts by their names in the metrics.
        package var results: [(name: String, count: UInt64)] {
            [
                ("joined", joined), ("below", below), ("host", ofHost), ("unknown", unknown),
                ("ambiguous", ambiguous), ("out_of_time", outOfTime), ("malformed", malformed),
                ("oversized", oversized), ("foreign", foreign), ("refused", refused),
            ]
        }
    }
}

extension StatusText {
    /// `falco: 812 lines, 3 joined, 800 below`; results without any are left out.
    static func text(_ source: MonitorStatus.RuntimeSource) -> String {
        "\(source.name): \(grouped(source.lines)) lines"
            + source.results.filter { $0.count > 0 }.map {
                ", \(grouped($0.count)) \($0.name.replacing("_", with: " "))"
            }.joined()
    }
}
