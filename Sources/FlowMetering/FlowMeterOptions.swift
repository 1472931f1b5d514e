public import Timestamps

/// How flows are metered. All times are packet time.
public struct FlowMeterOptions: Sendable {
    /// The greatest number of flows in the table; a further one evicts the flow that has been idle
    /// longest. Each needs 256 bytes and 8 to 27 bytes of index; memory is allocated only as flows
    /// arrive.
    public var capacity = 4 << 20
    /// A flow without packets for longer than this ends.
    public var idleTimeout = Interval.seconds(60)
    /// A longer flow is reported in intervals of this length.
    public var activeTimeout = Interval.seconds(1800)
    /// A TCP connection that is closed or reset is kept this long after its last packet, so late
    /// packets are counted in it.
    public var tcpCloseTimeout = Interval.seconds(5)
    /// The key of the hash. Live meters use a random one, so an attacker cannot choose colliding
    /// flows.
    public var hashSeed: UInt64 = 0x9E37_79B9_7F4A_7C15
    /// Whether ended flows are stored for `drain`; otherwise they are only counted.
    public var collectsRecords = true
    /// The number of packets whose first fragment is remembered, so that later fragments find their
    /// flow.
    public var fragmentCapacity = 4096

    public init() {}
}

/// The meter's counters. `metered` + `arp` + `notIP` + `orphanFragments` is the number of all
/// packets.
public struct FlowMeterStatistics: Equatable, Sendable {
    /// Packets that were counted in a flow.
    public var metered: UInt64 = 0
    public var arp: UInt64 = 0
    /// Packets without a readable IP header.
    public var notIP: UInt64 = 0
    /// Later fragments whose first fragment was not seen.
    public var orphanFragments: UInt64 = 0
    /// Packets older than a previous one.
    public var timeBackwards: UInt64 = 0
    public var flowsStarted: UInt64 = 0
    public var endedIdle: UInt64 = 0
    public var endedActive: UInt64 = 0
    public var endedByClose: UInt64 = 0
    public var endedForced: UInt64 = 0
    /// Flows ended because the table was full.
    public var evicted: UInt64 = 0
    /// Records dropped because they were not drained before the table was full.
    public var lostRecords: UInt64 = 0
    /// The greatest number of flows at one time.
    public var peakFlows: UInt64 = 0
    /// Flows in the table now.
    public var activeFlows: UInt64 = 0

    public init() {}

    /// Every counter with its name.
    public var named: [(name: String, count: UInt64)] {
        [
            ("metered", metered), ("arp", arp), ("not_ip", notIP),
            ("orphan_fragments", orphanFragments), ("time_backwards", timeBackwards),
            ("flows_started", flowsStarted), ("ended_idle", endedIdle),
            ("ended_active", endedActive), ("ended_by_close", endedByClose),
            ("ended_forced", endedForced), ("evicted", evicted), ("lost_records", lostRecords),
            ("peak_flows", peakFlows), ("active_flows", activeFlows),
        ]
    }
}
