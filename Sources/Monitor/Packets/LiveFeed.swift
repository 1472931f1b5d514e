import AnomalyDetection
import FeatureExtraction
import FlowMetering
import PacketCapture
import PacketDecoding
import PacketIntake
import Workloads

/// Frames in, verdicts out: what the packet thread of a monitor does.
struct LiveFeed: ~Copyable, WorkloadFollower {
    var intake: FrameIntake
    private(set) var stage: Stage
    /// Addresses that change hands at a time that the packets have not reached, by time.
    private var handovers: [(time: Int64, change: WorkloadChange)] = []

    /// How far the windows' clock stays behind the system's where no packet moves it.
    static let lagNanoseconds: Int64 = 250_000_000

    init(
        model: Model, inventory: Inventory, remembered: Inventory = .empty, interfaces: Int,
        hashSeed: UInt64, isRetraining: Bool = false, scores: ScoreHistory,
        limits: ResourceLimits = ResourceLimits()
    ) {
        intake = FrameIntake(interfaces: interfaces)
        stage = Stage(
            model: model, inventory: inventory, remembered: remembered, hashSeed: hashSeed,
            isRetraining: isRetraining, scores: scores, limits: limits)
    }

    /// Takes in a batch.
    mutating func take(_ frames: Span<CapturedFrame>, _ body: (Verdict) -> Void) {
        Self.take(frames, &intake, &stage, body)
    }

    // Parts of self are lent apart, so that the intake can hand packets to the stage.
    private static func take(
        _ frames: Span<CapturedFrame>, _ intake: inout FrameIntake, _ stage: inout Stage,
        _ body: (Verdict) -> Void
    ) {
        intake.take(frames) { stage.observe(&$0, body) }
    }

    /// Whether memory is short.
    var isCramped: Bool {
        get { stage.isCramped }
        set { stage.isCramped = newValue }
    }

    /// Moves the clock on to `now`, whether or not packets came.
    mutating func advance(to now: Int64, _ body: (Verdict) -> Void) {
        let horizon = now - FrameIntake.holdNanoseconds
        while let first = handovers.first, first.time <= horizon {
            Self.release(&intake, &stage, until: first.time, body)
            stage.apply(first.change)
            handovers.removeFirst()
        }
        Self.release(&intake, &stage, until: horizon, body)
        stage.advance(to: now - Self.lagNanoseconds, body)
    }

    /// Goes on after the clock was set. Where it was set back, windows and flows begin anew: they would wait
    /// for their time to come again.
    mutating func clockStepped(by step: Int64, _ body: (Verdict) -> Void) {
        for handover in handovers { stage.apply(handover.change) }
        handovers = []
        Self.release(&intake, &stage, until: .max, body)
        guard step < 0 else { return }
        stage.finish(body)
        stage.restart()
    }

    /// Goes on with another model or other feedback; windows and flows stay.
    mutating func replaceModel(_ model: Model) { stage.replaceModel(model) }

    /// Goes on with other holders of addresses: for the packets from their time on. Those before it, of
    /// whoever had the address then, may still be held.
    mutating func apply(_ change: WorkloadChange, now: Int64) {
        var rest = change
        guard intake.isHolding else { return stage.apply(change) }
        for (address, time) in change.times where time > now - FrameIntake.holdNanoseconds {
            guard let holder = rest.holders.removeValue(forKey: address) else { continue }
            var part = WorkloadChange()
            part.holders[address] = .some(holder)
            let at = handovers.firstIndex { $0.time > time } ?? handovers.count
            handovers.insert((min(time, now), part), at: at)
        }
        if !rest.isEmpty { stage.apply(rest) }
    }

    /// What a later model may be made of.
    var retrainer: Retrainer? { stage.retrainer }

    /// Judges what is held back and the second that has begun.
    mutating func finish(_ body: (Verdict) -> Void) {
        Self.release(&intake, &stage, until: .max, body)
        stage.finish(body)
    }

    private static func release(
        _ intake: inout FrameIntake, _ stage: inout Stage, until horizon: Int64,
        _ body: (Verdict) -> Void
    ) {
        intake.release(until: horizon) { stage.observe(&$0, body) }
    }

    /// Packets in their order, once each, to verdicts.
    struct Stage: ~Copyable {
        private(set) var meter: FlowMeter
        private(set) var detector: Detector
        private(set) var packets: UInt64 = 0
        private(set) var verdicts: UInt64 = 0
        private let inventory: Inventory
        private let scores: ScoreHistory
        private var tracker: WindowTracker
        private var update = FlowUpdate()
        /// What a later model may be made of; nil where none is wanted.
        private(set) var retrainer: Retrainer?

        /// Odd windows of strangers that are scored in a second: some 30 ms of it, with a pattern and without. Five
        /// times as many as alerts that are told.
        private static let strangerLimit = 1000

        var hosts: Int { tracker.hostCount }
        var droppedHosts: Int { tracker.droppedHosts }
        var isCramped: Bool {
            get { tracker.isCramped }
            set { tracker.isCramped = newValue }
        }

        init(
            model: Model, inventory: Inventory, remembered: Inventory, hashSeed: UInt64,
            isRetraining: Bool, scores: ScoreHistory, limits: ResourceLimits
        ) {
            self.scores = scores
            var options = FlowMeterOptions()
            options.collectsRecords = false
            options.hashSeed = hashSeed
            options.capacity = limits.flowCapacity
            meter = FlowMeter(options: options)
            tracker = WindowTracker(
                inventory: inventory, remembered: remembered, graph: model.graph, mode: .monitoring,
                hostLimit: limits.hostLimit)
            detector = Detector(model: model, inventory: inventory)
            detector.strangerLimit = Self.strangerLimit
            self.inventory = inventory
            retrainer =
                isRetraining
                ? Retrainer(anchor: model, inventory: inventory, seed: model.provenance.seed) : nil
        }

        mutating func replaceModel(_ model: Model) {
            tracker.replaceGraph(model.graph)
            detector = Detector(model: model, inventory: inventory)
            detector.strangerLimit = Self.strangerLimit
        }

        mutating func apply(_ change: WorkloadChange) { tracker.apply(change) }

        mutating func observe(_ packet: inout Packet, _ body: (Verdict) -> Void) {
            packets &+= 1
            endSeconds(before: packet.timeNanoseconds, body)
            meter.observe(&packet, &update)
            if let tag = tracker.observe(packet, update) { meter.setTag(tag, of: update.flow) }
        }

        mutating func advance(to time: Int64, _ body: (Verdict) -> Void) {
            meter.advance(to: time)
            endSeconds(before: time, body)
        }

        mutating func finish(_ body: (Verdict) -> Void) { endSeconds(before: nil, body) }

        mutating func restart() {
            tracker.restart()
            meter = FlowMeter(options: meter.options)
        }

        /// Judges every window that ends before `time`; nil: all there are.
        private mutating func endSeconds(before time: Int64?, _ body: (Verdict) -> Void) {
            Self.endSeconds(before: time, &tracker, &detector, &retrainer, &verdicts, scores, body)
        }

        // Parts of self are lent apart, so that the tracker can hand windows to the others.
        private static func endSeconds(
            before time: Int64?, _ tracker: inout WindowTracker, _ detector: inout Detector,
            _ retrainer: inout Retrainer?, _ verdicts: inout UInt64, _ scores: ScoreHistory,
            _ body: (Verdict) -> Void
        ) {
            func judge(_ window: Window) {
                let verdict = detector.judge(window)
                if let (workload, score) = detector.latestScore {
                    scores.note(workload, score: score, second: window.endSecond)
                }
                retrainer?.observe(window, isFlagged: verdict != nil)
                guard let verdict else { return }
                verdicts &+= 1
                body(verdict)
            }
            guard let time else { return tracker.finish(judge) }
            tracker.advance(to: time, judge)
        }
    }
}
