/// What is known of one workload: the inputs of its risk.
///
/// Ages are in days and not negative. An optional that is nil was not looked at, which is something
/// else than nothing found.
public struct RiskFactors: Sendable, Equatable {
    /// An incident in which the workload is the offender.
    public struct Incident: Sendable, Equatable {
        public enum Severity: Int, Sendable, CaseIterable, Comparable {
            case low, medium, high

            public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
        }

        public enum Judgement: Sendable, CaseIterable {
            /// An operator called it benign, or closed it.
            case dismissed
            /// Nobody has judged it.
            case open
            /// An operator called it malicious.
            case malicious
        }

        public var id: String
        public var summary: String
        public var severity: Severity
        /// Whether port, MAC address or handshakes show who sent the packets; a source address
        /// alone does not.
        public var isProven: Bool
        /// Since its last anomalous window.
        public var ageDays: Double
        public var judgement: Judgement

        public init(
            id: String, summary: String, severity: Severity, isProven: Bool, ageDays: Double,
            judgement: Judgement = .open
        ) {
            self.id = id
            self.summary = summary
            self.severity = severity
            self.isProven = isProven
            self.ageDays = ageDays
            self.judgement = judgement
        }
    }

    /// A listed address or name that the workload contacted.
    public struct Indicator: Sendable, Equatable {
        public var value: String
        /// 0...100.
        public var confidence: Int
        /// As for incidents.
        public var isProven: Bool
        /// Since the last contact.
        public var ageDays: Double

        public init(value: String, confidence: Int, isProven: Bool, ageDays: Double) {
            self.value = value
            self.confidence = confidence
            self.isProven = isProven
            self.ageDays = ageDays
        }
    }

    /// Events of sensors inside the node, such as Falco, by urgency.
    public struct Runtime: Sendable, Equatable {
        public var critical = 0
        public var error = 0
        public var warning = 0
        public var notice = 0
        /// Since the last event; without events of no meaning.
        public var ageDays: Double = 0
        /// The rule of the last event.
        public var last: String?

        public init() {}
    }

    /// Vulnerabilities that a scanner found in the image.
    public struct Vulnerability: Sendable, Equatable {
        public var critical = 0
        public var high = 0
        public var medium = 0
        public var low = 0
        /// Those of them that are known to be exploited.
        public var exploited = 0
        /// The highest probability of exploitation within 30 days (EPSS), 0...1.
        public var highestEPSS: Double = 0
        /// Those of them for which there is a fixed version.
        public var fixable = 0
        public var reportAgeDays: Double = 0
        /// Whether some of the workload's images have no report.
        public var isIncomplete = false
        /// The identifier of the worst.
        public var worst: String?

        public init() {}
    }

    /// Settings of the workload's containers that help an intruder.
    public struct Posture: Sendable, Equatable {
        public var critical = 0
        public var high = 0
        public var medium = 0
        public var low = 0
        /// The worst finding in words, and what mends it.
        public var worst: String?
        public var mend: String?

        public init() {}
    }

    /// Who can reach the workload, and whom it reaches.
    public struct Exposure: Sendable, Equatable {
        /// Ports published on all addresses of the node; nil: not known.
        public var publishedPorts: Int?
        /// The least number of contacts that lead from outside to the workload: 1: it is contacted
        /// from outside itself. Nil: no way was seen.
        public var hopsFromOutside: Int?
        /// The workloads on that way, from outside.
        public var way: [String] = []
        /// Workloads and inside addresses that contact it.
        public var callers = 0
        /// Workloads and inside addresses that it contacts.
        public var reached = 0

        public init() {}
    }

    public var workload: String
    public var incidents: [Incident] = []
    /// Outside addresses that it contacted today and that its baseline does not know.
    public var newOutsidePeers = 0
    public var indicators: [Indicator] = []
    public var runtime: Runtime?
    public var vulnerability: Vulnerability?
    public var posture: Posture?
    public var exposure = Exposure()

    public init(workload: String) { self.workload = workload }
}
