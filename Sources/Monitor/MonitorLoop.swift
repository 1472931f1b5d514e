import AnomalyDetection
import Enforcement
import EventDelivery
import EventStore
import FeatureExtraction
import FlowMetering
import ModelFiles
import PacketCapture
import PacketDecoding
import PacketIntake
import Quarantine
import SystemSupport
import TextFormats
import Workloads
import Timestamps

/// The thread of a monitor's packets: learns, then judges, and once a second tells how it is.
struct MonitorLoop {
    private let monitor: Monitor
    private let parts: MonitorParts
    private var reporter: MonitorReporter
    private var sight: LiveSight
    private var pace: CPUPace
    private var clock = ClockWatch(now: Clock.now())
    private let requests: Monitor.Requests
    private var notice: ServiceNotice
    private var delivery: DeliveryOptions
    private var output: String

    private var options: Monitor.Options { monitor.options }

    private var source: LiveCapture { parts.source }
    private var live: LiveWorkloads { parts.live }
    private var decisions: DecisionThread { parts.decisions }
    private var recording: PacketRecording? { parts.recording }

    init(monitor: Monitor, parts: MonitorParts, requests: Monitor.Requests) {
        let options = monitor.options
        self.monitor = monitor
        self.parts = parts
        self.requests = requests
        reporter = MonitorReporter(
            options, board: monitor.board, parts: parts, started: Clock.now())
        notice = ServiceNotice(environment: options.discovery.environment)
        delivery = options.delivery
        output = options.output
        sight = LiveSight(
            capture: parts.source, interfaces: options.interfaces, recording: parts.recording,
            tell: parts.tell)
        pace = CPUPace(cores: options.limits.cores)
    }

    private func tell(_ line: String) { parts.tell(line) }

    // MARK: - Learning

    /// Learns what is usual here.
    ///
    /// - Returns: the model, which is kept in the state directory; nil when asked to stop before.
    mutating func learn() throws -> Model? {
        let path = Monitor.learntModelPath(in: options.stateDirectory)
        reporter.begin(.learning)
        tell(
            "no model: learning what is usual on \(options.interfaces.joined(separator: ", ")) for "
                + "\(TimeSpan(options.learningTime)); nothing is judged meanwhile")
        notice.ready("learning what is usual")
        while !requests.shouldStop() {
            if let learnt = try learnOnce() {
                return try keep(learnt.model, at: path, learnt.progress)
            }
        }
        tell("stopped while learning; it begins anew at the next start")
        return nil
    }

    /// Learns for as long as is asked for; nil where there was nothing to learn from, or it is
    /// asked to stop.
    private mutating func learnOnce() throws -> (
        model: Model, progress: MonitorStatus.Learning
    )? {
        let began = Clock.now()
        var feed = LearningFeed(
            inventory: monitor.inventory ?? .empty, interfaces: interfaceCount,
            hashSeed: options.hashSeed, length: options.learningTime, started: began,
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
            let tick = tick()
            now = tick.now
            if let step = tick.step {
                tell("\(ClockWatch.text(step)); what is learnt stays")
                feed.clockStepped(by: step)
            }
            feed.intake.advance(to: now)
            feed.advance(to: now)
            if reporter.isSecondOver() {
                feed.isCramped = reporter.isCramped()
                reporter.take(feed, at: now)
                publish(now)
            }
            if takeReopen() {
                notice.reloading()
                if reload() != nil {
                    tell("a model is used from the next start: this one learns its own")
                }
                feed.intake.hold(interfaces: interfaceCount)
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

    private func provenance(_ began: Timestamp, _ now: Timestamp) -> Model.Provenance {
        var provenance = Model.Provenance()
        provenance.sources = options.interfaces.map { "live \($0)" }
        provenance.first = began
        provenance.last = now
        provenance.seed = 1
        provenance.inventory = live.inventory
        return provenance
    }

    private mutating func keep(
        _ model: Model, at path: String, _ progress: MonitorStatus.Learning
    ) throws(ModelError) -> Model {
        reporter.status.learning = nil
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
        reporter.begin(.detecting)
        reporter.status.model = MonitorStatus.ModelSummary(model)
        monitor.board.publish(contacts: MonitorBoard.Contact.all(in: model))
        parts.recorder.record(StoredModel(model, created: Clock.now()))
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
            isRetraining: options.retrainInterval != nil,
            scores: monitor.board.scores, limits: options.limits,
            submit: { [decisions] in decisions.submit($0) })
        live.begin(&feed, sight)
        let retraining = options.retrainInterval.map {
            Retraining(every: $0, directory: options.stateDirectory, now: Clock.now())
        }
        while !requests.shouldStop() {
            live.update(&feed, sight)
            _ = try source.nextBatch(timeoutMilliseconds: 50) { frames in
                feed.take(frames)
                recording?.record(frames, name: source.name)
            }
            let (now, step) = tick()
            if let step {
                tell("\(ClockWatch.text(step)); fences keep the time that is left to them")
                feed.clockStepped(by: step)
            }
            feed.intake.advance(to: now)
            feed.advance(to: now)
            if takeReopen() {
                notice.reloading()
                if let model = reload() { follow(retraining?.followed(model) ?? model, &feed) }
                feed.intake.hold(interfaces: interfaceCount)
                notice.ready(summary)
            }
            if let retraining, let retrainer = feed.retrainer,
                let model = retraining.step(retrainer, now: now, tell: tell)
            {
                follow(model, &feed)
            }
            if reporter.isSecondOver() {
                feed.isCramped = reporter.isCramped()
                reporter.take(feed)
                publish(now)
            } else if requests.takeReport() {
                reporter.take(feed)
                publish(now)
                tell(reporter.status.text)
            }
        }
        feed.finish()
        reporter.take(feed)
        publish(Clock.now())
        decisions.submit(reporter.status.event)
        tell("stopped: " + reporter.status.text)
    }

    private mutating func follow(_ model: Model, _ feed: inout LiveFeed) {
        feed.replaceModel(model)
        decisions.follow(modelID: model.identifier)
        monitor.board.publish(contacts: MonitorBoard.Contact.all(in: model))
        parts.recorder.record(StoredModel(model, created: Clock.now()))
        reporter.status.model = MonitorStatus.ModelSummary(model)
    }

    /// Takes in what the configuration and the model's file say now; what cannot be used is refused
    /// whole.
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
            try parts.quarantine.reconfigure(policy, allowlist: allowlist, protecting: named)
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
        reporter.status.interfaces = interfaces
        live.watch(live.directory.bridges(), sight)
    }

    /// Packets are held for a moment where there are several, or where names are to come in time
    /// for them.
    private var interfaceCount: Int {
        live.holdsPackets(sight.interfaces)
            ? max(2, sight.interfaces.count) : sight.interfaces.count
    }

    private func takeReopen() -> Bool {
        let isAsked = monitor.board.takeReload()
        return requests.takeReopen() || isAsked
    }

    /// Between two batches: tells the supervisor, rests, and looks at the clock.
    ///
    /// - Returns: what it is now, and how far it was set since the last time.
    private mutating func tick() -> (now: Timestamp, step: Interval?) {
        notice.beat()
        pace.keep()
        let now = Clock.now()
        recording?.advance(to: Clock.monotonic())
        return (now, clock.step(to: now))
    }

    private mutating func publish(_ now: Timestamp) { reporter.publish(now, rested: pace.rested) }
}

extension MonitorStatus.ModelSummary {
    init(_ model: Model) {
        self.init(
            id: model.identifier,
            firstSecond: Int64(model.provenance.first.second),
            lastSecond: Int64(model.provenance.last.second),
            workloads: ModelReport.workloads(model).count)
    }
}

extension StoredModel {
    /// The model that is in use from now on.
    fileprivate init(_ model: Model, created: Timestamp) {
        self.init(
            id: model.identifier, created: created,
            path: model.provenance.sources.joined(separator: ", "),
            note: "\(model.provenance.packetCount) packets", isActive: true)
    }
}
