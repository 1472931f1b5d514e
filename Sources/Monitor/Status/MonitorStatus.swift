internal import Events
internal import FlowMetering
internal import FoundationEssentials
internal import PacketDecoding
internal import Quarantine
internal import TextFormats
public import Timestamps

/// What a running monitor has seen, lost and done, once a second: the one source of `lazaret
/// status`, of the `stats` events, of the metrics and of the dashboard.
public struct MonitorStatus: Codable, Sendable, Equatable {
    public enum Phase: String, Codable, Sendable, CaseIterable {
        /// No model yet: what is seen is taken for clean.
        case learning
        /// Judging by a model.
        case detecting
        case stopped
    }

    /// How far learning has come.
    public struct Learning: Codable, Sendable, Equatable {
        public var secondsDone = 0
        public var secondsTotal = 0
        /// Windows, workloads and facts of the communication graph that were taken in.
        public var windows = 0
        public var workloads = 0
        public var facts = 0
        /// What looks like an attack in what is learnt as clean.
        public var suspects: [String] = []

        public init() {}
    }

    /// The model in use.
    public struct ModelSummary: Codable, Sendable, Equatable {
        public var id: String
        public var firstSecond: Int64
        public var lastSecond: Int64
        public var workloads: Int
    }

    /// One sink of events.
    public struct Sink: Codable, Sendable, Equatable {
        public var name: String
        public var written: UInt64
        public var lost: UInt64
        public var waiting: Int
        public var lagSeconds: Double
        /// Why it does not deliver at the moment; nil where it does.
        public var trouble: String?
    }

    /// What the capture handed on and lost.
    public struct Capture: Codable, Sendable, Equatable {
        public var kernelPackets: UInt64 = 0
        public var kernelDrops: UInt64 = 0
        public var interfaceDrops: UInt64 = 0
        /// How often an interface that had gone was opened again.
        public var reopened: UInt64 = 0
        /// Packets seen on a second interface.
        public var duplicates: UInt64 = 0
        /// Packets that went on before their time because too many waited.
        public var overflowed: UInt64 = 0

        public init() {}
    }

    /// What the decoder found, beside the frames that it could not read to their end.
    public struct Decoder: Codable, Sendable, Equatable {
        public var frames: UInt64 = 0
        public var wireBytes: UInt64 = 0
        public var ipv4: UInt64 = 0
        public var ipv6: UInt64 = 0
        public var arp: UInt64 = 0
        public var notIp: UInt64 = 0
        public var fragments: UInt64 = 0
        public var tunnelled: UInt64 = 0
        public var dns: UInt64 = 0

        public init() {}
    }

    /// What became of flows.
    public struct Flow: Codable, Sendable, Equatable {
        public var metered: UInt64 = 0
        public var arp: UInt64 = 0
        public var notIp: UInt64 = 0
        public var orphanFragments: UInt64 = 0
        public var timeBackwards: UInt64 = 0
        public var flowsStarted: UInt64 = 0
        public var endedIdle: UInt64 = 0
        public var endedActive: UInt64 = 0
        public var endedByClose: UInt64 = 0
        public var endedForced: UInt64 = 0
        public var evicted: UInt64 = 0
        public var lostRecords: UInt64 = 0
        public var peakFlows: UInt64 = 0
        public var activeFlows: UInt64 = 0

        public init() {}
    }

    /// What was done to rules.
    public struct Actions: Codable, Sendable, Equatable {
        public var fence: UInt64 = 0
        public var extend: UInt64 = 0
        public var release: UInt64 = 0
        public var expire: UInt64 = 0
        public var refuse: UInt64 = 0

        public init() {}
    }

    public var version = Version.text
    public var pid: Int32 = 0
    public var started = Timestamp.epoch
    public var updated = Timestamp.epoch
    public var phase = Phase.detecting
    public var isEnforcing = false
    /// Whose ledger it keeps; an absolute path.
    public var stateDirectory: String?
    public var interfaces: [String] = []
    /// Interfaces that are not there at the moment.
    public var missing: [String] = []
    /// Where names come from.
    public var identities = ""
    public var namedWorkloads = 0
    public var model: ModelSummary?
    public var learning: Learning?
    public var capture = Capture()
    public var decoder = Decoder()
    /// Frames that could not be read to their end, by what was wrong.
    public var malformed: [String: UInt64] = [:]
    public var flow = Flow()
    public var packetsPerSecond = 0.0
    public var bitsPerSecond = 0.0
    /// Bytes of memory that the process has for itself.
    public var residentBytes = 0
    /// Seconds that the packet thread has rested to keep to its share of CPU.
    public var restedSeconds = 0.0
    public var hosts = 0
    public var hostsDropped = 0
    public var windows = 0
    public var windowsScored = 0
    /// Odd windows of unknown hosts that were not scored because there were too many in that
    /// second.
    public var windowsUnscored = 0
    public var verdicts: UInt64 = 0
    public var verdictsDropped: UInt64 = 0
    public var fences = 0
    public var isBreakerOpen = false
    public var eventsLost: UInt64 = 0
    public var sinks: [Sink] = []
    /// How many scored windows fell into each twentieth of 0…1.
    public var scores: [UInt64] = []
    /// Seconds from the end of a judged second to its verdict, and to the kernel's answer.
    public var verdictLatency = LatencyHistogram()
    public var fenceLatency = LatencyHistogram()
    /// Alerts and quarantine actions so far, by kind.
    public var alerts: UInt64 = 0
    /// Alerts that were not told because there were too many in that second.
    public var alertsSuppressed: UInt64 = 0
    public var actions = Actions()
    /// What an operator should see to.
    public var troubles: [String] = []

    public init() {}

    public var uptimeSeconds: Int { (updated - started).wholeSeconds }

    /// The `stats` event.
    var event: Event {
        var statistics = Event.Statistics(uptimeSeconds: uptimeSeconds)
        statistics.capture = Self.counters(of: capture)
        statistics.decoder = Self.counters(of: decoder).merging(malformed) { $1 }
        statistics.flow = Self.counters(of: flow)
        statistics.lazaret = [
            "hosts": UInt64(hosts), "hosts_dropped": UInt64(hostsDropped),
            "windows": UInt64(windows), "windows_unscored": UInt64(windowsUnscored),
            "verdicts": verdicts, "verdicts_dropped": verdictsDropped,
            "events_lost": eventsLost, "alerts_suppressed": alertsSuppressed,
            "fences": UInt64(fences),
        ]
        statistics.sinks = sinks.map { sink in
            Event.Statistics.Sink(
                name: sink.name, written: sink.written, dropped: sink.lost,
                waiting: sink.waiting, lagSeconds: sink.lagSeconds, trouble: sink.trouble)
        }
        return Event(time: updated, .stats(statistics))
    }

    /// The fields of `group`, each by its name in the `stats` event.
    private static func counters(of group: some Encodable) -> [String: UInt64] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        // Plain counters: encoding them cannot fail.
        let data = try? encoder.encode(group)
        return data.flatMap { try? JSONDecoder().decode([String: UInt64].self, from: $0) } ?? [:]
    }

    /// One line for a person.
    var text: String {
        "\(uptimeSeconds) s, \(capture.kernelPackets) packets "
            + "(\(capture.kernelDrops) lost by the kernel, "
            + "\(capture.duplicates) seen twice), \(flow.flowsStarted) flows, "
                + """
                \(hosts) hosts, \(windows) windows, \(verdicts) verdicts (\(verdictsDropped) \
                dropped), \
                \(eventsLost) events lost, \(fences) fences
                """
    }
}

extension MonitorStatus.Decoder {
    init(_ statistics: DecodeStatistics) {
        frames = statistics.frames
        wireBytes = statistics.wireBytes
        ipv4 = statistics.ipv4
        ipv6 = statistics.ipv6
        arp = statistics.arp
        notIp = statistics.notIP
        fragments = statistics.fragments
        tunnelled = statistics.tunnelled
        dns = statistics.dns
    }
}

extension MonitorStatus.Flow {
    init(_ statistics: FlowMeterStatistics) {
        metered = statistics.metered
        arp = statistics.arp
        notIp = statistics.notIP
        orphanFragments = statistics.orphanFragments
        timeBackwards = statistics.timeBackwards
        flowsStarted = statistics.flowsStarted
        endedIdle = statistics.endedIdle
        endedActive = statistics.endedActive
        endedByClose = statistics.endedByClose
        endedForced = statistics.endedForced
        evicted = statistics.evicted
        lostRecords = statistics.lostRecords
        peakFlows = statistics.peakFlows
        activeFlows = statistics.activeFlows
    }
}

extension MonitorStatus.Actions {
    mutating func count(_ kind: QuarantineDecision.Kind) {
        switch kind {
        case .add: fence &+= 1
        case .extend: extend &+= 1
        case .release: release &+= 1
        case .expire: expire &+= 1
        case .refuse: refuse &+= 1
        }
    }
}
