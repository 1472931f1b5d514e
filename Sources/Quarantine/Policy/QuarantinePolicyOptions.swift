public import NetworkAddresses
public import Timestamps

/// The options of the policy, with their defaults.
public struct QuarantinePolicyOptions: Sendable, Equatable {
    /// Windows in a row above the threshold before a fence is applied.
    public var persistenceWindows = 2
    /// One window is enough when the score is this share of the way from the threshold to 1; nil:
    /// never.
    public var farBeyondShare: Double? = 0.5
    /// Durations of the first, second, third… fence of an offender; the last one repeats.
    public var durations: [Interval] = [.seconds(600), .seconds(3600), .seconds(86_400)]
    /// After this long without a fence, the escalation level of an offender drops by one.
    public var decay = Interval.seconds(86_400)
    /// The most active fences, not counting those added by an operator.
    public var maximumActive = 64
    /// The largest share of the known workloads that may be fenced at a time; one is always
    /// allowed.
    public var maximumShareOfWorkloads = 0.5
    /// How long the circuit breaker stays open after a budget was exceeded.
    public var breaker = Interval.seconds(600)
    /// A known workload younger than this is not fenced.
    public var warmUp = Interval.zero
    /// The action of each escalation level; the last one repeats.
    public var actions: [QuarantineRule.Action] = [.drop]
    /// Packets per second that the `limit` action allows in each direction.
    public var limitPacketsPerSecond: UInt64 = 100
    /// New connections per second that a target still gets while it is attacked by senders that
    /// are not known; nil: such targets are only reported.
    public var protectedConnectionsPerSecond: UInt64?
    /// The services that fenced targets may still reach.
    public var kept: [KeptService] = []
    /// Whether prefixes are fenced when enough of their workloads misbehave together.
    public var fencesSubnets = true
    /// At least this many workloads of a prefix…
    public var subnetMinimum = 3
    /// …and at least this share of its known workloads…
    public var subnetShare = 0.75
    /// …within this time.
    public var subnetSpan = Interval.seconds(60)
    /// The most prefixes into which a subnet may be split around protected addresses.
    public var subnetPieces = 64
    /// How long a target is not fenced again after an operator has released it.
    public var releaseGrace = Interval.seconds(600)
    /// The same refusal is not repeated sooner than this.
    public var refusalRepeat = Interval.seconds(600)
    /// The most offenders that are remembered; beyond, those seen longest ago are evicted.
    public var maximumTracked = 65_536

    public init() {}

    func duration(level: Int) -> Interval {
        durations.isEmpty
            ? .seconds(600) : durations[min(max(level, 1), durations.count) - 1]
    }

    func action(level: Int) -> QuarantineRule.Action {
        actions.isEmpty ? .drop : actions[min(max(level, 1), actions.count) - 1]
    }
}

/// A prefix that the operator has excluded from the policy's fences, for a time or permanently.
public struct AllowEntry: Sendable, Equatable {
    public var prefix: IPPrefix
    public var reason: String
    /// Packet time of its expiry; nil: permanent.
    public var expires: Timestamp?

    public init(_ prefix: IPPrefix, reason: String, expires: Timestamp? = nil) {
        self.prefix = prefix
        self.reason = reason
        self.expires = expires
    }
}
