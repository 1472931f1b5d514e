import AnomalyDetection
import EventDelivery
import FlowMetering
import Foundation
import PacketCapture
import PacketDecoding
import Quarantine
import Reporting
import Synchronization

/// What a running monitor has seen, lost and done.
struct MonitorCounters {
    private let seconds: Int
    private let capture: CaptureStatistics
    private let decode: DecodeStatistics
    private let meter: FlowMeterStatistics
    private let duplicates: UInt64
    private let hurried: UInt64
    private let hosts: Int
    private let droppedHosts: Int
    private let windows: Int
    private let verdicts: UInt64
    private let droppedVerdicts: UInt64
    private let sinks: [SinkStatus]
    private var lostEvents: UInt64 { sinks.reduce(0) { $0 &+ $1.dropped } }
    private let fences: Int

    init(
        capture: CaptureStatistics, feed: borrowing LiveFeed, decisions: DecisionThread,
        fences: Int, seconds: Int
    ) {
        self.seconds = seconds
        self.capture = capture
        decode = feed.decoder.statistics
        meter = feed.stage.meter.statistics
        duplicates = feed.merge.duplicates
        hurried = feed.merge.hurried
        hosts = feed.stage.hosts
        droppedHosts = feed.stage.droppedHosts
        windows = feed.stage.detector.seenCount
        verdicts = feed.stage.verdicts
        droppedVerdicts = decisions.dropped
        sinks = decisions.sinks
        self.fences = fences
    }

    /// The `stats` event.
    func event(_ now: Int64) -> String {
        func object(_ counts: [(name: String, count: UInt64)]) -> JSONObject {
            var object = JSONObject()
            for (name, count) in counts { object.put(name, Int(clamping: count)) }
            return object
        }
        var stats = JSONObject()
        stats.put("uptime", seconds)
        stats.put(
            "capture",
            object([
                ("kernel_packets", capture.packets), ("kernel_drops", capture.kernelDrops),
                ("interface_drops", capture.interfaceDrops), ("reopened", capture.reopened),
                ("duplicates", duplicates), ("hurried", hurried),
            ]))
        stats.put("decoder", object(decode.named.map { ($0.name, $0.count) }))
        stats.put("flow", object(meter.named.map { ($0.name, $0.count) }))
        stats.put(
            "lazaret",
            object([
                ("hosts", UInt64(hosts)), ("hosts_dropped", UInt64(droppedHosts)),
                ("windows", UInt64(windows)), ("verdicts", verdicts),
                ("verdicts_dropped", droppedVerdicts), ("events_lost", lostEvents),
                ("fences", UInt64(fences)),
            ]))
        stats.put("sinks", sinks.map(Self.object))
        var event = JSONObject()
        event.put("timestamp", UTC.timestamp(nanoseconds: now))
        event.put("event_type", "stats")
        event.put("stats", stats)
        return event.text
    }

    private static func object(_ sink: SinkStatus) -> JSONObject {
        var object = JSONObject()
        object.put("name", sink.name)
        object.put("written", Int(clamping: sink.written))
        object.put("dropped", Int(clamping: sink.dropped))
        object.put("waiting", sink.waiting)
        object.put("lag_s", sink.lagSeconds, digits: 1)
        object.put("trouble", sink.trouble)
        return object
    }

    /// One line for a person.
    var text: String {
        "\(seconds) s, \(capture.packets) packets (\(capture.kernelDrops) lost by the kernel, "
            + "\(duplicates) seen twice), \(meter.activeFlows) flows, \(hosts) hosts, "
            + "\(windows) windows, \(verdicts) verdicts (\(droppedVerdicts) dropped), "
            + "\(lostEvents) events lost, \(fences) fences"
    }
}

/// Brings what the guard does by itself to the events; it begins before they do.
final class RepairBox: Sendable {
    private let decisions = Mutex<DecisionThread?>(nil)

    func connect(_ thread: DecisionThread) { decisions.withLock { $0 = thread } }

    func report(
        _ repair: QuarantineGuard.Repair, isDryRun: Bool, tell: (String) -> Void
    ) {
        if let failure = repair.failure {
            tell("\(repair.cause): \(failure)")
            return
        }
        tell("\(repair.cause); put right, \(repair.outcomes.count) fences put back")
        let thread = decisions.withLock { $0 }
        for outcome in repair.outcomes {
            thread?.submit(
                event: EventJSON.quarantine(
                    outcome.action, isDryRun: isDryRun, failure: outcome.failure.map { "\($0)" }))
        }
    }
}

/// One monitor to a state directory.
final class MonitorLock {
    private let descriptor: Int32

    /// - Throws: `.input` with the process that holds it.
    init(directory: String) throws(PipelineError) {
        let path = directory + "/monitor.lock"
        // SAFETY: the path is lent for the call.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            // SAFETY: the text is copied before another call could change it.
            throw .output(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .input(
                path: directory,
                reason:
                    "another monitor uses this state directory; stop it, or name one with --state")
        }
    }

    func release() { close(descriptor) }
}
