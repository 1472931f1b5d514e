public import NetworkAddresses
public import Timestamps

/// A detection that asks for a rule: who, when, how far above the threshold, and why.
public struct EnforcementRequest: Sendable, Equatable {
    /// Packet time of the window's end.
    public var time: Timestamp
    /// Length of the window; two requests closer than one and a half windows are "in
    /// a row".
    public var window: Interval
    /// Who misbehaved.
    public var offender: IPAddress
    /// Set when the source addresses are borrowed: then the rule is on this network card, not on
    /// the address.
    public var spoofingLink: MACAddress?
    /// The workload's name, when the inventory knows it.
    public var workload: String?
    /// The anomaly score, 0...1.
    public var score: Double
    /// The threshold that the score is above.
    public var threshold: Double
    /// So far above the threshold that one window is enough; the policy adds its own test on the
    /// score.
    public var isFarBeyond: Bool
    /// The event that reports this detection.
    public var eventID: String
    /// Why, in words.
    public var reason: String
    /// The features behind it, in words or numbers.
    public var features: String

    public init(
        time: Timestamp, window: Interval = .seconds(10), offender: IPAddress,
        spoofingLink: MACAddress? = nil, workload: String? = nil, score: Double, threshold: Double,
        isFarBeyond: Bool = false, eventID: String, reason: String, features: String = ""
    ) {
        self.time = time
        self.window = window
        self.offender = offender
        self.spoofingLink = spoofingLink
        self.workload = workload
        self.score = score
        self.threshold = threshold
        self.isFarBeyond = isFarBeyond
        self.eventID = eventID
        self.reason = reason
        self.features = features
    }
}
