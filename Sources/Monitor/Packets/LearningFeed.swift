import AnomalyDetection
import FeatureExtraction
import FlowMetering
import PacketCapture
import PacketDecoding
import PacketIntake
import Workloads

/// Frames in, a model out: what the packet thread of a monitor does while it has no model.
///
/// Packets are seen once, so what is new is judged by what was known before: the first third of the
/// time only the communication graph is learnt, from then on the windows too, against the graph as it
/// was up to their epoch. Windows that look like an attack are left out and reported.
struct LearningFeed: ~Copyable, WorkloadFollower {
    var intake: FrameIntake
    private(set) var meter: FlowMeter
    private(set) var windows = 0
    private var graph: GraphLearner
    private var tracker: WindowTracker
    private var trainer: Trainer
    private var contamination: Contamination
    private var packets: UInt64 = 0
    private var factCount = 0
    private var update = FlowUpdate()
    private var started: Int64
    /// When the windows begin to be learnt.
    private var windowsFrom: Int64
    private let seconds: Int
    private let refreshSeconds: Int
    private var nextRefresh = 0

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
        graph = GraphLearner(inventory: inventory)
        tracker = WindowTracker(
            inventory: inventory, graph: CommunicationGraph(), mode: .training,
            hostLimit: limits.hostLimit)
        trainer = Trainer(inventory: inventory, seed: 1)
        contamination = Contamination(
            inventory: inventory,
            habits: LearningHabits(started: Int(started / 1_000_000_000), seconds: seconds))
        self.started = started
        self.seconds = seconds
        windowsFrom = started + Int64(seconds) * 1_000_000_000 / 3
        refreshSeconds = max(1, min(CommunicationGraph.epochSeconds, seconds / 10))
    }

    // MARK: - Packets

    /// Takes in a batch.
    mutating func take(_ frames: Span<CapturedFrame>) {
        for index in frames.indices {
            intake.take(frames[index])
            observePackets()
        }
    }

    /// Moves the clock on to `now`, whether or not packets came.
    mutating func advance(to now: Int64) {
        observePackets(until: now - FrameIntake.holdNanoseconds)
        learnWindows(before: now - LiveFeed.lagNanoseconds)
    }

    private mutating func observePackets(until horizon: Int64) {
        intake.release(until: horizon)
        observePackets()
    }

    /// Observes the packets that are no longer held, and learns the windows that end before them.
    private mutating func observePackets() {
        while intake.next() {
            packets &+= 1
            learnWindows(before: intake.packet.timeNanoseconds)
            meter.observe(&intake.packet, &update)
            graph.observe(intake.packet, update)
            if let tag = tracker.observe(intake.packet, update) {
                meter.setTag(tag, of: update.flow)
            }
        }
    }

    private mutating func learnWindows(before time: Int64) {
        let second = Int(time / 1_000_000_000)
        if second >= nextRefresh {
            nextRefresh = second + refreshSeconds
            let known = graph.finish()
            factCount = known.edges.count
            tracker.replaceGraph(known)
        }
        tracker.advance(to: time)
        while let window = tracker.nextWindow() {
            contamination.note(window)
            guard time >= windowsFrom, !contamination.isSuspect(window) else { continue }
            windows += 1
            trainer.observe(window)
        }
    }

    // MARK: - Changes

    /// Goes on with other holders of addresses. Windows within 0.1 s of a change of hands are not
    /// trusted.
    mutating func apply(_ change: WorkloadChange, now: Int64) {
        graph.apply(change)
        tracker.apply(change)
    }

    /// Whether memory is short.
    var isCramped: Bool {
        get { tracker.isCramped }
        set { tracker.isCramped = newValue }
    }

    /// Goes on after the clock was set: the time that is to be learnt does not change.
    mutating func clockStepped(by step: Int64) {
        observePackets(until: .max)
        started += step
        windowsFrom += step
        contamination.clockStepped(by: Int(step / 1_000_000_000))
        guard step < 0 else { return }
        tracker.restart()
        nextRefresh = 0
        meter = FlowMeter(options: meter.options)
    }

    // MARK: - Results

    func isOver(at now: Int64) -> Bool { now - started >= Int64(seconds) * 1_000_000_000 }

    func progress(at now: Int64) -> MonitorStatus.Learning {
        var progress = MonitorStatus.Learning()
        progress.secondsDone = min(seconds, Int((now - started) / 1_000_000_000))
        progress.secondsTotal = seconds
        progress.windows = windows
        progress.workloads = trainer.workloadCount
        progress.facts = factCount
        progress.suspects = contamination.suspects.prefix(20).map(\.text)
        return progress
    }

    var hosts: Int { tracker.hostCount }

    /// The model of everything that was taken in.
    ///
    /// - Throws: `.tooLittleData` where there is nothing to learn from yet.
    func model(_ provenance: Model.Provenance) throws(ModelError) -> Model {
        var provenance = provenance
        provenance.packetCount = Int(clamping: packets)
        return try trainer.finish(graph: graph.finish(), provenance: provenance)
            .identified()
    }
}
