package import Events
public import FlowHistory
package import FlowMetering
internal import FoundationEssentials
public import ModelFiles
package import PacketDecoding
package import Quarantine
internal import TextFormats
public import Timestamps

/// The counters and state of a running monitor, updated once a second: the only source for `lazaret
/// status`, the `stats` events, the metrics and the dashboard.
public struct MonitorStatus: Codable, Sendable, Equatable {
    public enum Phase: String, Codable, Sendable, CaseIterable {
        /// No model yet: all traffic is assumed to be clean.
        case learning
        /// Judging by a model.
        case detecting
        case stopped
    }

    /// The progress of learning.
    public struct Learning: Codable, Sendable, Equatable {
        public var secondsDone = 0
        public var secondsTotal = 0
        /// The learned windows, workloads and edges of the communication graph.
        public var windows = 0
        public var workloads = 0
        public var facts = 0
        /// Contacts that were new in the last fifth of the time so far, by workload.
        public var arriving: [String: Int] = [:]
        /// Traffic that looks like an attack, although it should be clean.
        public var suspects: [String] = []

        public init() {}
    }

    /// The model in use.
    public struct ModelSummary: Codable, Sendable, Equatable {
        public var id: String
        public var firstSecond: Int64
        public var lastSecond: Int64
        public var workloads: Int
        /// How well it knows each workload.
        public var quality: [LearningQuality.Workload]

        package init(
            id: String, firstSecond: Int64, lastSecond: Int64, workloads: Int,
            quality: [LearningQuality.Workload]
        ) {
            self.id = id
            self.firstSecond = firstSecond
            self.lastSecond = lastSecond
            self.workloads = workloads
            self.quality = quality
        }
    }

    /// An event sink.
    public struct Sink: Codable, Sendable, Equatable {
        public var name: String
        public var written: UInt64
        public var lost: UInt64
        public var waiting: Int
        public var lagSeconds: Double
        /// The reason why it currently does not deliver; nil if it does.
        public var trouble: String?

        package init(
            name: String, written: UInt64, lost: UInt64, waiting: Int, lagSeconds: Double,
            trouble: String? = nil
        ) {
            self.name = name
            self.written = written
            self.lost = lost
            self.waiting = waiting
            self.lagSeconds = lagSeconds
            self.trouble = trouble
        }
    }

    /// An entrance of the control server.
    public struct Entrance: Codable, Sendable, Equatable {
        /// `socket`, the Unix socket, or `port`, on loopback.
        public var name: String
        /// A path, or an address with its port.
        public var address: String
        /// Why clients cannot connect at the moment; nil where they can.
        public var trouble: String?
        /// Requests with a wrong token.
        public var wrongTokens: UInt64 = 0
        /// Requests of users who had sent too many wrong tokens.
        public var refusedTokens: UInt64 = 0

        package init(name: String, address: String) {
            self.name = name
            self.address = address
        }
    }

    /// The counts of the capture's packets and losses.
    public struct Capture: Codable, Sendable, Equatable {
        public var kernelPackets: UInt64 = 0
        public var kernelDrops: UInt64 = 0
        public var interfaceDrops: UInt64 = 0
        /// How often an interface that had disappeared was reopened.
        public var reopened: UInt64 = 0
        /// Packets seen on a second interface.
        public var duplicates: UInt64 = 0
        /// Packets that were released early because too many waited.
        public var overflowed: UInt64 = 0

        public init() {}
    }

    /// The decoder's counters, except those of malformed frames.
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

    /// The flow meter's counters.
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

    /// The changes of rules, by kind.
    public struct Actions: Codable, Sendable, Equatable {
        public var fence: UInt64 = 0
        public var extend: UInt64 = 0
        public var release: UInt64 = 0
        public var expire: UInt64 = 0
        public var refuse: UInt64 = 0

        public init() {}
    }

    /// The responses beyond nftables of one action: since the start, and at the moment.
    public struct Responses: Codable, Sendable, Equatable {
        public var action: String
        public var applied: UInt64 = 0
        public var failed: UInt64 = 0
        public var retried: UInt64 = 0
        public var undone: UInt64 = 0
        public var skipped: UInt64 = 0
        public var left: UInt64 = 0
        /// Those that are, or may be, in effect, and those that are to begin.
        public var standing = 0
        public var waiting = 0

        public init(action: String) { self.action = action }
    }

    /// When the configuration, model and feedback in use were read, and how the last reload failed.
    public struct Reload: Codable, Sendable, Equatable {
        public var read: Timestamp
        /// The time of a failed reload, if none has succeeded since, and its reason.
        public var failed: Timestamp?
        public var reason: String?

        package init(read: Timestamp) { self.read = read }
    }

    public var version = Version.text
    public var pid: Int32 = 0
    public var started = Timestamp.epoch
    public var updated = Timestamp.epoch
    public var phase = Phase.detecting
    public var isEnforcing = false
    /// Whether rules are applied in the kernel: also while only operators add them.
    public var appliesRules = false
    public var enforcement: EnforcementState?
    /// The state directory of its ledger; an absolute path.
    public var stateDirectory: String?
    public var interfaces: [String] = []
    /// Interfaces that currently do not exist.
    public var missing: [String] = []
    /// Why no packet can arrive, or none of the containers'; nil if they can.
    public var blind: String?
    /// The sources of names.
    public var identities = ""
    public var namedWorkloads = 0
    public var model: ModelSummary?
    /// The file of the model that the monitor judges by, or will learn; an absolute path.
    public var modelFile: String?
    public var learning: Learning?
    public var capture = Capture()
    public var decoder = Decoder()
    /// Frames that could not be decoded to their end, by reason.
    public var malformed: [String: UInt64] = [:]
    public var flow = Flow()
    public var packetsPerSecond = 0.0
    public var bitsPerSecond = 0.0
    /// The process's private resident memory in bytes.
    public var residentBytes = 0
    /// Seconds that the packet thread has slept to keep to its CPU limit.
    public var restedSeconds = 0.0
    public var hosts = 0
    public var hostsDropped = 0
    public var windows = 0
    public var windowsScored = 0
    /// Anomalous windows of unknown hosts that were not scored because the limit per second was
    /// reached.
    public var windowsUnscored = 0
    public var verdicts: UInt64 = 0
    public var verdictsDropped: UInt64 = 0
    public var fences = 0
    /// The number of active rules by the evidence that they rest on: port, mac, handshake,
    /// address, or operator.
    public var fenceEvidence: [String: Int] = [:]
    public var isBreakerOpen = false
    public var eventsLost: UInt64 = 0
    /// Nil: no history of flows is kept.
    public var history: HistoryStatus?
    public var sinks: [Sink] = []
    public var entrances: [Entrance] = []
    /// The number of scored windows in each twentieth of 0…1.
    public var scores: [UInt64] = []
    /// Seconds from the end of a judged second to its verdict, and to the kernel's reply.
    public var verdictLatency = LatencyHistogram()
    public var fenceLatency = LatencyHistogram()
    /// Alerts and quarantine actions so far, by kind.
    public var alerts: UInt64 = 0
    /// The same by severity and by the name of the pattern, or `none`; nil: an earlier build.
    public var alertsByPattern: [String: [String: UInt64]]?
    /// Alerts that were not reported because the limit per second was reached.
    public var alertsSuppressed: UInt64 = 0
    /// Alerts that were not reported because they are muted.
    public var alertsMuted: UInt64 = 0
    public var actions = Actions()
    /// Each action that is or was configured, by name.
    public var responses: [Responses] = []
    /// Nil: an earlier build.
    public var reload: Reload?
    /// Each source of runtime events; nil: there is none.
    public var runtimeEvents: [RuntimeSource]?
    /// Problems that need the operator's attention.
    public var troubles: [String] = []

    public init() {}

    public var uptimeSeconds: Int { (updated - started).wholeSeconds }

    /// The `stats` event.
    package var event: Event {
        var statistics = Event.Statistics(uptimeSeconds: uptimeSeconds)
        statistics.capture = Self.counters(of: capture)
        statistics.decoder = Self.counters(of: decoder).merging(malformed) { $1 }
        statistics.flow = Self.counters(of: flow)
        statistics.lazaret = [
            "hosts": UInt64(hosts), "hosts_dropped": UInt64(hostsDropped),
            "windows": UInt64(windows), "windows_unscored": UInt64(windowsUnscored),
            "verdicts": verdicts, "verdicts_dropped": verdictsDropped,
            "events_lost": eventsLost, "alerts_suppressed": alertsSuppressed,
            "alerts_muted": alertsMuted,
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
        // The groups hold only counters: encoding them cannot fail.
        let data = try? encoder.encode(group)
        return data.flatMap { try? JSONDecoder().decode([String: UInt64].self, from: $0) } ?? [:]
    }

    /// The status in one line, for the log.
    package var text: String {
        "\(uptimeSeconds) s, \(capture.kernelPackets) packets "
            + "(\(capture.kernelDrops) lost by the kernel, "
            + "\(capture.duplicates) seen twice), \(flow.flowsStarted) flows, "
                + """
                \(hosts) hosts, \(windows) windows, \(verdicts) verdicts (\(verdictsDropped) \
                dropped), \
                \(eventsLost) events lost, \(fences) fences\(appliesRules ? "" : " if enforced")
                """
    }
}

extension MonitorStatus.Decoder {
    package init(_ statistics: DecodeStatistics) {
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
    package init(_ statistics: FlowMeterStatistics) {
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
    package mutating func count(_ kind: QuarantineDecision.Kind) {
        switch kind {
        case .add: fence &+= 1
        case .extend: extend &+= 1
        case .release: release &+= 1
        case .expire: expire &+= 1
        case .refuse: refuse &+= 1
        }
    }
}
