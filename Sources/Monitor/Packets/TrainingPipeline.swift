import AnomalyDetection
import AnomalyModel
import BaselineGraph
import FeatureExtraction
import FlowHistory
import FlowMetering
import PacketCapture
import PacketDecoding
import PacketIntake
import SenderAttribution
import StatusReport
import SystemSupport
import Workloads
import Timestamps

/// The work of a monitor's packet thread while it has no model: turns frames into a model.
///
/// Packets are seen once, so each is judged by what was learned before it: in the first third of
/// the time only the communication graph is learned, after that the windows too, against the graph
/// as it was up to their epoch. Windows that look like an attack are left out and reported.
struct TrainingPipeline: ~Copyable, WorkloadObserver, PortFollower {
    var intake: FrameIntake
    private(set) var meter: FlowMeter
    private(set) var windows = 0
    private var graph: GraphLearner
    private var flows: FlowCollector?
    private var tracker: WindowTracker
    private var trainer: Trainer
    private var sanitizer: TrainingSanitizer
    private var packets: UInt64 = 0
    private var factCount = 0
    private var arriving: [String: Int] = [:]
    private var update = FlowUpdate()
    private var tags = FlowTags()
    /// A bit for each frame of the last batch that repeats an earlier one.
    private(set) var repeats: UInt64 = 0
    private var started: Timestamp
    /// The time from which windows are learned.
    private var windowsFrom: Timestamp
    private let length: Interval
    private let refreshSeconds: Int
    private var nextRefresh = 0

    init(
        inventory: Inventory, interfaces: Int, hashSeed: UInt64, length: Interval,
        started: Timestamp,
        limits: ResourceLimits = ResourceLimits(), flows: FlowCollector? = nil
    ) {
        intake = FrameIntake(interfaces: interfaces)
        var options = FlowMeterOptions()
        options.collectsRecords = flows != nil
        options.hashSeed = hashSeed
        options.capacity = limits.flowCapacity
        meter = FlowMeter(options: options)
        self.flows = flows
        graph = GraphLearner(inventory: inventory, keepsContacts: true)
        tracker = WindowTracker(
            inventory: inventory, graph: CommunicationGraph(), mode: .training,
            hostLimit: limits.hostLimit)
        trainer = Trainer(inventory: inventory, seed: 1)
        sanitizer = TrainingSanitizer(
            inventory: inventory,
            habits: HabitFilter(started: started.second, seconds: length.wholeSeconds))
        self.started = started
        self.length = length
        windowsFrom = started + length / 3
        refreshSeconds = max(1, min(CommunicationGraph.longestEpoch, length.wholeSeconds / 10))
    }

    // MARK: - Packets

    /// Processes a batch of frames.
    mutating func process(_ frames: Span<CapturedFrame>) {
        repeats = 0
        for index in frames.indices {
            if !intake.process(frames[index]) { repeats |= 1 << UInt64(index) }
            observePackets()
        }
    }

    /// Advances the clock to `now`, whether or not packets arrived.
    mutating func advance(to now: Timestamp) {
        observePackets(until: now - FrameIntake.hold)
        learnWindows(before: now - DetectionPipeline.lag)
        flows?.take(from: &meter, tags, of: tracker)
    }

    /// Ends all flows, so that those of the learning time are in the history.
    mutating func finishFlows() {
        guard flows != nil else { return }
        meter.finish()
        flows?.take(from: &meter, tags, of: tracker)
        flows?.submit()
    }

    private mutating func observePackets(until horizon: Timestamp) {
        intake.release(until: horizon)
        observePackets()
    }

    /// Observes the packets that are no longer held, and learns the windows that end before them.
    private mutating func observePackets() {
        while intake.next() {
            packets &+= 1
            learnWindows(before: intake.packet.time)
            meter.observe(&intake.packet, &update)
            tags.complete(&update)
            graph.observe(intake.packet, update)
            if let tag = tracker.observe(intake.packet, update) { tags.set(tag, of: update.flow) }
        }
    }

    private mutating func learnWindows(before time: Timestamp) {
        let second = time.second
        if second >= nextRefresh {
            nextRefresh = second + refreshSeconds
            // What suspects did is left out only at the end: that takes long.
            let known = graph.finish(
                without: sanitizer.impostors, seconds: length.wholeSeconds)
            // Each edge stands there with its wild cards, too.
            factCount = known.arriving(since: 0).values.reduce(0, +)
            arriving = known.arriving(since: second - (second - started.second) / 5)
            tracker.replaceGraph(known)
        }
        tracker.advance(to: time)
        while tracker.nextWindow() {
            let window = tracker.window
            guard sanitizer.add(window), time >= windowsFrom else { continue }
            if trainer.observe(window) { windows += 1 }
        }
    }

    // MARK: - Changes

    /// Applies changes of address holders. Windows within 0.1 s of such a change are not trusted.
    mutating func apply(_ change: WorkloadChange, now: Timestamp) {
        graph.apply(change)
        tracker.apply(change)
    }

    /// Applies changes of the node's ports.
    mutating func apply(_ change: PortChange) {
        graph.apply(change)
        tracker.apply(change)
    }

    mutating func takeWantedPorts() -> Set<UInt32> {
        graph.takeWantedPorts().union(tracker.takeWantedPorts())
    }

    /// Whether memory is short.
    var isCramped: Bool {
        get { tracker.isCramped }
        set { tracker.isCramped = newValue }
    }

    /// Adjusts to a step of the system clock; the learning time keeps its length.
    mutating func clockStepped(by step: Interval) {
        observePackets(until: .distantFuture)
        started += step
        windowsFrom += step
        sanitizer.clockStepped(by: step.wholeSeconds)
        graph.clockStepped(by: step.wholeSeconds)
        guard step < .zero else { return }
        finishFlows()
        tracker.restart()
        nextRefresh = 0
        meter = FlowMeter(options: meter.options)
    }

    // MARK: - Results

    /// What was learned, without the contacts of suspects.
    private var learnedGraph: CommunicationGraph {
        let suspects = sanitizer.traffic(ofImpostorsOnly: false)
        return graph.finish(
            without: sanitizer.impostors, seconds: length.wholeSeconds,
            leavingOut: suspects.isEmpty ? nil : { suspects.contains($0, $1, $2, $3) })
    }

    func isOver(at now: Timestamp) -> Bool { now - started >= length }

    func progress(at now: Timestamp) -> MonitorStatus.Learning {
        var progress = MonitorStatus.Learning()
        progress.secondsDone = min(length, now - started).wholeSeconds
        progress.secondsTotal = length.wholeSeconds
        progress.windows = windows
        progress.workloads = trainer.workloadCount
        progress.facts = factCount
        progress.arriving = arriving
        progress.suspects = sanitizer.suspects(20).map(\.text)
        return progress
    }

    var hosts: Int { tracker.hostCount }

    /// The model of everything observed, and lines on what is not in it, or not in its clean
    /// ranges.
    ///
    /// - Throws: `.tooLittleData` if there is nothing to learn from yet.
    func model(
        _ provenance: Model.Provenance
    ) throws(ModelError) -> (model: Model, remarks: [String]) {
        var provenance = provenance
        provenance.packetCount = Int(clamping: packets)
        let (model, setAside) = try trainer.fitted(graph: learnedGraph, provenance: provenance)
        return (model.identified(), SetAside.lines(setAside) + trainer.unlearned(model.graph))
    }
}
