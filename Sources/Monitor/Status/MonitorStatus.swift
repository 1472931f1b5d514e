internal import Events
internal import TextFormats
public import Timestamps

/// What a running monitor has seen, lost and done, once a second: the one source of `lazaret
/// status`, of the `stats` events, of the metrics and of the dashboard.
public struct MonitorStatus: Codable, Sendable, Equatable {
    public enum Phase: String, Codable, Sendable {
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
    /// Counters since the start, by name.
    public var capture: [String: UInt64] = [:]
    public var decoder: [String: UInt64] = [:]
    /// Frames that could not be read to their end, by what was wrong.
    public var malformed: [String: UInt64] = [:]
    public var flow: [String: UInt64] = [:]
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
    /// Odd windows of strangers that were not scored because there were too many in that second.
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
    public var actions: [String: UInt64] = [:]
    /// What an operator should see to.
    public var troubles: [String] = []

    public init() {}

    public var uptimeSeconds: Int { (updated - started).wholeSeconds }

    /// The `stats` event.
    var event: Event {
        var statistics = Event.Statistics(uptimeSeconds: uptimeSeconds)
        statistics.capture = capture
        statistics.decoder = decoder.merging(malformed) { $1 }
        statistics.flow = flow
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

    /// One line for a person.
    var text: String {
        "\(uptimeSeconds) s, \(capture["kernel_packets"] ?? 0) packets "
            + "(\(capture["kernel_drops"] ?? 0) lost by the kernel, "
            + "\(capture["duplicates"] ?? 0) seen twice), \(flow["flows_started"] ?? 0) flows, "
            + "\(hosts) hosts, \(windows) windows, \(verdicts) verdicts (\(verdictsDropped) dropped), "
            + "\(eventsLost) events lost, \(fences) fences"
    }
}
