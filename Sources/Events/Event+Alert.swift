public import AnomalyDetection
public import AttackPatterns
public import FeatureExtraction
public import Indicators
public import NetworkAddresses
public import RuntimeEvents
public import SenderAttribution

extension Event {
    /// An anomalous window of one offender, with the reasons.
    public struct Alert: Sendable, Equatable {
        /// The decision about the offender.
        public enum Decision: String, Sendable, Decodable {
            /// There is no baseline to decide from.
            case undecided = "none"
            case watch, quarantine
        }

        /// The source of the packets.
        public enum Origin: Sendable, Equatable {
            case capture(String)
            case interface(String)
        }

        /// The flow that the alert names.
        public struct Contact: Sendable, Equatable {
            public var address: IPAddress
            public var ipProtocol: UInt8
            /// Source and destination port; nil if the protocol has none.
            public var sourcePort: UInt16?
            public var port: UInt16?

            public init(
                address: IPAddress, ipProtocol: UInt8, sourcePort: UInt16? = nil,
                port: UInt16? = nil
            ) {
                self.address = address
                self.ipProtocol = ipProtocol
                self.sourcePort = sourcePort
                self.port = port
            }
        }

        /// A reason for the alert.
        public struct Reason: Sendable, Equatable {
            /// A sentence.
            public var text: String
            /// The measured value; nil if addresses are ranked without a baseline.
            public var measurement: Measurement?

            public init(text: String, measurement: Measurement? = nil) {
                self.text = text
                self.measurement = measurement
            }
        }

        /// A feature of the window, compared with clean windows.
        public struct Measurement: Sendable, Equatable {
            /// Its name in `FeatureSchema`.
            public var feature: String
            public var value: Double
            public var unit: String
            public var baselineMedian: Double?
            public var baselineP99: Double?
            /// Its share of the score, 0...1.
            public var share: Double?

            public init(
                feature: String, value: Double, unit: String, baselineMedian: Double? = nil,
                baselineP99: Double? = nil, share: Double? = nil
            ) {
                self.feature = feature
                self.value = value
                self.unit = unit
                self.baselineMedian = baselineMedian
                self.baselineP99 = baselineP99
                self.share = share
            }
        }

        /// 16 hexadecimal digits; nil if addresses are ranked without a baseline.
        public var identifier: String?
        public var signature: String
        /// Suricata's name for the class of the alert.
        public var category: String
        public var severity: Severity
        /// Whether a rule is enforced on the offender's packets.
        public var isBlocked = false
        public var offender: IPAddress
        /// The workload, `outside`, or the address.
        public var workload: String
        /// The offender's MAC address, if it is known.
        public var link: MACAddress?
        /// The evidence that the offender sent the packets; nil in events of earlier versions.
        public var attribution: Attribution?
        /// Whom the packets act on; nil where no address was contacted.
        public var target: AttackTarget?
        public var contact: Contact?
        /// Nil: several captures or interfaces.
        public var origin: Origin?
        /// The file with the incident's packets.
        public var captureFile: String?
        /// Seconds since 1970.
        public var window: Range<Int>?
        public var scale: Scale
        /// 0...1.
        public var score: Double
        public var pValue: Double?
        public var threshold: Double?
        /// The evidence of many minutes, where those raised the alert, not one window.
        public var running: RunningEvidence?
        /// The group that the window was compared with.
        public var baseline: String?
        public var modelID: String?
        public var pattern: Pattern?
        /// ATT&CK technique.
        public var technique: String?
        public var reasons: [Reason] = []
        /// What lists of indicators say of the addresses and the name that the alert is about.
        public var indicators: [IndicatorHit] = []
        /// What scanners report of the offender's image; nil: nothing, or nothing that is known to
        /// be exploited.
        public internal(set) var image: Image?
        /// What was said of the workload's processes before and in the window.
        public var runtimeEvents: [RuntimeEvent] = []
        public var decision: Decision?
        /// Whether it was not reported, since an operator had muted such alerts.
        public var isMuted = false
        /// The rule that acts on the offender.
        public var quarantineID: String?

        /// The first second in which the anomaly may have begun; nil where the window is unknown.
        var firstSecond: Int? { window.map { $0.upperBound - scale.bucketSeconds } }

        /// - Parameter pattern: determines the texts of the alert. Without a baseline the pattern
        ///   is not certain, and the property `pattern` stays nil.
        public init(
            identifier: String? = nil, looksLike pattern: Pattern?, severity: Severity,
            offender: IPAddress, workload: String, scale: Scale, score: Double
        ) {
            self.identifier = identifier
            signature = "Lazaret \(pattern?.title ?? "unusual traffic")"
            category = pattern?.category ?? "Misc activity"
            technique = pattern?.technique
            self.severity = severity
            self.offender = offender
            self.workload = workload
            self.scale = scale
            self.score = score
        }
    }
}
