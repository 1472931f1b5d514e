public import NetworkAddresses
public import Timestamps

/// A detection that requests a rule: offender, time, score and reason.
public struct EnforcementRequest: Sendable, Equatable {
    /// Packet time of the window's end.
    public var time: Timestamp
    /// The end of the newest traffic that it rests on; a window slides over the same packets as
    /// long as it is. Nil: the window's end.
    public var lastTraffic: Timestamp?
    /// Length of the window; requests within one and a half windows of each other are in a row.
    public var window: Interval
    /// The misbehaving address.
    public var offender: IPAddress
    /// Set if the source addresses are spoofed: then the rule is on this MAC address, not on an IP
    /// address.
    public var spoofingLink: MACAddress?
    /// Set when the kernel knows the port of the node by which the packets came: the rule is then
    /// on this port, whatever addresses the packets bear.
    public var port: QuarantinePort?
    /// Whether the packets came by a port whose name no rule can have, and the kernel lists no
    /// address of the offender there.
    public var isAtUnnamedPort = false
    /// Whether there is evidence of the sender besides the address in the packets. Without it
    /// nothing is fenced: another host may have written the address.
    public var isProven: Bool
    /// The evidence of the sender: port, mac, handshake or address.
    public var evidence = ""
    /// The address that is attacked, if it is known; without evidence of the sender it can be
    /// protected.
    public var target: IPAddress?
    /// Whether the sender is known at all. If not, `offender` has no meaning, and only `target` can
    /// get a rule.
    public var hasOffender = true
    /// The workload's name, when the inventory knows it.
    public var workload: String?
    /// The anomaly score, 0...1.
    public var score: Double
    /// The threshold, which the score exceeds.
    public var threshold: Double
    /// Whether the score is so far above the threshold that one window is enough; the policy adds
    /// its own test of the score.
    public var isFarBeyond: Bool
    /// The event that reports this detection.
    public var eventID: String
    /// The reason as text.
    public var reason: String
    /// The features behind it, as text or numbers.
    public var features: String

    public init(
        time: Timestamp, window: Interval = .seconds(10), offender: IPAddress,
        spoofingLink: MACAddress? = nil, port: QuarantinePort? = nil, isProven: Bool = true,
        target: IPAddress? = nil, workload: String? = nil, score: Double, threshold: Double,
        isFarBeyond: Bool = false, eventID: String, reason: String, features: String = ""
    ) {
        self.time = time
        self.window = window
        self.offender = offender
        self.spoofingLink = spoofingLink
        self.port = port
        self.isProven = isProven
        self.target = target
        self.workload = workload
        self.score = score
        self.threshold = threshold
        self.isFarBeyond = isFarBeyond
        self.eventID = eventID
        self.reason = reason
        self.features = features
    }

    /// A detection that knows the target of an attack, but not its sender.
    public init(
        time: Timestamp, window: Interval = .seconds(10), target: IPAddress, score: Double,
        threshold: Double, isFarBeyond: Bool = false, eventID: String, reason: String,
        features: String = ""
    ) {
        self.init(
            time: time, window: window, offender: .unspecified, isProven: false, target: target,
            score: score, threshold: threshold, isFarBeyond: isFarBeyond, eventID: eventID,
            reason: reason, features: features)
        hasOffender = false
    }

    /// The end of the traffic that it rests on: not after `time`, which is the present where the
    /// clock was set back.
    var trafficEnd: Timestamp { lastTraffic.map { min($0, time) } ?? time }
}
