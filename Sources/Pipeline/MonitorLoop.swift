import AnomalyDetection
import EventDelivery
import EventStore
import FeatureExtraction
import FlowMetering
import Foundation
import PacketCapture
import PacketDecoding
import Quarantine
import Workloads

/// The thread of a monitor's packets: learns, then judges, and once a second tells how it is.
struct MonitorLoop {
    private let monitor: Monitor
    private let source: LiveCapture
    private let live: LiveWorkloads
    private let decisions: DecisionThread
    private let quarantine: QuarantineGuard
    private let recorder: EventRecorder
    private let recording: PacketRecording?
    private var sight: LiveSight
    private var pace: CPUPace
    private var clock = ClockWatch(now: WallClock.now())
    private let requests: Monitor.Requests
    private let tell: @Sendable (String) -> Void
    private let started = WallClock.now()
    private var status = MonitorStatus()
    private var notice: ServiceNotice
    private var delivery: DeliveryOptions
    private var output: String
    private var missing: [String] = []
    private var down: [String] = []
    /// What could not be written down yet.
    private var arrears = LedgerArrears()
    private var namesVersion = -1
    private var nextSecond: Int64 = 0
    private var nextStatistics: Int64
    private var kernelDrops = RecentRise()
    private var hostsDropped = RecentRise()
    private var verdictsDropped = RecentRise()
    private var windowsUnscored = RecentRise()

    private var options: Monitor.Options { monitor.options }

    init(
        monitor: Monitor, source: LiveCapture, live: LiveWorkloads, decisions: DecisionThread,
        quarantine: QuarantineGuard, recorder: EventRecorder, recording: PacketRecording?,
        requests: Monitor.Requests, tell: @escaping @Sendable (String) -> Void
    ) {
        self.monitor = monitor
        notice = ServiceNotice(environment: monitor.options.discovery.environment)
        delivery = monitor.options.delivery
        output = monitor.options.output
        self.source = source
        self.live = live
        self.decisions = decisions
        self.quarantine = quarantine
        self.recorder = recorder
        self.recording = recording
        sight = LiveSight(
            capture: source, interfaces: monitor.options.interfaces, recording: recording,
            tell: tell)
        pace = CPUPace(cores: monitor.options.limits.cores)
        self.requests = requests
        self.tell = tell
        nextStatistics = started + Int64(monitor.options.statisticsInterval) * 1_000_000_000
        status.pid = getpid()
        status.started = started
        status.isEnforcing = options.isEnforcing
        status.interfaces = options.interfaces
    }

    // MARK: - Learning

    /// Learns what is usual here.
    ///
    /// - Returns: the model, which is kept in the state directory; nil when asked to stop before.
    mutating func learn() throws -> Model? {
        let path = Monitor.learntModelPath(in: options.stateDirectory)
        status.phase = .learning
        tell(
            "no model: learning what is usual on \(options.interfaces.joined(separator: ", ")) for "
                + "\(TimeSpan(seconds: Int64(options.learnSeconds))); nothing is judged meanwhile")
        notice.ready("learning what is usual")
        while !requests.shouldStop() {
            if let learnt = try learnOnce() {
                return try keep(learnt.model, at: path, learnt.progress)
            }
        }
        tell("stopped while learning; it begins anew at the next start")
        return nil
    }

    /// Learns for as long as is asked for; nil where there was nothing to learn from, or it is asked to stop.
    private mutating func learnOnce() throws -> (
        model: Model, progress: MonitorStatus.Learning
    )? {
        let began = WallClock.now()
        var feed = LearningFeed(
            inventory: monitor.inventory ?? .empty, interfaces: interfaceCount,
            hashSeed: options.hashSeed, seconds: options.learnSeconds, started: began,
            limits: options.limits)
        live.begin(&feed, sight)
        var now = began
        while !feed.isOver(at: now) {
            guard !requests.shouldStop() else { return nil }
            live.update(&feed, sight)
            _ = try source.nextBatch(timeoutMilliseconds: 50) { frames in
                feed.take(frames)
                recording?.record(frames, name: source.name)
            }
            notice.beat()
            pace.keep()
            now = WallClock.now()
            if let step = clock.step(to: now) {
                tell("\(ClockWatch.text(step)); what is learnt stays")
                feed.clockStepped(by: step)
            }
            feed.latest = now + 2_000_000_000
            recording?.advance(to: now)
            feed.advance(to: now)
            if isSecondOver(now) {
                feed.isCramped = isCramped()
                status.learning = feed.progress(at: now)
                count(feed.decoder.statistics, feed.meter.statistics, feed.merge)
                status.hosts = feed.hosts
                status.windows = feed.windows
                publish(now)
            }
            if takeReopen() {
                notice.reloading()
                if reload() != nil {
                    tell("a model is used from the next start: this one learns its own")
                }
                feed.hold(interfaces: interfaceCount)
                notice.ready("learning what is usual")
            }
        }
        do throws(ModelError) {
            return (try feed.model(provenance(began, now)), feed.progress(at: now))
        } catch {
            tell("nothing learnt yet: \(error); going on")
            return nil
        }
    }

    private func provenance(_ began: Int64, _ now: Int64) -> Model.Provenance {
        var provenance = Model.Provenance()
        provenance.sources = options.interfaces.map { "live \($0)" }
        provenance.firstNanoseconds = began
        provenance.lastNanoseconds = now
        provenance.seed = 1
        provenance.inventory = live.inventory
        return provenance
    }

    private mutating func keep(
        _ model: Model, at path: String, _ progress: MonitorStatus.Learning
    ) throws(ModelError) -> Model {
        status.learning = nil
        var place = "kept as \(path)"
        do { try ModelStore.write(model, to: path) } catch { place = "not kept: \(error)" }
        tell(
            "learnt \(progress.workloads) workloads from \(progress.windows) windows; "
                + "model \(model.identifier.prefix(12)) \(place)")
        for suspect in progress.suspects {
            tell(
                "left out of what was learnt, it does not look clean: \(suspect); if whom it talked to is "
                    + "not to be trusted either, delete the model and learn anew")
        }
        return model
    }

    // MARK: - Judging

    /// Judges until it is asked to stop.
    mutating func run(by model: Model) throws {
        status.phase = .detecting
        nextSecond = 0
        status.model = MonitorStatus.ModelSummary(model)
        monitor.board.publish(contacts: MonitorBoard.Contact.all(in: model))
        recorder.record(StoredModel(model, created: WallClock.now()))
        decisions.follow(modelID: model.identifier)
        let summary =
            "monitoring \(options.interfaces.joined(separator: ", ")) by model "
            + "\(model.identifier.prefix(12)), "
            + (options.isEnforcing ? "enforcing" : "observing; --enforce fences offenders")
            + "; names from \(live.source)"
        tell(summary)
        notice.ready(summary)
        defer { notice.stopping() }
        var feed = LiveFeed(
            model: model, inventory: monitor.inventory ?? .empty,
            remembered: monitor.inventory == nil ? model.provenance.inventory : .empty,
            interfaces: interfaceCount, hashSeed: options.hashSeed,
            isRetraining: options.retrainSeconds != nil,
            scores: monitor.board.scores, limits: options.limits)
        live.begin(&feed, sight)
        let retraining = options.retrainSeconds.map {
            Retraining(every: $0, directory: options.stateDirectory, now: WallClock.now())
        }
        while !requests.shouldStop() {
            live.update(&feed, sight)
            let decisions = decisions
            _ = try source.nextBatch(timeoutMilliseconds: 50) { frames in
                feed.take(frames) { decisions.submit($0) }
                recording?.record(frames, name: source.name)
            }
            notice.beat()
            pace.keep()
            let now = WallClock.now()
            if let step = clock.step(to: now) {
                tell("\(ClockWatch.text(step)); fences keep the time that is left to them")
                feed.clockStepped(by: step) { decisions.submit($0) }
            }
            feed.latest = now + 2_000_000_000
            recording?.advance(to: now)
            feed.advance(to: now) { decisions.submit($0) }
            if takeReopen() {
                notice.reloading()
                if let model = reload() { follow(retraining?.followed(model) ?? model, &feed) }
                feed.hold(interfaces: interfaceCount)
                notice.ready(summary)
            }
            if let retraining, let retrainer = feed.retrainer,
                let model = retraining.step(retrainer, now: now, tell: tell)
            {
                follow(model, &feed)
            }
            if isSecondOver(now) {
                feed.isCramped = isCramped()
                take(feed)
                publish(now)
            } else if requests.takeReport() {
                take(feed)
                publish(now)
                tell(status.text)
            }
        }
        let decisions = decisions
        feed.finish { decisions.submit($0) }
        take(feed)
        publish(WallClock.now())
        decisions.submit(event: status.event)
        tell("stopped: " + status.text)
    }

    private mutating func follow(_ model: Model, _ feed: inout LiveFeed) {
        feed.replaceModel(model)
        decisions.follow(modelID: model.identifier)
        monitor.board.publish(contacts: MonitorBoard.Contact.all(in: model))
        recorder.record(StoredModel(model, created: WallClock.now()))
        status.model = MonitorStatus.ModelSummary(model)
    }

    /// Takes in what the configuration and the model's file say now; what cannot be used is refused whole.
    ///
    /// - Returns: the model to go on with; nil: the one in use.
    private mutating func reload() -> Model? {
        decisions.reopen()
        recording?.reopen()
        do {
            let (options, model) = try requests.reload()
            if options.delivery != delivery || options.output != output {
                try decisions.replaceSinks(options.output, options.delivery)
                (delivery, output) = (options.delivery, options.output)
            }
            let policy = options.policy
            let allowlist = options.allowlist
            let named = options.discovery.named
            try quarantine.with { runner throws(QuarantineError) in
                try runner.follow(policy, allowlist: allowlist, protecting: named)
            }
            follow(interfaces: options.interfaces)
            tell("configuration, model and feedback read anew")
            return model
        } catch {
            tell("\(error); what was in use stays")
            return nil
        }
    }

    /// Watches these interfaces from now on; those that stay lose no packet.
    private mutating func follow(interfaces: [String]) {
        guard interfaces != sight.interfaces else { return }
        sight.interfaces = interfaces
        status.interfaces = interfaces
        live.watch(live.directory.bridges(), sight)
    }

    /// Packets are held for a moment where there are several, or where names are to come in time for them.
    private var interfaceCount: Int {
        live.holdsPackets(sight.interfaces)
            ? max(2, sight.interfaces.count) : sight.interfaces.count
    }

    private func takeReopen() -> Bool {
        let isAsked = monitor.board.takeReload()
        return requests.takeReopen() || isAsked
    }

    // MARK: - Telling

    /// Whether more memory is used than may be.
    private mutating func isCramped() -> Bool {
        status.residentBytes = ResourceLimits.residentBytes ?? 0
        return status.residentBytes > options.limits.memory
    }

    private mutating func isSecondOver(_ now: Int64) -> Bool {
        // A clock that was set back must not silence it.
        guard now >= nextSecond || now < nextSecond - 2_000_000_000 else { return false }
        nextSecond = now + 1_000_000_000
        return true
    }

    private mutating func take(_ feed: borrowing LiveFeed) {
        count(feed.decoder.statistics, feed.stage.meter.statistics, feed.merge)
        status.hosts = feed.stage.hosts
        status.hostsDropped = feed.stage.droppedHosts
        status.windows = feed.stage.detector.seenCount
        status.windowsScored = feed.stage.detector.scoredCount
        status.scores = feed.stage.detector.scoreCounts
        status.windowsUnscored = feed.stage.detector.unscoredCount
        status.verdicts = feed.stage.verdicts
    }

    private mutating func count(
        _ decoder: DecodeStatistics, _ meter: FlowMeterStatistics, _ merge: borrowing PacketMerge
    ) {
        let capture = source.statistics
        let malformed = Set(decoder.malformed.map(\.name))
        let bytes = decoder.wireBytes
        let seconds = max(Double(WallClock.now() - status.updated) / 1e9, 0.001)
        if status.updated > 0 {
            let packets = capture.packets &- (status.capture["kernel_packets"] ?? 0)
            let more = bytes &- (status.decoder["wire_bytes"] ?? 0)
            status.packetsPerSecond = Double(packets) / seconds
            status.bitsPerSecond = Double(more) * 8 / seconds
        }
        status.capture = [
            "kernel_packets": capture.packets, "kernel_drops": capture.kernelDrops,
            "interface_drops": capture.interfaceDrops, "reopened": capture.reopened,
            "duplicates": merge.duplicates, "hurried": merge.hurried,
        ]
        status.decoder = Dictionary(
            uniqueKeysWithValues: decoder.named.filter { !malformed.contains($0.name) }.map {
                ($0.name, $0.count)
            })
        status.malformed = Dictionary(
            uniqueKeysWithValues: decoder.malformed.map { ($0.name, $0.count) })
        status.flow = Dictionary(uniqueKeysWithValues: meter.named.map { ($0.name, $0.count) })
    }

    /// Once a second: everything that is not the feed's, and the board.
    private mutating func publish(_ now: Int64) {
        if source.missing != missing {
            missing = source.missing
            tell(
                missing.isEmpty
                    ? "every interface is there again"
                    : "waiting for \(missing.joined(separator: ", ")) to come back")
        }
        status.missing = missing
        if source.down != down {
            down = source.down
            tell(
                down.isEmpty
                    ? "no interface is down any more"
                    : "nothing comes from \(down.joined(separator: ", ")): taken down")
        }
        if live.directory.version != namesVersion {
            namesVersion = live.directory.version
            status.identities = live.source
            status.namedWorkloads = live.inventory.workloads.count
        }
        // The decisions may be waiting for the disk with it; then the last word stands.
        if let known = quarantine.peek({
            ($0.openRows.count, $0.policy.isBreakerOpen(at: now), $0.arrears)
        }) {
            (status.fences, status.isBreakerOpen) = (known.0, known.1)
            note(known.2)
        }
        let counts = decisions.counts
        status.verdictsDropped = decisions.dropped
        let outlets = decisions.sinks
        status.eventsLost = outlets.reduce(0) { $0 &+ $1.dropped }
        status.verdictLatency = counts.verdictLatency
        status.fenceLatency = counts.fenceLatency
        status.alerts = counts.alerts
        status.alertsSuppressed = counts.suppressed
        status.actions = counts.actions
        status.sinks =
            outlets.map(MonitorStatus.Sink.init) + [recorder.status]
            + [recording?.status].compactMap(\.self)
        status.restedSeconds = Double(pace.rested) / 1e9
        status.updated = now
        status.troubles = troubles(now)
        monitor.board.publish(status)
        guard now >= nextStatistics || now < nextStatistics - 172_800_000_000_000 else { return }
        nextStatistics = now + Int64(options.statisticsInterval) * 1_000_000_000
        decisions.submit(event: status.event)
        recorder.record(StoredStatistics(time: now, body: status.event))
    }

    private mutating func note(_ arrears: LedgerArrears) {
        if let cause = arrears.cause, self.arrears.isEmpty {
            tell("\(cause); fences are put up all the same, and written down when it works again")
        } else if arrears.isEmpty, !self.arrears.isEmpty {
            tell("the ledger is caught up with")
        }
        self.arrears = arrears
    }

    private mutating func troubles(_ now: Int64) -> [String] {
        var troubles = missing.map { "interface \($0) is not there" }
        troubles += down.map { "interface \($0) is down" }
        if let cause = arrears.cause {
            troubles.append("\(arrears.count) entries wait to be written down: \(cause)")
        }
        let drops = source.statistics.kernelDrops
        if kernelDrops.isRecent(drops, now) {
            troubles.append(
                "the kernel drops packets (\(drops) so far): give capture.buffer_kib more room"
                    + (options.limits.cores == nil ? "" : ", or limits.cpu"))
        }
        if status.residentBytes > options.limits.memory {
            troubles.append(
                "\(status.residentBytes >> 20) MiB of memory are in use, more than limits.memory: further strangers "
                    + "are not watched")
        }
        if hostsDropped.isRecent(UInt64(status.hostsDropped), now) {
            troubles.append(
                "\(status.hostsDropped) addresses found no room: there are too many; who is seen once is forgotten"
            )
        }
        if status.isBreakerOpen {
            troubles.append("too many fences: until the breaker closes offenders are only told of")
        }
        if windowsUnscored.isRecent(UInt64(status.windowsUnscored), now) {
            troubles.append(
                "\(status.windowsUnscored) windows of strangers were not scored: too many are odd at a time"
            )
        }
        if verdictsDropped.isRecent(status.verdictsDropped, now) {
            troubles.append("\(status.verdictsDropped) verdicts found the queue full")
        }
        for sink in status.sinks where sink.lost > 0 || sink.trouble != nil {
            let what = sink.name.hasPrefix(RecordingThread.label) ? "packets" : "events"
            troubles.append(
                "\(sink.name): \(sink.trouble.map { "\($0); " } ?? "")\(sink.lost) \(what) lost")
        }
        return troubles
    }
}

/// A counter of losses, and when it last rose: what is long over is no trouble.
private struct RecentRise {
    private var last: UInt64 = 0
    private var time = Int64.min

    mutating func isRecent(_ count: UInt64, _ now: Int64) -> Bool {
        if count != last {
            last = count
            time = now
        }
        return time != .min && (0..<60_000_000_000).contains(now &- time)
    }
}

extension MonitorStatus.ModelSummary {
    init(_ model: Model) {
        self.init(
            id: model.identifier,
            firstSecond: model.provenance.firstNanoseconds / 1_000_000_000,
            lastSecond: model.provenance.lastNanoseconds / 1_000_000_000,
            workloads: model.graph.subjects.count)
    }
}

extension MonitorStatus.Sink {
    init(_ status: SinkStatus) {
        self.init(
            name: status.name, written: status.written, lost: status.dropped,
            waiting: status.waiting, lagSeconds: status.lagSeconds, trouble: status.trouble)
    }
}

extension StoredModel {
    /// The model that is in use from now on.
    fileprivate init(_ model: Model, created: Int64) {
        self.init(
            id: model.identifier, created: created,
            path: model.provenance.sources.joined(separator: ", "),
            note: "\(model.provenance.packetCount) packets", isActive: true)
    }
}
