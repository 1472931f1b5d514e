import Recording
import Logging
import AnomalyDetection
import Enforcement
import EventDelivery
import EventStore
import FlowHistory
import FlowMetering
import Glibc
import PacketCapture
import PacketDecoding
import PacketIntake
import Quarantine
import Responses
import StatusReport
import SystemSupport
import TextFormats
import Workloads
import Timestamps

/// Publishes a monitor's state once a second: to the hub, the store and the log.
struct MonitorReporter {
    var status = MonitorStatus()
    private let parts: MonitorParts
    private let hub: MonitorHub
    private let limits: ResourceLimits
    private let statisticsInterval: Interval
    private var missing: [String] = []
    private var down: [String] = []
    /// The ledger entries that could not be written yet.
    private var pendingWrites = PendingWrites()
    private var namesVersion = -1
    private var nextSecond = Clock.monotonic()
    private var nextStatistics: Instant
    private var recordedMinute = Clock.now().second / 60
    private var nextTrim = Clock.monotonic()
    private var kernelDrops = RecentRise()
    private var hostsDropped = RecentRise()
    private var verdictsDropped = RecentRise()
    private var windowsUnscored = RecentRise()
    private var flowsLost = RecentRise()
    private var rising = RisingCounters()
    /// The last counts of packets and bytes, for the rates.
    /// When packets were counted last.
    private var counted: Instant?
    private var lastPackets: UInt64 = 0
    private var lastBytes: UInt64 = 0

    init(_ options: Monitor.Options, hub: MonitorHub, parts: MonitorParts, started: Timestamp) {
        self.parts = parts
        self.hub = hub
        limits = options.limits
        statisticsInterval = options.statisticsInterval
        nextStatistics = Clock.monotonic() + statisticsInterval
        status.pid = getpid()
        status.started = started
        status.isEnforcing = options.isEnforcing
        status.stateDirectory = options.stateDirectory.absolutePath
        status.interfaces = options.interfaces
        status.reload = MonitorStatus.Reload(read: started)
    }

    /// Notes that configuration, model and feedback were read again, or why they could not be.
    mutating func noteReload(failure: (any Error)? = nil) {
        let now = Clock.now()
        guard let failure else {
            status.reload = MonitorStatus.Reload(read: now)
            return
        }
        status.reload?.failed = now
        status.reload?.reason = "\(failure)"
    }

    /// Enters a phase; the next second starts at once.
    mutating func begin(_ phase: MonitorStatus.Phase) {
        status.phase = phase
        nextSecond = Clock.monotonic()
    }

    /// Whether more memory is used than the limit. If so, free memory is returned to the system, so
    /// that a past peak does not keep unknown hosts from being watched.
    mutating func isCramped() -> Bool {
        status.residentBytes = ResourceLimits.residentBytes ?? 0
        guard status.residentBytes > limits.memory else { return false }
        let now = Clock.monotonic()
        if now >= nextTrim {
            nextTrim = now + .seconds(10)
            // Not on the packet thread: packets would wait for it.
            startThread { giveBackFreeMemory() }
        }
        return true
    }

    mutating func isSecondOver() -> Bool {
        let now = Clock.monotonic()
        guard now >= nextSecond else { return false }
        nextSecond = now + .seconds(1)
        return true
    }

    mutating func update(from pipeline: borrowing TrainingPipeline, at now: Timestamp) {
        status.learning = pipeline.progress(at: now)
        count(pipeline.intake, pipeline.meter.statistics)
        status.hosts = pipeline.hosts
        rising.apply(to: &status)
    }

    mutating func update(from pipeline: borrowing DetectionPipeline) {
        count(pipeline.intake, pipeline.meter.statistics)
        let counts = pipeline.counts
        status.hosts = counts.hosts
        status.hostsDropped = counts.droppedHosts
        status.windows = counts.windows
        status.windowsScored = counts.scoredWindows
        status.scores = counts.scores
        status.windowsUnscored = counts.unscoredWindows
        status.verdicts = counts.verdicts
        rising.apply(to: &status)
    }

    private mutating func count(_ intake: borrowing FrameIntake, _ meter: FlowMeterStatistics) {
        let capture = parts.source.statistics
        let decoder = intake.decoder.statistics
        let bytes = decoder.wireBytes
        let now = Clock.monotonic()
        if let counted {
            let seconds = max((now - counted).inSeconds, 0.001)
            // The counts start again when learning is over, and with a capture that is opened anew.
            let packets = capture.packets &- (capture.packets < lastPackets ? 0 : lastPackets)
            let more = bytes &- (bytes < lastBytes ? 0 : lastBytes)
            status.packetsPerSecond = (Double(packets) / seconds * 10).rounded() / 10
            status.bitsPerSecond = (Double(more) * 8 / seconds).rounded()
        }
        counted = now
        (lastPackets, lastBytes) = (capture.packets, bytes)
        status.capture.kernelPackets = capture.packets
        status.capture.kernelDrops = capture.kernelDrops
        status.capture.interfaceDrops = capture.interfaceDrops
        status.capture.reopened = capture.reopened
        status.capture.duplicates = intake.merge.duplicates &+ intake.forwarded.repeats
        status.capture.overflowed = intake.merge.overflowed
        status.decoder = MonitorStatus.Decoder(decoder)
        status.malformed = Dictionary(
            uniqueKeysWithValues: decoder.malformed.map { ($0.name, $0.count) })
        status.flow = MonitorStatus.Flow(meter)
    }

    /// Once a second, collects everything that is not the pipeline's, and publishes it to the hub.
    ///
    /// - Parameter rested: how long the packet thread has slept.
    mutating func publish(_ now: Timestamp, rested: Interval) {
        if parts.source.missing != missing {
            missing = parts.source.missing
            if missing.isEmpty {
                parts.logger.notice("every interface is there again")
            } else {
                parts.logger.error("waiting for \(missing.joined(separator: ", ")) to come back")
            }
        }
        status.missing = missing
        if parts.source.down != down {
            down = parts.source.down
            if down.isEmpty {
                parts.logger.notice("no interface is down any more")
            } else {
                let names = down.joined(separator: ", ")
                parts.logger.error("nothing comes from \(names): taken down")
            }
        }
        noteBlindness()
        if parts.live.directory.version != namesVersion {
            namesVersion = parts.live.directory.version
            status.identities = parts.live.source
            status.namedWorkloads = parts.live.inventory.workloads.count
        }
        // The decision thread may hold it while it waits for the disk; then the last values remain.
        if let known = parts.quarantine.peek({
            (
                $0.rules.values.map(\.evidence), $0.policy.isBreakerOpen(at: now),
                $0.pendingWrites
            )
        }) {
            (status.fences, status.isBreakerOpen) = (known.0.count, known.1)
            status.fenceEvidence = known.0.reduce(into: [:]) { counts, evidence in
                counts[evidence.isEmpty ? "operator" : evidence, default: 0] += 1
            }
            note(known.2)
        }
        let counts = parts.decisions.counts
        status.verdictsDropped = parts.decisions.dropped
        let outlets = parts.decisions.sinks
        status.eventsLost = outlets.reduce(0) { $0 &+ $1.dropped }
        status.verdictLatency = counts.verdictLatency
        status.fenceLatency = counts.fenceLatency
        status.alerts = counts.alerts
        status.alertsByPattern = counts.alertsByPattern
        status.alertsSuppressed = counts.suppressed
        status.alertsMuted = counts.muted
        status.actions = counts.actions
        status.responses = parts.responses.counts.map(MonitorStatus.Responses.init)
        status.sinks =
            outlets.map(MonitorStatus.Sink.init) + [parts.recorder.status]
            + [parts.recording?.status].compactMap(\.self).map(MonitorStatus.Sink.init)
        for index in status.sinks.indices { rising.apply(to: &status.sinks[index]) }
        status.entrances = hub.entrances
        hub.noteMode(in: &status)
        status.modelFile = hub.modelPath
        status.history = parts.history?.status
        let runtime = parts.runtime.status
        status.runtimeEvents = runtime.isEmpty ? nil : runtime
        status.restedSeconds = (rested.inSeconds * 1000).rounded() / 1000
        status.updated = now
        status.troubles = troubles(Clock.monotonic())
        hub.publish(status)
        if now.second / 60 != recordedMinute {
            recordedMinute = now.second / 60
            parts.recorder.record(hub.lastMinutes(until: now.second))
        }
        let reached = Clock.monotonic()
        guard reached >= nextStatistics else { return }
        nextStatistics = reached + statisticsInterval
        parts.decisions.submit(status.event)
    }

    /// Notes whether packets can arrive from all that the monitor was told to watch.
    private mutating func noteBlindness() {
        let lack = parts.live.bridgesLack(status.interfaces)
        var blind = lack
        if parts.source.isBlind {
            let reasons =
                missing.map { "\($0) is not there" } + down.map { "\($0) is down" }
                + [lack].compactMap(\.self)
            blind =
                "no packet can arrive: "
                + (reasons.isEmpty
                    ? "no port at \(parts.source.named.joined(separator: ", "))"
                    : reasons.joined(separator: "; "))
        }
        defer { status.blind = blind }
        guard blind != status.blind else { return }
        if let blind {
            parts.logger.warning("\(blind)")
        } else {
            parts.logger.notice("packets can arrive again")
        }
    }

    private mutating func note(_ pending: PendingWrites) {
        if let cause = pending.cause, pendingWrites.isEmpty {
            parts.logger.error(
                "\(cause); fences are still applied, and recorded when it works again")
        } else if pending.isEmpty, !pendingWrites.isEmpty {
            parts.logger.notice("the ledger is complete again")
        }
        pendingWrites = pending
    }

    private mutating func troubles(_ now: Instant) -> [String] {
        var troubles = [status.blind].compactMap(\.self)
        troubles += missing.map { "interface \($0) is not there" }
        troubles += down.map { "interface \($0) is down" }
        for entrance in status.entrances {
            guard let trouble = entrance.trouble else { continue }
            troubles.append("control.\(entrance.name): clients cannot connect: \(trouble)")
        }
        if let reload = status.reload, let failed = reload.failed {
            troubles.append(
                "the reload of \(UTC.moment(failed)) failed: \(reload.reason ?? ""); what was read "
                    + "at \(UTC.moment(reload.read)) stays in use")
        }
        for (source, state) in parts.live.directory.states() {
            guard case .lost(let reason) = state else { continue }
            troubles.append("\(source) does not answer: \(reason); its names may be old")
        }
        if let cause = pendingWrites.cause {
            troubles.append("\(pendingWrites.count) entries wait to be written down: \(cause)")
        }
        let drops = parts.source.statistics.kernelDrops
        if kernelDrops.isRecent(drops, now) {
            troubles.append(
                "the kernel drops packets (\(drops) so far): give capture.buffer_kib more room"
                    + (limits.cores == nil ? "" : ", or limits.cpu"))
        }
        if status.residentBytes > limits.memory {
            troubles.append(
                "\(status.residentBytes >> 20) MiB of memory are in use, more than limits.memory: "
                    + "further unknown hosts are not watched")
        }
        if hostsDropped.isRecent(UInt64(status.hostsDropped), now) {
            troubles.append(
                "\(status.hostsDropped) addresses are not watched: the table of hosts is full")
        }
        if status.isBreakerOpen {
            troubles.append("too many fences: offenders are only reported until the breaker closes")
        }
        if windowsUnscored.isRecent(UInt64(status.windowsUnscored), now) {
            troubles.append(
                "\(status.windowsUnscored) windows of unknown hosts were not scored: too many were "
                    + "anomalous at a time")
        }
        if verdictsDropped.isRecent(status.verdictsDropped, now) {
            troubles.append("\(status.verdictsDropped) verdicts found the queue full")
        }
        if let history = status.history {
            if let trouble = history.trouble { troubles.append("flow history: \(trouble)") }
            if flowsLost.isRecent(history.lost, now) {
                troubles.append("flow history: \(history.lost) flows lost: a slow or full disk")
            }
        }
        for source in status.runtimeEvents ?? [] {
            guard let trouble = source.trouble else { continue }
            troubles.append("runtime events of \(source.name): \(trouble)")
        }
        troubles += parts.indicators.troubles + parts.images.troubles
        for sink in status.sinks where sink.lost > 0 || sink.trouble != nil {
            let what = sink.name.hasPrefix(RecordingThread.label) ? "packets" : "events"
            troubles.append(
                "\(sink.name): \(sink.trouble.map { "\($0); " } ?? "")\(sink.lost) \(what) lost")
        }
        return troubles
    }
}

/// A counter of losses with the time of its last rise, so that old losses are not reported.
private struct RecentRise {
    private var last: UInt64 = 0
    private var time: Instant?

    mutating func isRecent(_ count: UInt64, _ now: Instant) -> Bool {
        if count != last {
            last = count
            time = now
        }
        return time.map { now - $0 < .seconds(60) } ?? false
    }
}

extension MonitorStatus.Responses {
    init(_ counts: ResponseCounts) {
        self.init(action: counts.action)
        applied = counts.applied
        failed = counts.failed
        retried = counts.retried
        undone = counts.undone
        skipped = counts.skipped
        left = counts.left
        standing = counts.standing
        waiting = counts.waiting
    }
}

extension MonitorStatus.Sink {
    init(_ status: SinkStatus) {
        self.init(
            name: status.name, written: status.written, lost: status.dropped,
            waiting: status.waiting, lagSeconds: (status.lagSeconds * 1000).rounded() / 1000,
            trouble: status.trouble)
    }
}
