import AnomalyDetection
import NetworkAddresses
public import Timestamps

/// Why an alert was raised, against what, what stands behind it, and what would take it back.
public struct EventExplanation: Sendable {
    /// One feature that would have to be different.
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

    /// The normal window that lies nearest.
    public struct Nearest: Sendable {
        public var changes: [Change]
        public var scoreBefore: Double
        public var scoreAfter: Double
        public var threshold: Double
        public var isWithinRange: Bool
        /// Whether all of the window was known, and not only what the alert tells.
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
        /// Whether the baseline never used peer and service; nil without a model.
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

    /// The group that it was compared with, what kind of group that is, and how many windows it
    /// learnt.
    public var baseline: String?
    public var baselineKind: String?
    public var baselineWindows: Int?
    public var nearest: Nearest?
    /// Why there is no nearest normal window.
    public var nearestNote: String?

    /// The most telling flows, of so many; nil where nothing could tell.
    public var flows: [Flow] = []
    public var flowCount: Int?
    /// Where the flows come from, or why there are none.
    public var flowSource = ""

    /// Whether the file with the incident's packets is there.
    public var isCaptureFileThere = false
    /// What was done about the offender, with when.
    public var changes: [(time: Timestamp, change: Event.QuarantineChange)] = []
    /// Commands that take back what followed, the rule first.
    public var undo: [String] = []
    /// What the reader should know before relying on it.
    public var notes: [String] = []

    /// What the alert itself says.
    public init(of alert: Event.Alert, at time: Timestamp) {
        self.alert = alert
        self.time = time
        baseline = alert.baseline
    }

    /// What it looks like.
    var title: String { alert.pattern?.title ?? "unusual traffic" }

    /// The flow that the alert names.
    var contact: String? {
        alert.contact.map { contact in
            let port = contact.port.map { " \($0)" } ?? ""
            return "\(contact.address) \(contact.protocolName)\(port)"
        }
    }
}
