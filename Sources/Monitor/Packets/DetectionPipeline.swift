import AnomalyDetection
import AnomalyModel
import FeatureExtraction
import FlowHistory
import FlowMetering
import Indicators
import NetworkAddresses
import PacketCapture
import PacketDecoding
import PacketIntake
import RuntimeEvents
import SenderAttribution
import StatusReport
import SystemSupport
import Workloads
import Timestamps

/// Turns frames into verdicts: decodes and meters them on the packet thread of a monitor, and has
/// them counted and judged there or on a second thread.
struct DetectionPipeline: ~Copyable, WorkloadObserver, PortFollower {
    /// What verdicts are made with, and where they go.
    struct Setup {
        var model: Model
        var inventory: Inventory
        var remembered = Inventory.empty
        /// The number of interfaces; with more than one, packets are held back briefly.
        var interfaces = 1
        var hashSeed: UInt64
        var isRetraining = false
        var scores: ScoreHistory
        var limits = ResourceLimits()
        var prior = RuntimePrior()
        /// Receives the records of flows; nil: they are not kept.
        var flows: FlowCollector?
        /// Threads that work on packets: 1 or 2.
        var threads = 1
    }

    var intake: FrameIntake
    private(set) var meter: FlowMeter
    /// A bit for each frame of the last batch that repeats an earlier one.
    private(set) var repeats: UInt64 = 0
    /// Whether windows of seconds that have ended are left to judge on this thread.
    private(set) var isJudging = false
    private let worker: DetectionWorker
    private var batch = MeteredBatch()
    /// Whether more frames wait in the ring, so that a second thread has time.
    private var hasMore = false
    /// Changes of address holders that take effect later than the packets so far, ordered by time.
    private var handovers: [(time: Timestamp, change: WorkloadChange)] = []

    /// How far the windows' clock stays behind the system's when no packet moves it.
    static let lag = Interval.milliseconds(250)

    /// The number of frames of a batch that does not empty the ring.
    private static let mostFrames = 64

    /// The longest time without a look at the ring, which keeps filling while windows are judged.
    var slice = Interval.microseconds(250)

    /// - Parameter submit: called with each verdict.
    init(_ setup: Setup, submit: @escaping @Sendable (Verdict) -> Void) {
        intake = FrameIntake(interfaces: setup.interfaces)
        var options = FlowMeterOptions()
        options.collectsRecords = setup.flows != nil
        options.hashSeed = setup.hashSeed
        options.capacity = setup.limits.flowCapacity
        meter = FlowMeter(options: options)
        let stage = DetectionStage(
            model: setup.model, inventory: setup.inventory, remembered: setup.remembered,
            hostLimit: setup.limits.hostLimit, isRetraining: setup.isRetraining,
            scores: setup.scores, prior: setup.prior, flows: setup.flows, submit: submit)
        worker = DetectionWorker(stage, hasThread: setup.threads > 1)
    }

    deinit { worker.stop() }

    /// Counters for the monitor's status.
    var counts: DetectionStage.Counts { worker.counts }

    /// What was learned for the next model, up to the packets so far.
    var retrainer: Retrainer? { worker.withStage { $0.retrainer } }

    /// Whether memory is above its limit.
    var isCramped = false {
        didSet { if isCramped != oldValue { note(.isCramped(isCramped)) } }
    }

    /// The node's own addresses, which are never an offender.
    var nodeAddresses: Set<IPAddress> = [] {
        didSet { if nodeAddresses != oldValue { note(.nodeAddresses(nodeAddresses)) } }
    }

    // MARK: - Packets

    /// Processes a batch of frames.
    mutating func process(_ frames: Span<CapturedFrame>) {
        repeats = 0
        for index in frames.indices {
            if !intake.process(frames[index]) { repeats |= 1 << UInt64(index) }
            takePackets()
        }
        hasMore = worker.hasThread && frames.count >= Self.mostFrames
        if !hasMore { handOver() }
    }

    /// Advances the clock to `now`, whether or not packets arrived, and judges for a while.
    ///
    /// If `isJudging` is set afterwards, call it again after the next batch, without waiting for
    /// frames.
    mutating func advance(to now: Timestamp) {
        let horizon = now - FrameIntake.hold
        while let first = handovers.first, first.time <= horizon {
            takePackets(until: first.time)
            note(.names(first.change))
            handovers.removeFirst()
        }
        takePackets(until: horizon)
        batch.meter(by: &meter)
        meter.advance(to: now - Self.lag)
        batch.clock = now - Self.lag
        if !hasMore || batch.count == 0 { handOver() }
        // Whatever the ring holds, the packets do not wait for more than one look at it.
        hasMore = false
        isJudging = worker.work(for: slice)
    }

    /// Judges the packets that are held back and the current second.
    mutating func finish() {
        takePackets(until: .distantFuture)
        batch.meter(by: &meter)
        meter.finish()
        handOver()
        worker.withStage { $0.finish() }
        isJudging = false
    }

    private mutating func takePackets(until horizon: Timestamp) {
        intake.release(until: horizon)
        takePackets()
    }

    /// Takes the packets that are no longer held.
    private mutating func takePackets() {
        while intake.next() {
            batch.append(intake.packet)
            if batch.count >= MeteredBatch.fill { handOver() }
        }
    }

    /// Meters the packets that were taken, and has them counted.
    private mutating func handOver() {
        batch.meter(by: &meter)
        guard !batch.isEmpty else { return }
        batch = worker.put(batch)
        batch.clear()
    }

    /// Has a change take effect after the packets so far.
    private mutating func note(_ change: MeteredBatch.Change) {
        batch.changes.append(change)
        handOver()
    }

    // MARK: - Changes

    /// Applies changes of the node's ports.
    mutating func apply(_ change: PortChange) { note(.ports(change)) }

    /// Ports whose facts should be queried again.
    mutating func takeWantedPorts() -> Set<UInt32> { worker.takeWantedPorts() }

    /// Adjusts to a step of the system clock. If it was set back, windows and flows start again,
    /// since they would otherwise wait until the old time is reached.
    mutating func clockStepped(by step: Interval) {
        for handover in handovers { note(.names(handover.change)) }
        handovers = []
        guard step < .zero else { return takePackets(until: .distantFuture) }
        finish()
        worker.withStage { $0.restart() }
        meter = FlowMeter(options: meter.options)
    }

    /// Notes that another tool has said something of a workload's processes.
    mutating func note(_ event: RuntimeEvent, of workload: String) {
        note(.raised(event, workload: workload))
    }

    /// Looks for these addresses and names from now on.
    mutating func lookFor(_ indicators: IndicatorTable) {
        note(.indicators(indicators))
        intake.lookFor(indicators.names)
    }

    /// Replaces the model or its feedback; windows and flows stay.
    mutating func replaceModel(_ model: Model) {
        handOver()
        worker.withStage { $0.replaceModel(model) }
    }

    /// Applies changes of address holders to the packets from their time on. Earlier packets, which
    /// belong to the previous holder, may still be held.
    mutating func apply(_ change: WorkloadChange, now: Timestamp) {
        guard intake.isHolding else { return note(.names(change)) }
        var rest = change
        for (address, time) in change.times where time > now - FrameIntake.hold {
            guard let holder = rest.holders.removeValue(forKey: address) else { continue }
            var part = WorkloadChange()
            part.holders[address] = .some(holder)
            let at = handovers.firstIndex { $0.time > time } ?? handovers.count
            handovers.insert((min(time, now), part), at: at)
        }
        if !rest.isEmpty { note(.names(rest)) }
    }
}
