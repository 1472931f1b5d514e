/// Why an alert was raised, against what, what stands behind it, and what would take it back.
public struct EventExplanation: Sendable {
    /// One reason.
    public struct Reason: Sendable {
        public var feature: String
        public var text: String
        public var unit: String
        public var value: Double
        public var median: Double?
        public var p99: Double?
        /// Its part of the score, 0...1.
        public var share: Double?

        public init(
            feature: String, text: String, unit: String, value: Double, median: Double?,
            p99: Double?, share: Double?
        ) {
            self.feature = feature
            self.text = text
            self.unit = unit
            self.value = value
            self.median = median
            self.p99 = p99
            self.share = share
        }
    }

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
        public var startNanoseconds: Int64
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
            startNanoseconds: Int64, source: String, destination: String, transport: String,
            packetsOut: UInt64, packetsIn: UInt64, bytesOut: UInt64, bytesIn: UInt64,
            state: String, communityID: String, isNew: Bool?
        ) {
            self.startNanoseconds = startNanoseconds
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

    /// What was done about it.
    public struct Fence: Sendable {
        public var time: String
        public var action: String
        public var target: String
        public var response: String
        public var until: String
        public var isDryRun: Bool
        public var failure: String?
        public var undo: String

        public init(
            time: String, action: String, target: String, response: String, until: String,
            isDryRun: Bool, failure: String?, undo: String
        ) {
            self.time = time
            self.action = action
            self.target = target
            self.response = response
            self.until = until
            self.isDryRun = isDryRun
            self.failure = failure
            self.undo = undo
        }
    }

    public var eventID = ""
    public var time = ""
    public var workload = ""
    public var offender = ""
    /// What it looks like, and the ATT&CK technique.
    public var title = ""
    public var technique: String?
    /// The flow that the alert names.
    public var contact: String?
    public var windowSeconds = 0
    public var windowStart: Int?
    public var windowEnd: Int?
    public var score: Double?
    public var threshold: Double?
    public var pValue: Double?
    public var decision: String?
    public var reasons: [Reason] = []

    public var modelID: String?
    /// The group that it was compared with, what kind of group that is, and how many windows it learnt.
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

    /// The file with the incident's packets.
    public var slice: String?
    public var isSliceThere = false
    public var fences: [Fence] = []
    /// Commands that take back what followed, the fence first.
    public var undo: [String] = []
    /// What the reader should know before relying on it.
    public var notes: [String] = []

    public init() {}
}
