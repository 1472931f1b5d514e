public import AnomalyModel
public import ProtectedAddresses
public import Recording
public import Logging
import AnomalyDetection
internal import Decisions
import Enforcement
public import EventDelivery
internal import Events
internal import EventStore
internal import FeatureExtraction
package import FlowHistory
internal import FlowMetering
internal import FoundationEssentials
public import ImageReports
public import IndicatorFiles
internal import ModelFiles
internal import NetworkAddresses
public import PacketCapture
internal import PacketDecoding
public import Quarantine
public import Responses
public import RuntimeEventFiles
public import RuntimeEvents
import StatusReport
public import SystemSupport
internal import TextFormats
public import Workloads
public import Timestamps

/// The `lazaret monitor` command: monitors interfaces with a model and, if enforcing, fences
/// offenders.
///
/// The calling thread captures, decodes, meters and judges; until it reads them, packets wait in
/// the kernel's rings. A second thread handles decisions, the ledger, the kernel's tables and
/// events. A third one protects the tables against other programs. Without a model, the monitor
/// first learns one.
public struct Monitor {
    public struct Options: Sendable {
        public var interfaces: [String] = []
        public var capture = CaptureOptions()
        /// 1: one thread captures, meters and judges; 2: a second one counts the metered packets
        /// and judges. The verdicts are the same.
        public var captureThreads = 1
        /// The key of the flow table's hash; random, so that an attacker cannot choose flows of one
        /// bucket.
        public var hashSeed = UInt64.random(in: 1...UInt64.max)
        /// Whether rules are applied in the kernel; if false, everything else is still done.
        public var isEnforcing = false
        /// The directory of the ledger and the lock.
        public var stateDirectory = "/var/lib/lazaret"
        /// The path of the control socket for the command line; nil: none.
        public var controlSocket: String?
        /// The path of the event file; `-` is standard output.
        public var output = "-"
        /// Rotation of that file, and the other sinks of events.
        public var delivery = DeliveryOptions()
        public var policy = QuarantinePolicyOptions()
        /// The entries that the policy never fences.
        public var allowlist: [AllowEntry] = []
        /// Whether a fence also deletes the target's connection tracking entries.
        public var flushesConnections = false
        /// What is done about an offender besides its fence.
        public var responses: [ResponseEntry] = []
        /// Other programs whose decisions become rules.
        public var decisionSources: [DecisionSource] = []
        /// Lists of addresses and names that are known to be bad.
        public var indicators: [IndicatorEntry] = []
        /// What scanners report of images.
        public var imageReports = ImageReportOptions()
        /// Other tools that watch processes.
        public var runtimeEvents: [RuntimeEventEntry] = []
        /// How much less evidence an anomaly needs after one of their events.
        public var runtimePrior = RuntimePrior()
        public var discovery = ProtectedDiscovery()
        /// How long a node without a model learns before it judges.
        public var learningTime = Interval.seconds(86_400)
        /// The interval at which a new model is trained from windows that raised no verdict; nil:
        /// never.
        public var retrainInterval: Interval?
        /// The sources of container names.
        public var workloads = WorkloadOptions()
        /// The interval between `stats` events.
        public var statisticsInterval = Interval.seconds(60)
        /// The time and the number of bytes for which the state directory keeps events and
        /// incidents.
        public var keepTime = Interval.seconds(30 * 86_400)
        public var keepBytes: Int64 = 512 << 20
        /// For how long, and in how many bytes, flows are kept.
        package var history = HistoryOptions()
        /// Whether metrics have the names of workloads as labels.
        public var labelsWorkloads = false
        /// The options for recording packets.
        public var recording = RecordingOptions()
        public var limits = ResourceLimits()

        public init() {}
    }

    /// What a reload has read.
    public struct Reloaded {
        public var options: Options
        /// Nil: the model in use stays.
        public var model: Model?
        /// Called when the options are in use: shows them, and applies those of the program itself.
        public var publish: () -> Void

        public init(options: Options, model: Model?, publish: @escaping () -> Void) {
            self.options = options
            self.model = model
            self.publish = publish
        }
    }

    /// Requests from signals.
    public struct Requests {
        public var shouldStop: () -> Bool
        /// Whether counters were requested since the last call.
        public var takeReport: () -> Bool
        /// Whether reopening the files was requested since the last call.
        public var takeReopen: () -> Bool
        /// Reads configuration, model and feedback again.
        public var reload: () throws -> Reloaded

        public init(
            shouldStop: @escaping () -> Bool, takeReport: @escaping () -> Bool,
            takeReopen: @escaping () -> Bool,
            reload: @escaping () throws -> Reloaded
        ) {
            self.shouldStop = shouldStop
            self.takeReport = takeReport
            self.takeReopen = takeReopen
            self.reload = reload
        }
    }

    public let options: Options
    /// Nil: the monitor first learns one.
    public let model: Model?
    /// The given inventory; nil: that of the container engines, else the model's own.
    public let inventory: Inventory?
    let hub: MonitorHub

    /// - Parameters:
    ///   - model: nil: the one that this node has learned before, else it first learns one.
    ///   - inventory: nil: that of the container engines, else the model's own.
    ///   - hub: publishes the monitor's state.
    public init(
        options: Options, model: Model?, inventory: Inventory? = nil,
        hub: MonitorHub = MonitorHub()
    ) {
        self.options = options
        self.model = model
        self.inventory = inventory
        self.hub = hub
    }

    /// The path of the model that a node has learned by itself.
    public static func learnedModelPath(in stateDirectory: String) -> String {
        stateDirectory + "/learnt.model"
    }

    /// Opens the interfaces and closes them again, so that a start that fails for them leaves
    /// nothing behind.
    ///
    /// - Throws: `CaptureError` if they cannot be captured.
    public static func checkCapture(_ options: Options) throws {
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
        _ = try LiveSource(interfaces: options.interfaces, options: capture, logger: silent)
    }

    /// Runs until a stop is requested. Fences stay until they expire.
    ///
    /// - Parameter logger: for the operator.
    /// - Throws: `CaptureError`, `QuarantineError` or `IOError` if it cannot start.
    public func run(_ requests: Requests, logger: Logger) throws {
        // Locked first: another monitor's store must not be repaired under it.
        try EventStore.make(options.stateDirectory)
        let lock = try MonitorLock(
            directory: options.stateDirectory, socket: options.controlSocket)
        defer { lock.release() }
        let store = try EventStore.repairing(
            directory: options.stateDirectory, now: Clock.now(),
            report: { logger.warning("\($0)") })
        // A rule does not wait long for another process that has locked the ledger.
        try store.waits(.seconds(1))
        let enforcement = EnforcementSwitch(
            configured: options.isEnforcing, choice: EnforcementSwitch.stored(in: store),
            store: store)
        let state = enforcement.current
        if let by = state.by {
            let until = state.until.map { " until \(UTC.moment($0))" } ?? ""
            logger.warning(
                """
                \(by) has switched to \(state.mode.rawValue)\(until): that holds, not the \
                configuration; 'lazaret enforcement configured' ends it
                """)
        }
        let alone = enforcement.isReal ? try enforcerLock(logger) : nil
        defer { alone?.release() }
        let model = try model ?? learnedModel(logger)
        let live = try LiveWorkloads(
            options: options.workloads, given: inventory,
            remembered: model?.provenance.inventory ?? .empty)
        live.start(logger: logger)
        defer { live.stop() }
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try LiveSource(
            interfaces: options.interfaces, options: capture, logger: logger)
        let dispatcher = try EventDispatcher(
            path: options.output, options: options.delivery,
            stateDirectory: options.stateDirectory, logger: logger)
        defer { dispatcher.stop() }
        let quarantine = try startQuarantine(
            store, live, logger, isEnforcing: enforcement.isReal)
        defer { quarantine.service.stop() }
        // A connection of its own, so that a fence waits for a single write of the recorder at
        // most.
        let recorder = EventRecorder(
            store: try EventStore(directory: options.stateDirectory),
            limits: .init(time: options.keepTime, bytes: options.keepBytes), logger: logger)
        defer { recorder.stop() }
        let recording = try options.recording.path.map { path throws(IOError) in
            try PacketRecording(options.recording, path: path, logger: logger)
        }
        defer { recording?.stop() }
        let history = history(of: live, logger)
        defer { history?.stop() }
        let responses = try startResponses(quarantine.service, enforcement, store, logger)
        let one = options.interfaces.count == 1 ? options.interfaces[0] : nil
        let runtimeLog = RuntimeEventLog(options.runtimePrior)
        let decisions = DecisionThread(
            alerts: alerts(
                of: model, origin: one.map(Event.Alert.Origin.interface), runtime: runtimeLog,
                LiveDecider(
                    quarantine: quarantine.service, enforcement: enforcement, logger: logger)),
            dispatcher: dispatcher, hub: hub, recorder: recorder, logger: logger,
            rulesChanged: { responses.wake() })
        defer {
            // Those that report to it end before it, so that the events have all that they did.
            live.stop()
            if !responses.stop() { logger.warning("a response is left half done; see the ledger") }
            if !quarantine.service.stop() {
                logger.warning("the thread that watches the firewall is still busy")
            }
            decisions.stop()
        }
        responses.onStep { record, step in
            if let event = Event(record, step) { decisions.submit(event) }
        }
        quarantine.repairs.connect(decisions)
        // A connection of its own, so that no fence waits for what a reader asks.
        hub.connect(
            quarantine.service, decisions, try EventStore(directory: options.stateDirectory),
            enforcement, options.recording)
        defer {
            recorder.record(hub.lastMinutes(until: Clock.now().second))
            hub.close()
        }
        live.connect(quarantine.service, decisions, logger: logger)
        let feed = DecisionFeed(
            quarantine: quarantine.service, enforcement: enforcement, logger: logger
        ) { decisions.submit($0) }
        feed.follow(options.decisionSources)
        defer { feed.stop() }
        let indicators = IndicatorWatch(
            options.indicators, quarantine: quarantine.service, live: live, logger: logger)
        defer { indicators.stop() }
        let images = ImageWatch(options.imageReports, live: live, hub: hub, logger: logger)
        defer { images.stop() }
        let runtime = RuntimeEventWatch(
            options.runtimeEvents, log: runtimeLog, live: live, decisions: decisions,
            directory: options.stateDirectory, logger: logger)
        hub.connect(runtime)
        defer { runtime.stop() }
        let risk = RiskWatch(
            hub: hub, live: live, store: try EventStore(directory: options.stateDirectory),
            history: history.map { _ in HistoryReader(directory: options.stateDirectory) },
            options: options, logger: logger)
        defer { risk.stop() }
        var watch = MonitorLoop(
            monitor: self,
            parts: MonitorParts(
                source: source, live: live, decisions: decisions, quarantine: quarantine.service,
                responses: responses, feed: feed, indicators: indicators, images: images,
                runtime: runtime, recorder: recorder, recording: recording, history: history,
                logger: logger),
            requests: requests)
        guard let model = try model ?? watch.learn() else { return }
        try watch.run(by: model)
    }

    /// What makes alerts of verdicts, with what scanners report of the offenders' images.
    private func alerts(
        of model: Model?, origin: Event.Alert.Origin?, runtime: RuntimeEventLog,
        _ decider: sending LiveDecider
    ) -> sending AlertPipeline<LiveDecider> {
        var alerts = AlertPipeline(
            modelID: model?.identifier ?? "", origin: origin, decider: decider,
            openLimit: options.limits.hostLimit, runtime: runtime)
        alerts.image = { [hub] workload in
            Event.Alert.Image(hub.imageSummary(of: workload), at: Clock.now())
        }
        return alerts
    }

    /// - Throws: `IOError.input` where another monitor enforces here.
    private func enforcerLock(_ logger: Logger) throws -> EnforcerLock {
        let lock = try EnforcerLock()
        switch lock.outcome {
        case .taken: break
        case .held:
            throw IOError.input(
                path: "--enforce",
                reason: "another monitor enforces in this network namespace, and each would undo "
                    + "the other's fences; stop it, or only observe")
        case .unsupported:
            logger.warning(
                """
                the kernel has no tables with an owner (Linux 5.12): nothing keeps a second \
                monitor from enforcing in this network namespace
                """)
        }
        return lock
    }

    /// The state that this node has learned before.
    private func learnedModel(_ logger: Logger) throws -> Model? {
        let path = Self.learnedModelPath(in: options.stateDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let model = try ModelStore.readForJudging(path, inventory: inventory, isLearned: true)
        logger.info("using the model that this node learned: \(path); delete it to learn again")
        return model
    }

    private func history(of live: LiveWorkloads, _ logger: Logger) -> HistoryWriter? {
        guard options.history.age != nil else { return nil }
        return HistoryWriter(
            directory: options.stateDirectory, options: options.history, logger: logger
        ) { [live] address, time in live.name(of: address, at: time) }
    }

    /// Starts the responses, with a connection to the ledger of their own: a fence never waits for
    /// more than a single write of theirs.
    private func startResponses(
        _ quarantine: QuarantineService, _ enforcement: EnforcementSwitch, _ store: EventStore,
        _ logger: Logger
    ) throws -> ResponseEngine {
        let engine = ResponseEngine(
            entries: options.responses, ledger: try EventStore(directory: options.stateDirectory),
            engines: LiveWorkloads.engineAddresses(options.workloads),
            cluster: try LiveWorkloads.clusterAddress(options.workloads),
            evidence: options.stateDirectory + "/evidence", logger: logger, clock: { Clock.now() }
        ) {
            let known = quarantine.peek {
                ($0.rules, $0.policy.protected, $0.policy.allowlist, $0.policy.inventory)
            }
            guard let known else { return nil }
            var situation = ResponseSituation(
                rules: known.0.values.filter { !$0.isAdopted },
                isActing: enforcement.isReal && enforcement.isActing, protected: known.1,
                allowlist: known.2, inventory: known.3)
            guard !enforcement.isReal else { return situation }
            // A monitor that only observes knows its dry run. Fences of an earlier monitor are in
            // the ledger, and still in the kernel.
            guard let stored = try? store.openRules() else { return nil }
            let now = Clock.now()
            situation.rules = stored.filter {
                !$0.isDryRun && !$0.isAdopted && $0.expires > now
            }
            return situation
        }
        engine.start()
        return engine
    }

    private func startQuarantine(
        _ store: EventStore, _ live: LiveWorkloads,
        _ logger: Logger, isEnforcing: Bool
    ) throws -> (service: QuarantineService, repairs: RepairReporter) {
        var choices = QuarantineService.Options()
        choices.isEnforcing = isEnforcing
        choices.discovery = options.discovery
        choices.flushesConnections = options.flushesConnections
        choices.followsClock = true
        let repairs = RepairReporter()
        let service = try QuarantineService(
            policy: QuarantinePolicy(
                options: options.policy, inventory: live.inventory, allowlist: options.allowlist),
            ledger: store, options: choices, clock: { Clock.now() }
        ) { finding in
            repairs.report(finding, logger: logger)
        }
        return (service, repairs)
    }
}
