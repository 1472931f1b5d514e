public import Timestamps

/// How flows are metered. All times are packet time.
public struct FlowMeterOptions: Sendable {
    /// Flows that the table holds at once; one more ends the one that has been idle longest. Each
    /// costs 256 bytes and 8 to 27 bytes of index, and memory is taken only as flows come.
    public var capacity = 4 << 20
    /// A flow without packets for longer has ended.
    public var idleTimeout = Interval.seconds(60)
    /// A flow that goes on for longer is reported in intervals of this length.
    public var activeTimeout = Interval.seconds(1800)
    /// A TCP connection that is closed or reset stays this long after its last packet, so that
    /// late packets find it.
    public var tcpCloseTimeout = Interval.seconds(5)
    /// Key of the hash. Live meters use a random one, so that an attacker cannot choose colliding
    /// flows.
    public var hashSeed: UInt64 = 0x9E37_79B9_7F4A_7C15
    /// Whether ended flows are stored for `drain`; otherwise they are only counted.
    public var collectsRecords = true
    /// Later fragments that find their flow: packets whose first fragment is remembered.
    public var fragmentCapacity = 4096

    public init() {}
}

/// What the meter has seen. Packets add up: `metered` + `arp` + `notIP` + `orphanFragments` is all.
public struct FlowMeterStatistics: Equatable, Sendable {
    /// Packets that were counted to a flow.
    public var metered: UInt64 = 0
    public var arp: UInt64 = 0
    /// Packets without an IP header that could be read.
    public var notIP: UInt64 = 0
    /// Later fragments whose first fragment was not seen.
    public var orphanFragments: UInt64 = 0
    /// Packets older than one before them.
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
    /// Most flows at once.
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
