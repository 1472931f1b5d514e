/// One fence as the actuator knows it: around what, how, until when.
public struct FenceClaim: Hashable, Sendable {
    public var target: FenceTarget
    public var response: FenceResponse
    /// Its end, in nanoseconds since 1970.
    public var until: Int64
    /// Whether somebody overrode the protected set for it.
    public var isForced: Bool

    public init(
        target: FenceTarget, response: FenceResponse = .drop, until: Int64, isForced: Bool = false
    ) {
        self.target = target
        self.response = response
        self.until = until
        self.isForced = isForced
    }
}

/// One change of the kernel's sets.
public enum FenceChange: Hashable, Sendable {
    /// Puts a fence up, or moves its end.
    case put(FenceClaim)
    case remove(FenceTarget, FenceResponse)
}

/// One element as the kernel holds it, both families together.
public struct HeldElement: Hashable, Sendable {
    public var target: FenceTarget
    public var response: FenceResponse
    /// Time until the kernel drops it by itself; nil: never, so it is not ours.
    public var remainingMilliseconds: Int64?
    /// Packets and bytes that were held back (`observe`: seen).
    public var packets: UInt64
    public var bytes: UInt64
    /// Whether every table that should hold it does.
    public var isComplete: Bool

    public init(
        target: FenceTarget, response: FenceResponse, remainingMilliseconds: Int64?,
        packets: UInt64, bytes: UInt64, isComplete: Bool
    ) {
        self.target = target
        self.response = response
        self.remainingMilliseconds = remainingMilliseconds
        self.packets = packets
        self.bytes = bytes
        self.isComplete = isComplete
    }
}

/// What puts fences into force. The real one is `Firewall`.
public protocol FenceActuator: ~Copyable {
    /// Whether everything is done but the last call.
    var isDryRun: Bool { get }
    /// Makes tables, chains and rules, and makes the sets hold exactly `claims`: one transaction.
    mutating func rebuild(_ claims: [FenceClaim], now: Int64) throws(QuarantineError)
    /// Takes over what is in force already: the sets hold `claims`, laid side by side.
    mutating func adopt(_ claims: [FenceClaim], now: Int64) throws(QuarantineError)
    /// Changes the sets in one transaction: all of it or nothing.
    mutating func apply(_ changes: [FenceChange], now: Int64) throws(QuarantineError)
    /// What the kernel holds.
    mutating func held() throws(QuarantineError) -> [HeldElement]
    /// Forgets what was counted for hosts that are no longer fenced, so that a host that is fenced
    /// anew counts from nothing.
    mutating func forgetCounts(
        unless isFenced: (FenceTarget, FenceResponse) -> Bool
    ) throws(QuarantineError)
    /// What the kernel should hold when `claims` are in force.
    func expected(_ claims: [FenceClaim], now: Int64) -> [FenceClaim]
    /// Whether tables, chains and rules are all there.
    mutating func isIntact() throws(QuarantineError) -> Bool
    /// Removes everything of ours from the kernel.
    mutating func remove() throws(QuarantineError)
}
