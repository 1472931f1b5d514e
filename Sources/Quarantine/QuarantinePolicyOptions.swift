public import NetworkAddresses
public import Timestamps

/// Every choice of the policy, with the defaults that a node gets.
public struct QuarantinePolicyOptions: Sendable, Equatable {
    /// Windows in a row above the threshold before a fence goes up.
    public var persistenceWindows = 2
    /// One window is enough when the score is this share of the way from the threshold to 1; nil:
    /// never.
    public var farBeyondShare: Double? = 0.5
    /// How long the first, second, third… fence of an offender stands; the last repeats.
    public var durations: [Interval] = [.seconds(600), .seconds(3600), .seconds(86_400)]
    /// After this long without a fence an offender is forgiven one step.
    public var decay = Interval.seconds(86_400)
    /// Fences that may stand at a time, the ones by hand not counted.
    public var maximumActive = 64
    /// Share of the known workloads that may be fenced at a time; one is always allowed.
    public var maximumShareOfWorkloads = 0.5
    /// How long the circuit breaker stays open after a budget was exceeded.
    public var breaker = Interval.seconds(600)
    /// A known workload younger than this is not fenced.
    public var warmUp = Interval.zero
    /// What each step of the escalation does; the last repeats.
    public var actions: [QuarantineRule.Action] = [.drop]
    /// Packets a second that the `limit` action lets through, each way.
    public var limitPacketsPerSecond: UInt64 = 100
    /// What fenced targets may still reach.
    public var kept: [KeptService] = []
    /// Whether prefixes are fenced when enough of their workloads misbehave together.
    public var fencesSubnets = true
    /// At least this many workloads of a prefix…
    public var subnetMinimum = 3
    /// …and at least this share of its known workloads…
    public var subnetShare = 0.75
    /// …within this time.
    public var subnetSpan = Interval.seconds(60)
    /// The most prefixes that a subnet may fall into around protected addresses.
    public var subnetPieces = 64
    /// After a release by hand the target is left alone for this long.
    public var releaseGrace = Interval.seconds(600)
    /// The same refusal is not repeated sooner than this.
    public var refusalRepeat = Interval.seconds(600)
    /// Offenders remembered; beyond it the ones seen longest ago are forgotten.
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

/// What is never fenced by the policy because somebody said so, for a time or for good.
public struct AllowEntry: Sendable, Equatable {
    public var prefix: IPPrefix
    public var reason: String
    /// Packet time of its end; nil: for good.
    public var expires: Timestamp?

    public init(_ prefix: IPPrefix, reason: String, expires: Timestamp? = nil) {
        self.prefix = prefix
        self.reason = reason
        self.expires = expires
    }
}
