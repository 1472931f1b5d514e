public import Logging
public import AnomalyDetection
internal import Decisions
public import Enforcement
public import EventDelivery
internal import Events
internal import EventStore
internal import FeatureExtraction
internal import FlowMetering
internal import FoundationEssentials
internal import ModelFiles
internal import NetworkAddresses
public import PacketCapture
internal import PacketDecoding
public import Quarantine
internal import SystemSupport
public import Workloads
public import Timestamps

/// Watches interfaces by a model, and fences offenders where that is asked for: `lazaret monitor`.
///
/// The calling thread captures, decodes, meters and judges; the kernel's rings hold what comes
/// meanwhile. Decisions, ledger, kernel and events are a second thread's, and a third one guards
/// the tables against other programs. Without a model it learns one first.
public struct Monitor {
    public struct Options: Sendable {
        public var interfaces: [String] = []
        public var capture = CaptureOptions()
        /// The key of the flow table's hash; random, so that nobody can aim at one bucket.
        public var hashSeed = UInt64.random(in: 1...UInt64.max)
        /// False: everything but the last call to the kernel.
        public var isEnforcing = false
        /// Where ledger and lock lie.
        public var stateDirectory = "/var/lib/lazaret"
        /// Where this monitor answers the command line; nil: nowhere.
        public var controlSocket: String?
        /// File of the events; `-` is standard output.
        public var output = "-"
        /// Rotation of that file, and where events go beside it.
        public var delivery = DeliveryOptions()
        public var policy = QuarantinePolicyOptions()
        /// Whom the policy leaves alone.
        public var allowlist: [AllowEntry] = []
        /// Whether a fence also deletes the target's entries of connection tracking.
        public var flushesConnections = false
        public var discovery = ProtectedDiscovery()
        /// How long a node without a model learns before it judges.
        public var learningTime = Interval.seconds(86_400)
        /// After this long a new model is made of what raised nothing; nil: never.
        public var retrainInterval: Interval?
        /// Where names of containers come from.
        public var workloads = WorkloadOptions()
        /// Time between `stats` events.
        public var statisticsInterval = Interval.seconds(60)
        /// How long, and in how many bytes, events and incidents are kept in the state directory.
        public var keepTime = Interval.seconds(30 * 86_400)
        public var keepBytes: Int64 = 512 << 20
        /// Where packets are kept.
        public var recording = RecordingOptions()
        public var limits = ResourceLimits()

        public init() {}
    }

    /// What signals ask for.
    public struct Requests {
        public var shouldStop: () -> Bool
        /// Whether counters were asked for since the last call.
        public var takeReport: () -> Bool
        /// Whether files are to be opened anew since the last call.
        public var takeReopen: () -> Bool
        /// Reads configuration, model and feedback anew; a nil model is the one in use.
        public var reload: () throws -> (options: Options, model: Model?)

        public init(
            shouldStop: @escaping () -> Bool, takeReport: @escaping () -> Bool,
            takeReopen: @escaping () -> Bool,
            reload: @escaping () throws -> (options: Options, model: Model?)
        ) {
            self.shouldStop = shouldStop
            self.takeReport = takeReport
            self.takeReopen = takeReopen
            self.reload = reload
        }
    }

    public let options: Options
    /// Nil: one is learnt first.
    public let model: Model?
    /// What was given; nil: what engines tell, and else the model's own.
    public let inventory: Inventory?
    let hub: MonitorHub

    /// - Parameters:
    ///   - model: nil: the one that this node has learnt before, or else is learnt now.
    ///   - inventory: nil: what engines tell, and else the model's own.
    ///   - hub: what others see of it.
    public init(
        options: Options, model: Model?, inventory: Inventory? = nil,
        hub: MonitorHub = MonitorHub()
    ) {
        self.options = options
        self.model = model
        self.inventory = inventory
        self.hub = hub
    }

    /// Where the model lies that a node has learnt by itself.
    public static func learntModelPath(in stateDirectory: String) -> String {
        stateDirectory + "/learnt.model"
    }

    /// Runs until it is asked to stop. Fences stay, with the ends that they have.
    ///
    /// - Parameter logger: for the operator.
    /// - Throws: `CaptureError`, `QuarantineError` or `IOError` where it cannot start.
    public func run(_ requests: Requests, logger: Logger) throws {
        let store = try EventStore.repairing(
            directory: options.stateDirectory, now: Clock.now(),
            report: { logger.warning("\($0)") })
        // A rule does not wait for who holds the ledger.
        try store.waits(.seconds(1))
        let lock = try MonitorLock(
            directory: options.stateDirectory, socket: options.controlSocket)
        defer { lock.release() }
        let alone = options.isEnforcing ? try EnforcerLock() : nil
        defer { alone?.release() }
        let model = try model ?? learntModel(logger)
        let live = try LiveWorkloads(
            options: options.workloads, given: inventory,
            remembered: model?.provenance.inventory ?? .empty)
        live.start(logger: logger)
        defer { live.stop() }
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try LiveCapture(
            interfaces: options.interfaces.filter { $0 != LiveWorkloads.allBridges },
            options: capture)
        let dispatcher = try EventDispatcher(
            path: options.output, options: options.delivery,
            stateDirectory: options.stateDirectory, logger: logger)
        defer { dispatcher.stop() }
        let quarantine = try startQuarantine(store, live, logger)
        defer {
            if !quarantine.service.stop() {
                logger.warning("what watches the firewall is left busy")
            }
        }
        // Its own connection: what takes long there never makes a fence wait for longer than a
        // write.
        let recorder = EventRecorder(
            store: try EventStore(directory: options.stateDirectory),
            limits: .init(time: options.keepTime, bytes: options.keepBytes), logger: logger)
        defer { recorder.stop() }
        let recording = try options.recording.path.map { path throws(IOError) in
            try PacketRecording(options.recording, path: path, logger: logger)
        }
        defer { recording?.stop() }
        let one = options.interfaces.count == 1 ? options.interfaces[0] : nil
        let decisions = DecisionThread(
            alerts: AlertPipeline(
                modelID: model?.identifier ?? "",
                origin: one.map(Event.Alert.Origin.interface),
                decider: LiveDecider(
                    quarantine: quarantine.service, isEnforcing: options.isEnforcing,
                    logger: logger), openLimit: options.limits.hostLimit),
            dispatcher: dispatcher, hub: hub, recorder: recorder, logger: logger)
        defer { decisions.stop() }
        quarantine.repairs.connect(decisions)
        hub.connect(quarantine.service, decisions, store)
        defer { hub.close() }
        live.connect(quarantine.service, decisions, logger: logger)
        var watch = MonitorLoop(
            monitor: self,
            parts: MonitorParts(
                source: source, live: live, decisions: decisions, quarantine: quarantine.service,
                recorder: recorder, recording: recording, logger: logger),
            requests: requests)
        guard let model = try model ?? watch.learn() else { return }
        try watch.run(by: model)
    }

    /// What this node has learnt at an earlier start.
    private func learntModel(_ logger: Logger) throws -> Model? {
        let path = Self.learntModelPath(in: options.stateDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let model = try ModelStore.readForJudging(path, inventory: inventory)
        logger.info("judging by what this node has learnt before: \(path); delete it to learn anew")
        return model
    }

    private func startQuarantine(
        _ store: EventStore, _ live: LiveWorkloads,
        _ logger: Logger
    ) throws -> (service: QuarantineService, repairs: RepairReporter) {
        var choices = QuarantineService.Options()
        choices.isEnforcing = options.isEnforcing
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
