import AnomalyDetection
import FeatureExtraction
import FlowMetering
import PacketCapture
import PacketDecoding
import PacketIntake
import Workloads

/// Frames in, a model out: what the packet thread of a monitor does while it has no model.
///
/// Packets are seen once, so what is new is judged by what was known before: the first third of the time only the
/// communication graph is learnt, from then on the windows too, against the graph as it was up to their epoch. Windows
/// that look like an attack are left out and told of.
struct LearningFeed: ~Copyable, WorkloadFollower {
    var intake: FrameIntake
    private(set) var meter: FlowMeter
    private var learner: Learner
    private var started: Int64
    private let seconds: Int

    init(
        inventory: Inventory, interfaces: Int, hashSeed: UInt64, seconds: Int, started: Int64,
        limits: ResourceLimits = ResourceLimits()
    ) {
        intake = FrameIntake(interfaces: interfaces)
        var options = FlowMeterOptions()
        options.collectsRecords = false
        options.hashSeed = hashSeed
        options.capacity = limits.flowCapacity
        meter = FlowMeter(options: options)
        learner = Learner(
            inventory: inventory, from: started + Int64(seconds) * 1_000_000_000 / 3,
            habits: LearningHabits(started: Int(started / 1_000_000_000), seconds: seconds),
            refreshSeconds: max(1, min(CommunicationGraph.epochSeconds, seconds / 10)),
            hostLimit: limits.hostLimit)
        self.started = started
        self.seconds = seconds
    }

    /// Takes in a batch.
    mutating func take(_ frames: Span<CapturedFrame>) {
        Self.take(frames, &intake, &meter, &learner)
    }

    // Parts of self are lent apart, so that the intake can hand packets to the others.
    private static func take(
        _ frames: Span<CapturedFrame>, _ intake: inout FrameIntake, _ meter: inout FlowMeter,
        _ learner: inout Learner
    ) {
        intake.take(frames) { learner.observe(&$0, &meter) }
    }

    /// Takes in one packet; for captures that stand in for an interface.
    mutating func take(_ packet: inout Packet) { learner.observe(&packet, &meter) }

    /// Goes on with other holders of addresses; what is learnt of the tenth of a second around a change of hands
    /// is nobody's trust.
    mutating func apply(_ change: WorkloadChange, now: Int64) {
        learner.graph.apply(change)
        learner.tracker.apply(change)
    }

    /// Whether memory is short.
    var isCramped: Bool {
        get { learner.tracker.isCramped }
        set { learner.tracker.isCramped = newValue }
    }

    /// Goes on after the clock was set: the time that is to be learnt does not change.
    mutating func clockStepped(by step: Int64) {
        Self.release(&intake, &meter, &learner, until: .max)
        started += step
        learner.windowsFrom += step
        learner.contamination.clockStepped(by: Int(step / 1_000_000_000))
        guard step < 0 else { return }
        learner.tracker.restart()
        learner.nextRefresh = 0
        meter = FlowMeter(options: meter.options)
    }

    /// Moves the clock on to `now`, whether or not packets came.
    mutating func advance(to now: Int64) {
        Self.release(&intake, &meter, &learner, until: now - FrameIntake.holdNanoseconds)
        learner.advance(to: now - LiveFeed.lagNanoseconds)
    }

    private static func release(
        _ intake: inout FrameIntake, _ meter: inout FlowMeter, _ learner: inout Learner,
        until horizon: Int64
    ) {
        intake.release(until: horizon) { learner.observe(&$0, &meter) }
    }

    func isOver(at now: Int64) -> Bool { now - started >= Int64(seconds) * 1_000_000_000 }

    func progress(at now: Int64) -> MonitorStatus.Learning {
        var progress = MonitorStatus.Learning()
        progress.secondsDone = min(seconds, Int((now - started) / 1_000_000_000))
        progress.secondsTotal = seconds
        progress.windows = learner.windows
        progress.workloads = learner.trainer.workloadCount
        progress.facts = learner.factCount
        progress.suspects = learner.contamination.suspects.prefix(20).map(\.text)
        return progress
    }

    var hosts: Int { learner.tracker.hostCount }
    var windows: Int { learner.windows }

    /// The model of everything that was taken in.
    ///
    /// - Throws: `.tooLittleData` where there is nothing to learn from yet.
    func model(_ provenance: Model.Provenance) throws(ModelError) -> Model {
        var provenance = provenance
        provenance.packetCount = Int(clamping: learner.packets)
        return try learner.trainer.finish(graph: learner.graph.finish(), provenance: provenance)
            .identified()
    }

    /// Packets in their order to graph and windows.
    private struct Learner: ~Copyable {
        var graph: GraphLearner
        var tracker: WindowTracker
        var trainer: Trainer
        var contamination: Contamination
        var packets: UInt64 = 0
        var windows = 0
        var factCount = 0
        private var update = FlowUpdate()
        var windowsFrom: Int64
        private let refreshSeconds: Int
        var nextRefresh = 0

        init(
            inventory: Inventory, from: Int64, habits: LearningHabits, refreshSeconds: Int,
            hostLimit: Int
        ) {
            graph = GraphLearner(inventory: inventory)
            tracker = WindowTracker(
                inventory: inventory, graph: CommunicationGraph(), mode: .training,
                hostLimit: hostLimit)
            trainer = Trainer(inventory: inventory, seed: 1)
            contamination = Contamination(inventory: inventory, habits: habits)
            windowsFrom = from
            self.refreshSeconds = refreshSeconds
        }

        mutating func observe(_ packet: inout Packet, _ meter: inout FlowMeter) {
            packets &+= 1
            advance(to: packet.timeNanoseconds)
            meter.observe(&packet, &update)
            graph.observe(packet, update)
            if let tag = tracker.observe(packet, update) { meter.setTag(tag, of: update.flow) }
        }

        mutating func advance(to time: Int64) {
            let second = Int(time / 1_000_000_000)
            if second >= nextRefresh {
                nextRefresh = second + refreshSeconds
                let known = graph.finish()
                factCount = known.edges.count
                tracker.replaceGraph(known)
            }
            Self.endSeconds(
                before: time, isLearning: time >= windowsFrom, &tracker, &trainer, &contamination,
                &windows)
        }

        private static func endSeconds(
            before time: Int64, isLearning: Bool, _ tracker: inout WindowTracker,
            _ trainer: inout Trainer, _ contamination: inout Contamination, _ windows: inout Int
        ) {
            tracker.advance(to: time) { window in
                contamination.note(window)
                guard isLearning, !contamination.isSuspect(window) else { return }
                windows += 1
                trainer.observe(window)
            }
        }
    }
}
