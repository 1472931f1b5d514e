public import AnomalyDetection
public import EventDelivery
internal import FeatureExtraction
internal import FlowMetering
internal import Foundation
internal import NetworkAddresses
public import PacketCapture
internal import PacketDecoding
public import Quarantine
internal import Reporting
public import Workloads

/// Watches interfaces by a model, and fences offenders where that is asked for: `lazaret monitor`.
///
/// The calling thread captures, decodes, meters and judges; the kernel's rings hold what comes
/// meanwhile. Decisions, ledger, kernel and events are a second thread's, and a third one guards the
/// tables against other programs.
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
        /// File of the events; `-` is standard output.
        public var output = "-"
        /// Where events go beside, and when the file of the events begins anew.
        public var delivery = DeliveryOptions()
        public var policy = QuarantinePolicyOptions()
        /// Whom the policy leaves alone.
        public var allowlist: [AllowEntry] = []
        /// Whether a fence also deletes the target's entries of connection tracking.
        public var flushesConnections = false
        public var discovery = ProtectedDiscovery()
        /// Seconds after which a new model is made of what raised nothing; nil: never.
        public var retrainSeconds: Int?
        /// Seconds between `stats` events.
        public var statisticsInterval = 60

        public init() {}
    }

    /// What signals ask for.
    public struct Requests {
        public var shouldStop: () -> Bool
        /// Whether counters were asked for since the last call.
        public var takeReport: () -> Bool
        /// Whether files are to be opened anew since the last call.
        public var takeReopen: () -> Bool
        /// Reads the model's file and its feedback anew.
        public var reload: () throws -> Model

        public init(
            shouldStop: @escaping () -> Bool, takeReport: @escaping () -> Bool,
            takeReopen: @escaping () -> Bool, reload: @escaping () throws -> Model
        ) {
            self.shouldStop = shouldStop
            self.takeReport = takeReport
            self.takeReopen = takeReopen
            self.reload = reload
        }
    }

    public let options: Options
    public let model: Model
    public let inventory: Inventory

    /// - Parameter inventory: nil: the model's own.
    public init(options: Options, model: Model, inventory: Inventory? = nil) {
        self.options = options
        self.model = model
        self.inventory = inventory ?? model.provenance.inventory
    }

    /// Runs until it is asked to stop. Fences stay, with the ends that they have.
    ///
    /// - Parameter tell: called with one line for the operator, from any thread.
    /// - Throws: `CaptureError`, `QuarantineError` or `PipelineError` where it cannot start.
    public func run(
        _ requests: Requests, tell: @escaping @Sendable (String) -> Void
    ) throws {
        let ledger = try QuarantineLedger(directory: options.stateDirectory)
        let lock = try MonitorLock(directory: options.stateDirectory)
        defer { lock.release() }
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try LiveCapture(interfaces: options.interfaces, options: capture)
        let outlet = try EventOutlet(
            path: options.output, options: options.delivery,
            stateDirectory: options.stateDirectory, complain: tell)
        defer { outlet.stop() }
        let runner = try QuarantineRunner(
            policy: QuarantinePolicy(
                options: options.policy, inventory: inventory, allowlist: options.allowlist),
            ledger: ledger, isEnforcing: options.isEnforcing, discovery: options.discovery,
            flushesConnections: options.flushesConnections,
            now: WallClock.now())
        let isEnforcing = options.isEnforcing
        let repairs = RepairBox()
        let quarantine = try QuarantineGuard(runner, clock: { WallClock.now() }) { repair in
            repairs.report(repair, isDryRun: !isEnforcing, tell: tell)
        }
        defer { quarantine.stop() }
        let one = options.interfaces.count == 1 ? options.interfaces[0] : nil
        let decisions = DecisionThread(
            docket: Docket(
                modelID: model.identifier, origin: .interface(one),
                decider: LiveDecider(
                    quarantine: quarantine, isEnforcing: options.isEnforcing, complain: tell)),
            outlet: outlet, complain: tell)
        defer { decisions.stop() }
        repairs.connect(decisions)
        var notice = ServiceNotice(environment: options.discovery.environment)
        tell(summary)
        notice.ready(summary)
        defer { notice.stopping() }
        try watch(source, decisions, quarantine, requests, &notice, tell)
    }

    private var summary: String {
        "monitoring \(options.interfaces.joined(separator: ", ")) by model "
            + "\(model.identifier.prefix(12)), "
            + (options.isEnforcing ? "enforcing" : "observing; --enforce fences offenders")
    }

    /// The thread of the packets.
    private func watch(
        _ source: LiveCapture, _ decisions: DecisionThread, _ quarantine: QuarantineGuard,
        _ requests: Requests, _ notice: inout ServiceNotice, _ tell: (String) -> Void
    ) throws {
        var feed = LiveFeed(
            model: model, inventory: inventory, interfaces: options.interfaces.count,
            hashSeed: options.hashSeed, isRetraining: options.retrainSeconds != nil)
        let retraining = options.retrainSeconds.map {
            Retraining(every: $0, directory: options.stateDirectory, now: WallClock.now())
        }
        let started = WallClock.now()
        var nextStatistics = started + Int64(options.statisticsInterval) * 1_000_000_000
        var missing: [String] = []
        while !requests.shouldStop() {
            _ = try source.nextBatch(timeoutMilliseconds: 50) { frames in
                feed.take(frames) { decisions.submit($0) }
            }
            notice.beat()
            let now = WallClock.now()
            feed.advance(to: now) { decisions.submit($0) }
            if source.missing != missing {
                missing = source.missing
                tell(
                    missing.isEmpty
                        ? "every interface is there again"
                        : "waiting for \(missing.joined(separator: ", ")) to come back")
            }
            if requests.takeReopen() {
                notice.reloading()
                defer { notice.ready(summary) }
                decisions.reopen()
                do {
                    let model = try requests.reload()
                    feed.replaceModel(retraining?.followed(model) ?? model)
                } catch {
                    tell("\(error); the old model stays")
                }
            }
            if let retraining, let retrainer = feed.retrainer {
                if let model = retraining.step(retrainer, now: now, tell: tell) {
                    feed.replaceModel(model)
                }
            }
            let isDue = now >= nextStatistics
            guard isDue || requests.takeReport() else { continue }
            let fences = (try? quarantine.with { $0.openRows.count }) ?? 0
            let counters = MonitorCounters(
                capture: source.statistics, feed: feed, decisions: decisions, fences: fences,
                seconds: Int((now - started) / 1_000_000_000))
            if isDue {
                nextStatistics = now + Int64(options.statisticsInterval) * 1_000_000_000
                decisions.submit(event: counters.event(now))
            } else {
                tell(counters.text)
            }
        }
        feed.finish { decisions.submit($0) }
        let fences = (try? quarantine.with { $0.openRows.count }) ?? 0
        let counters = MonitorCounters(
            capture: source.statistics, feed: feed, decisions: decisions, fences: fences,
            seconds: Int((WallClock.now() - started) / 1_000_000_000))
        decisions.submit(event: counters.event(WallClock.now()))
        tell("stopped: " + counters.text)
    }
}
