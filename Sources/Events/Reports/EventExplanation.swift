import AnomalyDetection
import AttackPatterns
import NetworkAddresses
public import Timestamps

/// The explanation of an alert: its reasons, its baseline, the flows behind it, and the commands
/// that undo it.
public struct EventExplanation: Sendable {
    /// A feature that would have to have another value.
    public struct Change: Sendable {
        public var feature: String
        public var unit: String
        public var from: Double
        public var to: Double

        public init(feature: String, unit: String, from: Double, to: Double) {
            self.feature = feature
            self.unit = unit
            self.from = from
            self.to = to
        }
    }

    /// The nearest normal window.
    public struct Nearest: Sendable {
        public var changes: [Change]
        public var scoreBefore: Double
        public var scoreAfter: Double
        public var threshold: Double
        public var isWithinRange: Bool
        /// Whether the whole window was known, not only the values in the alert.
        public var isExact: Bool

        public init(
            changes: [Change], scoreBefore: Double, scoreAfter: Double, threshold: Double,
            isWithinRange: Bool, isExact: Bool
        ) {
            self.changes = changes
            self.scoreBefore = scoreBefore
            self.scoreAfter = scoreAfter
            self.threshold = threshold
            self.isWithinRange = isWithinRange
            self.isExact = isExact
        }
    }

    /// One flow behind the alert.
    public struct Flow: Sendable {
        public var start: Timestamp
        public var source: String
        public var destination: String
        public var transport: String
        public var packetsOut: UInt64
        public var packetsIn: UInt64
        public var bytesOut: UInt64
        public var bytesIn: UInt64
        public var state: String
        public var communityID: String
        /// Whether the baseline never used this peer and service; nil without a model.
        public var isNew: Bool?

        public init(
            start: Timestamp, source: String, destination: String, transport: String,
            packetsOut: UInt64, packetsIn: UInt64, bytesOut: UInt64, bytesIn: UInt64,
            state: String, communityID: String, isNew: Bool?
        ) {
            self.start = start
            self.source = source
            self.destination = destination
            self.transport = transport
            self.packetsOut = packetsOut
            self.packetsIn = packetsIn
            self.bytesOut = bytesOut
            self.bytesIn = bytesIn
            self.state = state
            self.communityID = communityID
            self.isNew = isNew
        }
    }

    public var time: Timestamp
    public var alert: Event.Alert

    /// The group that it was compared with, the kind of the group, and the number of windows that
    /// it has learned.
    public var baseline: String?
    public var baselineKind: String?
    public var baselineWindows: Int?
    public var nearest: Nearest?
    /// The reason why there is no nearest normal window.
    public var nearestNote: String?

    /// The most significant flows, and the number of all; nil if they could not be determined.
    public var flows: [Flow] = []
    public var flowCount: Int?
    /// The source of the flows, or the reason why there are none.
    public var flowSource = ""

    /// Whether the file with the incident's packets exists.
    public var isCaptureFileThere = false
    /// The decisions about the offender, with their times.
    public var changes: [(time: Timestamp, change: Event.QuarantineChange)] = []
    /// Commands that undo the consequences, the rule first.
    public var undo: [String] = []
    /// Notes on the limits of the explanation.
    public var notes: [String] = []

    /// Creates an explanation with the contents of the alert.
    public init(of alert: Event.Alert, at time: Timestamp) {
        self.alert = alert
        self.time = time
        baseline = alert.baseline
    }

    /// The title of the pattern.
    var title: String { alert.pattern?.title ?? "unusual traffic" }

    /// The flow that the alert names.
    var contact: String? {
        alert.contact.map { contact in
            let port = contact.port.map { " \($0)" } ?? ""
            return "\(contact.address) \(contact.protocolName)\(port)"
        }
    }
}
