import AnomalyModel
import ProtectedAddresses
import Recording
import Logging
import AnomalyDetection
import Enforcement
import EventDelivery
import EventStore
import FeatureExtraction
import FlowHistory
import FlowMetering
import ModelFiles
import PacketCapture
import PacketDecoding
import PacketIntake
import Quarantine
import Responses
import RuntimeEvents
import StatusReport
import SystemSupport
import TextFormats
import Workloads
import Timestamps

/// The packet thread of a monitor: learns, then judges, and publishes its state once a second.
struct MonitorLoop {
    private let monitor: Monitor
    private let parts: MonitorParts
    private var reporter: MonitorReporter
    private var context: CaptureContext
    private var pace: CPULimiter
    private var clock = ClockStepDetector(now: Clock.now())
    private let requests: Monitor.Requests
    private var notice: SystemdNotifier
    private var delivery: DeliveryOptions
    private var output: String

    private var options: Monitor.Options { monitor.options }

    private var source: LiveSource { parts.source }
    private var live: LiveWorkloads { parts.live }
    private var decisions: DecisionThread { parts.decisions }
    private var recording: PacketRecording? { parts.recording }

    init(monitor: Monitor, parts: MonitorParts, requests: Monitor.Requests) {
        let options = monitor.options
        self.monitor = monitor
        self.parts = parts
        self.requests = requests
        reporter = MonitorReporter(
            options, hub: monitor.hub, parts: parts, started: Clock.now())
        notice = SystemdNotifier(environment: options.discovery.environment)
        delivery = options.delivery
        output = options.output
        context = CaptureContext(
            capture: parts.source, interfaces: options.interfaces, recording: parts.recording,
            logger: parts.logger)
        pace = CPULimiter(cores: options.limits.cores)
    }

    private var logger: Logger { parts.logger }

    // MARK: - Learning

    /// Learns what is usual on the interfaces.
    ///
    /// - Returns: the model, which is saved in the state directory; nil if a stop was requested
    ///   before.
    mutating func learn() throws -> Model? {
        let path = Monitor.learnedModelPath(in: options.stateDirectory)
        reporter.begin(.learning)
        let names = options.interfaces.joined(separator: ", ")
        logger.info(
            """
            no model: learning what is usual on \(names) for \(TimeSpan(options.learningTime)); \
            nothing is judged until then
            """)
        if options.learningTime.wholeSeconds < LearningQuality.advisedSeconds {
            logger.warning(
                """
                \(TimeSpan(options.learningTime)) is short: rare harmless events will be \
                anomalous, and workloads with little traffic are not fenced for rates; learn \
                for 15 minutes or more, preferably a day
                """)
        }
        notice.ready("learning what is usual")
        while !requests.shouldStop() {
            if let learned = try learnOnce() {
                return try keep(learned.model, at: path, learned.progress, learned.remarks)
            }
        }
        logger.info("stopped while learning; the next start begins again")
        return nil
    }

    /// Learns for the configured time; nil if there was nothing to learn from, or a stop was
    /// requested.
    private mutating func learnOnce() throws -> (
        model: Model, remarks: [String], progress: MonitorStatus.Learning
    )? {
        let began = Clock.now()
        var pipeline = TrainingPipeline(
            inventory: monitor.inventory ?? .empty, interfaces: interfaceCount,
            hashSeed: options.hashSeed, length: options.learningTime, started: began,
            limits: options.limits, flows: parts.history.map { FlowCollector($0) { _ in false } })
        live.begin(&pipeline, context)
        var ports = PortOwners(onChange: Self.portCheck(of: parts))
        var now = began
        while !pipeline.isOver(at: now) {
            guard !requests.shouldStop() else {
                pipeline.finishFlows()
                return nil
            }
            live.update(&pipeline, context)
            try source.nextBatch(timeoutMilliseconds: 50) { frames in
                ports.update(&pipeline, source, recording)
                pipeline.process(frames)
                recording?.record(
                    frames, leavingOut: pipeline.repeats, origin: source.origin)
            }
            let tick = tick()
            now = tick.now
            if let step = tick.step {
                logger.notice("\(ClockStepDetector.text(step)); what was learned is kept")
                pipeline.clockStepped(by: step)
            }
            pipeline.intake.advance(to: now)
            pipeline.advance(to: now)
            if reporter.isSecondOver() {
                pipeline.isCramped = reporter.isCramped()
                reporter.update(from: pipeline, at: now)
                publish(now)
            } else if requests.takeReport() {
                reporter.update(from: pipeline, at: now)
                publish(now)
                logger.notice("\(reporter.status.text)")
            }
            if takeReopen() {
                notice.reloading()
                if reload() != nil {
                    logger.info("a model is used from the next start: this monitor learns its own")
                }
                pipeline.intake.setInterfaceCount(interfaceCount)
                notice.ready("learning what is usual")
            }
        }
        pipeline.finishFlows()
        do throws(ModelError) {
            let (model, remarks) = try pipeline.model(provenance(began, now))
            return (model, remarks, pipeline.progress(at: now))
        } catch {
            logger.warning("nothing learned yet: \(error); learning continues")
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
        _ model: Model, at path: String, _ progress: MonitorStatus.Learning,
        _ remarks: [String]
    ) throws(ModelError) -> Model {
        reporter.status.learning = nil
        var place = "kept as \(path)"
        do { try ModelStore.write(model, to: path) } catch { place = "not kept: \(error)" }
        logger.info(
            """
            learned \(progress.workloads) workloads from \(progress.windows) windows; \
            model \(model.identifier.prefix(12)) \(place)
            """)
        let quality = LearningQuality(model)
        logger.info("\(quality.summary)")
        for workload in quality.thin.prefix(8) { logger.warning("thin: \(workload)") }
        for line in LearningQuality.leftOut(quality.workloads) {
            logger.warning("not learned: \(line)")
        }
        for remark in remarks { logger.warning("\(remark)") }
        for suspect in progress.suspects {
            logger.warning(
                """
                left out of the model, since it does not look clean: \(suspect); if its peers \
                may not be clean either, delete the model and learn again
                """)
        }
        return model
    }

    // MARK: - Judging

    /// Judges until a stop is requested.
    mutating func run(by model: Model) throws {
        reporter.begin(.detecting)
        reporter.status.model = MonitorStatus.ModelSummary(model)
        monitor.hub.publish(contacts: MonitorHub.Contact.all(in: model))
        parts.recorder.record(StoredModel(model, created: Clock.now()))
        decisions.setModel(id: model.identifier)
        let summary =
            "monitoring \(options.interfaces.joined(separator: ", ")) by model "
            + "\(model.identifier.prefix(12)), "
            + (monitor.hub.enforcement?.mode == .enforce
                ? "enforcing" : "observing; --enforce fences offenders")
            + "; names from \(live.source)"
        logger.info("\(summary)")
        notice.ready(summary)
        defer { notice.stopping() }
        let setup = DetectionPipeline.Setup(
            model: model, inventory: monitor.inventory ?? .empty,
            remembered: monitor.inventory == nil ? model.provenance.inventory : .empty,
            interfaces: interfaceCount, hashSeed: options.hashSeed,
            isRetraining: options.retrainInterval != nil,
            scores: monitor.hub.scores, limits: options.limits, prior: options.runtimePrior,
            flows: parts.history.map { FlowCollector($0, isNew: WindowTracker.isNewContact) },
            threads: options.captureThreads)
        var pipeline = DetectionPipeline(setup) { [decisions] in decisions.submit($0) }
        live.begin(&pipeline, context)
        let retraining = options.retrainInterval.map {
            Retraining(every: $0, directory: options.stateDirectory)
        }
        var ports = PortOwners(onChange: Self.portCheck(of: parts))
        while !requests.shouldStop() {
            live.update(&pipeline, context)
            if let table = parts.indicators.takeTable() { pipeline.lookFor(table) }
            for (workload, event) in parts.runtime.takeRaised() {
                pipeline.note(event, of: workload)
            }
            let patience: Int32 = pipeline.isJudging ? 0 : 50
            try source.nextBatch(timeoutMilliseconds: patience) { frames in
                ports.update(&pipeline, source, recording)
                pipeline.nodeAddresses = source.nodeAddresses
                pipeline.process(frames)
                recording?.record(
                    frames, leavingOut: pipeline.repeats, origin: source.origin)
            }
            let (now, step) = tick()
            if let step {
                logger.notice(
                    "\(ClockStepDetector.text(step)); fences keep the time that is left to them")
                pipeline.clockStepped(by: step)
            }
            pipeline.intake.advance(to: now)
            pipeline.advance(to: now)
            if takeReopen() {
                notice.reloading()
                if let model = reload() { use(retraining?.followed(model) ?? model, &pipeline) }
                pipeline.intake.setInterfaceCount(interfaceCount)
                notice.ready(summary)
            }
            if let retraining,
                let model = retraining.step(
                    now: now, logger: logger, { pipeline.retrainer })
            {
                use(model, &pipeline)
            }
            if reporter.isSecondOver() {
                pipeline.isCramped = reporter.isCramped()
                reporter.update(from: pipeline)
                publish(now)
            } else if requests.takeReport() {
                reporter.update(from: pipeline)
                publish(now)
                logger.notice("\(reporter.status.text)")
            }
        }
        pipeline.finish()
        reporter.update(from: pipeline)
        publish(Clock.now())
        decisions.submit(reporter.status.event)
        logger.info("stopped: \(reporter.status.text)")
    }

    private mutating func use(_ model: Model, _ pipeline: inout DetectionPipeline) {
        pipeline.replaceModel(model)
        decisions.setModel(id: model.identifier)
        monitor.hub.publish(contacts: MonitorHub.Contact.all(in: model))
        parts.recorder.record(StoredModel(model, created: Clock.now()))
        reporter.status.model = MonitorStatus.ModelSummary(model)
    }

    /// Applies the current configuration and the model's file; if any part is unusable, none of it
    /// is applied.
    ///
    /// - Returns: the model to use from now on; nil: the one in use.
    private mutating func reload() -> Model? {
        decisions.reopen()
        recording?.reopen()
        do {
            let read = try requests.reload()
            let options = read.options
            let changesSinks = options.delivery != delivery || options.output != output
            if changesSinks { try decisions.replaceSinks(options.output, options.delivery) }
            do throws(QuarantineError) {
                try parts.quarantine.reconfigure(
                    options.policy, flushesConnections: options.flushesConnections,
                    allowlist: options.allowlist, protecting: options.discovery.named)
            } catch {
                if changesSinks { try decisions.replaceSinks(output, delivery) }
                throw error
            }
            (delivery, output) = (options.delivery, options.output)
            read.publish()
            parts.responses.replace(options.responses)
            parts.feed.follow(options.decisionSources)
            parts.indicators.follow(options.indicators)
            parts.images.follow(options.imageReports)
            parts.runtime.follow(options.runtimeEvents)
            watch(interfaces: options.interfaces)
            logger.info("configuration, model and feedback were read again")
            reporter.noteReload()
            return read.model
        } catch {
            logger.error("\(error); what was in use stays")
            reporter.noteReload(failure: error)
            return nil
        }
    }

    /// Changes the monitored interfaces; those that stay lose no packet.
    private mutating func watch(interfaces: [String]) {
        guard interfaces != context.interfaces else { return }
        context.interfaces = interfaces
        reporter.status.interfaces = interfaces
        live.watch(live.directory.bridges(), context)
    }

    /// Packets are held for a moment where there are several rings, or where names must arrive
    /// before them.
    private var interfaceCount: Int {
        let rings = source.isAtPorts ? 1 : context.interfaces.count
        return live.holdsPackets(context.interfaces) ? max(2, rings) : rings
    }

    private func takeReopen() -> Bool {
        let isAsked = monitor.hub.takeReload()
        return requests.takeReopen() || isAsked
    }

    /// Between two batches: notifies the supervisor, keeps to the CPU limit, and reads the clock.
    ///
    /// - Returns: the current time, and how far the clock was set since the last call.
    private mutating func tick() -> (now: Timestamp, step: Interval?) {
        notice.beat()
        pace.keep()
        let now = Clock.now()
        recording?.advance(to: Clock.monotonic())
        return (now, clock.step(to: now))
    }

    private mutating func publish(_ now: Timestamp) { reporter.publish(now, rested: pace.rested) }
}

extension MonitorLoop {
    /// Compares the rules on ports with the interfaces, on a task of its own: the next interface
    /// with a port's name is another container's.
    private static func portCheck(of parts: MonitorParts) -> () -> Void {
        let (quarantine, decisions, logger) = (parts.quarantine, parts.decisions, parts.logger)
        return {
            Task.detached {
                do throws(QuarantineError) {
                    decisions.submit(
                        try await quarantine.use { (engine, now) throws(QuarantineError) in
                            try engine.followPorts(now: now)
                        })
                } catch {
                    // The engine compares them again within a second.
                    logger.error("the rule on a port that has gone cannot be removed: \(error)")
                }
            }
        }
    }
}

extension MonitorStatus.ModelSummary {
    init(_ model: Model) {
        self.init(
            id: model.identifier,
            firstSecond: Int64(model.provenance.first.second),
            lastSecond: Int64(model.provenance.last.second),
            workloads: ModelReport.workloads(model).count,
            quality: LearningQuality(model).workloads)
    }
}

extension StoredModel {
    /// The record of a model that is in use from now on.
    fileprivate init(_ model: Model, created: Timestamp) {
        self.init(
            id: model.identifier, created: created,
            path: model.provenance.sources.joined(separator: ", "),
            note: "\(model.provenance.packetCount) packets", isActive: true)
    }
}
