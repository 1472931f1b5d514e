import AnomalyDetection
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
    private let decisions: DecisionThread
    private let quarantine: QuarantineGuard
    private let recorder: EventRecorder
    private let requests: Monitor.Requests
    private let tell: @Sendable (String) -> Void
    private let started = WallClock.now()
    private var status = MonitorStatus()
    private var missing: [String] = []
    private var nextSecond: Int64 = 0
    private var nextStatistics: Int64
    private var lastDrops: UInt64 = 0
    private var dropsSince = Int64.min

    private var options: Monitor.Options { monitor.options }

    init(
        monitor: Monitor, source: LiveCapture, decisions: DecisionThread,
        quarantine: QuarantineGuard, recorder: EventRecorder, requests: Monitor.Requests,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.monitor = monitor
        self.source = source
        self.decisions = decisions
        self.quarantine = quarantine
        self.recorder = recorder
        self.requests = requests
        self.tell = tell
        nextStatistics = started + Int64(monitor.options.statisticsInterval) * 1_000_000_000
        status.pid = getpid()
        status.started = started
        status.isEnforcing = options.isEnforcing
        status.interfaces = options.interfaces
        status.identities = monitor.inventory.isEmpty ? "addresses" : "inventory"
        status.namedWorkloads = monitor.inventory.workloads.count
    }

    // MARK: - Learning

    /// Learns what is usual here.
    ///
    /// - Returns: the model, which is kept in the state directory; nil when asked to stop before.
    mutating func learn() throws -> Model? {
        let path = Monitor.learntModelPath(in: options.stateDirectory)
        if FileManager.default.fileExists(atPath: path) {
            let model = try ModelStore.readForJudging(path, inventory: monitor.inventory)
            tell("judging by what this node has learnt before: \(path); delete it to learn anew")
            return model
        }
        status.phase = .learning
        var seconds = options.learnSeconds
        tell(
            "no model: learning what is usual on \(options.interfaces.joined(separator: ", ")) for "
                + "\(TimeSpan(seconds: Int64(seconds))); nothing is judged meanwhile")
        var feed = LearningFeed(
            inventory: monitor.inventory, interfaces: options.interfaces.count,
            hashSeed: options.hashSeed, seconds: seconds, started: started)
        while !requests.shouldStop() {
            _ = try source.nextBatch(timeoutMilliseconds: 50) { frames in feed.take(frames) }
            let now = WallClock.now()
            feed.advance(to: now)
            if isSecondOver(now) {
                status.learning = feed.progress(at: now)
                count(feed.decoder.statistics, feed.meter.statistics, feed.merge)
                status.hosts = feed.hosts
                status.windows = feed.windows
                publish(now)
            }
            if takeReopen() { decisions.reopen() }
            guard feed.isOver(at: now) else { continue }
            do throws(ModelError) {
                let model = try feed.model(provenance(now))
                return try keep(model, at: path, feed.progress(at: now))
            } catch .tooLittleData(let why) {
                seconds += options.learnSeconds
                tell("nothing learnt yet: \(why); going on")
                feed = LearningFeed(
                    inventory: monitor.inventory, interfaces: options.interfaces.count,
                    hashSeed: options.hashSeed, seconds: options.learnSeconds, started: now)
            }
        }
        tell("stopped while learning; it begins anew at the next start")
        return nil
    }

    private func provenance(_ now: Int64) -> Model.Provenance {
        var provenance = Model.Provenance()
        provenance.sources = options.interfaces.map { "live \($0)" }
        provenance.firstNanoseconds = started
        provenance.lastNanoseconds = now
        provenance.seed = 1
        provenance.inventory = monitor.inventory
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
        status.model = MonitorStatus.ModelSummary(model)
        monitor.board.publish(contacts: MonitorBoard.Contact.all(in: model))
        decisions.follow(modelID: model.identifier)
        tell(
            "monitoring \(options.interfaces.joined(separator: ", ")) by model "
                + "\(model.identifier.prefix(12)), "
                + (options.isEnforcing ? "enforcing" : "observing; --enforce fences offenders"))
        var feed = LiveFeed(
            model: model, inventory: monitor.inventory, interfaces: options.interfaces.count,
            hashSeed: options.hashSeed, isRetraining: options.retrainSeconds != nil,
            scores: monitor.board.scores)
        let retraining = options.retrainSeconds.map {
            Retraining(every: $0, directory: options.stateDirectory, now: WallClock.now())
        }
        while !requests.shouldStop() {
            let decisions = decisions
            _ = try source.nextBatch(timeoutMilliseconds: 50) { frames in
                feed.take(frames) { decisions.submit($0) }
            }
            let now = WallClock.now()
            feed.advance(to: now) { decisions.submit($0) }
            if takeReopen() { reload(&feed, retraining) }
            if let retraining, let retrainer = feed.retrainer,
                let model = retraining.step(retrainer, now: now, tell: tell)
            {
                follow(model, &feed)
            }
            if isSecondOver(now) {
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
        status.model = MonitorStatus.ModelSummary(model)
    }

    /// Takes in what the configuration and the model's file say now; what cannot be used is refused whole.
    private mutating func reload(_ feed: inout LiveFeed, _ retraining: Retraining?) {
        decisions.reopen()
        do {
            let (options, model) = try requests.reload()
            let policy = options.policy
            let allowlist = options.allowlist
            let named = options.discovery.named
            try quarantine.with { runner throws(QuarantineError) in
                try runner.follow(policy, allowlist: allowlist, protecting: named)
            }
            if let model { follow(retraining?.followed(model) ?? model, &feed) }
            tell("configuration, model and feedback read anew")
        } catch {
            tell("\(error); what was in use stays")
        }
    }

    private func takeReopen() -> Bool {
        let isAsked = monitor.board.takeReload()
        return requests.takeReopen() || isAsked
    }

    // MARK: - Telling

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
        // The decisions may be waiting for the disk with it; then the last word stands.
        if let known = quarantine.peek({ ($0.openRows.count, $0.policy.isBreakerOpen(at: now)) }) {
            (status.fences, status.isBreakerOpen) = known
        }
        let counts = decisions.counts
        status.verdictsDropped = decisions.dropped
        status.eventsLost = decisions.lostEvents
        status.verdictLatency = counts.verdictLatency
        status.fenceLatency = counts.fenceLatency
        status.alerts = counts.alerts
        status.alertsSuppressed = counts.suppressed
        status.actions = counts.actions
        status.sinks = [recorder.status]
        status.updated = now
        status.troubles = troubles(now)
        monitor.board.publish(status)
        guard now >= nextStatistics || now < nextStatistics - 172_800_000_000_000 else { return }
        nextStatistics = now + Int64(options.statisticsInterval) * 1_000_000_000
        decisions.submit(event: status.event)
    }

    private mutating func troubles(_ now: Int64) -> [String] {
        var troubles = missing.map { "interface \($0) is not there" }
        let drops = source.statistics.kernelDrops
        if drops > lastDrops {
            lastDrops = drops
            dropsSince = now
        }
        if dropsSince != .min, now - dropsSince < 60_000_000_000 {
            troubles.append(
                "the kernel drops packets (\(drops) so far): give capture.buffer_kib more room")
        }
        if status.hostsDropped > 0 {
            troubles.append("\(status.hostsDropped) addresses are not watched: there are too many")
        }
        if status.isBreakerOpen {
            troubles.append("too many fences: until the breaker closes offenders are only told of")
        }
        if status.eventsLost > 0 {
            troubles.append("\(status.eventsLost) events could not be written")
        }
        if status.verdictsDropped > 0 {
            troubles.append("\(status.verdictsDropped) verdicts found the queue full")
        }
        for sink in status.sinks where sink.lost > 0 {
            troubles.append("\(sink.name): \(sink.lost) events lost")
        }
        return troubles
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
