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

/// Turns frames into verdicts, on the packet thread of a monitor.
struct DetectionPipeline: ~Copyable, WorkloadObserver, PortFollower {
    var intake: FrameIntake
    private(set) var meter: FlowMeter
    private(set) var detector: Detector
    private(set) var verdicts: UInt64 = 0
    /// Collects the windows for a later model; nil if the monitor does not retrain.
    private(set) var retrainer: Retrainer?
    /// The node's own addresses, which are never an offender: what a container does in the node's
    /// name is attributed to the container's port.
    var nodeAddresses: Set<IPAddress> = []
    private var flows: FlowCollector?
    private var tracker: WindowTracker
    private var update = FlowUpdate()
    private var tags = FlowTags()
    /// Packets of seconds after the one whose windows are being judged.
    private var backlog = PacketBacklog()
    /// Whether windows of seconds that have ended are left to judge.
    private(set) var isJudging = false
    /// A bit for each frame of the last batch that repeats an earlier one.
    private(set) var repeats: UInt64 = 0
    private let inventory: Inventory
    private let scores: ScoreHistory
    private let submit: (Verdict) -> Void
    /// Changes of address holders that take effect later than the packets so far, ordered by time.
    private var handovers: [(time: Timestamp, change: WorkloadChange)] = []

    /// How far the windows' clock stays behind the system's when no packet moves it.
    static let lag = Interval.milliseconds(250)

    /// The most windows of unknown hosts that are scored per second, separately for windows with a
    /// pattern and without one: about 30 ms of work, and five times the number of alerts that are
    /// reported.
    private static let unknownHostLimit = 1000

    /// The longest time without a look at the ring, which keeps filling while windows are judged.
    var slice = Interval.microseconds(250)

    /// - Parameters:
    ///   - flows: receives the records of flows; nil: they are not kept.
    ///   - submit: called with each verdict.
    init(
        model: Model, inventory: Inventory, remembered: Inventory = .empty, interfaces: Int,
        hashSeed: UInt64, isRetraining: Bool = false, scores: ScoreHistory,
        limits: ResourceLimits = ResourceLimits(), prior: RuntimePrior = RuntimePrior(),
        flows: FlowCollector? = nil, submit: @escaping (Verdict) -> Void
    ) {
        intake = FrameIntake(interfaces: interfaces)
        var options = FlowMeterOptions()
        options.collectsRecords = flows != nil
        options.hashSeed = hashSeed
        options.capacity = limits.flowCapacity
        meter = FlowMeter(options: options)
        tracker = WindowTracker(
            inventory: inventory, remembered: remembered, graph: model.graph, mode: .monitoring,
            hostLimit: limits.hostLimit)
        tracker.watchesTargets = true
        tracker.judgesEarly = true
        detector = Self.detector(model, inventory)
        detector.raised = RaisedWorkloads(prior)
        retrainer =
            isRetraining
            ? Retrainer(anchor: model, inventory: inventory, seed: model.provenance.seed) : nil
        self.flows = flows
        self.inventory = inventory
        self.scores = scores
        self.submit = submit
    }

    private static func detector(_ model: Model, _ inventory: Inventory) -> Detector {
        var detector = Detector(model: model, inventory: inventory)
        detector.unknownHostLimit = unknownHostLimit
        return detector
    }

    var hosts: Int { tracker.hostCount }
    var droppedHosts: Int { tracker.droppedHosts }

    /// Whether memory is above its limit.
    var isCramped: Bool {
        get { tracker.isCramped }
        set { tracker.isCramped = newValue }
    }

    // MARK: - Packets

    /// Processes a batch of frames.
    mutating func process(_ frames: Span<CapturedFrame>) {
        repeats = 0
        for index in frames.indices {
            if !intake.process(frames[index]) { repeats |= 1 << UInt64(index) }
            takePackets()
        }
    }

    /// Advances the clock to `now`, whether or not packets arrived, and judges for a while.
    ///
    /// If `isJudging` is set afterwards, call it again after the next batch, without waiting for
    /// frames.
    mutating func advance(to now: Timestamp) {
        let horizon = now - FrameIntake.hold
        while let first = handovers.first, first.time <= horizon {
            takePackets(until: first.time)
            settle()
            tracker.apply(first.change)
            handovers.removeFirst()
        }
        takePackets(until: horizon)
        work(for: slice)
        if !isJudging, backlog.isEmpty {
            meter.advance(to: now - Self.lag)
            tracker.advance(to: now - Self.lag)
            if tracker.hasEndedSecond {
                isJudging = true
                work(for: slice)
            }
        }
        flows?.take(from: &meter, tags, of: tracker)
    }

    /// Judges the packets that are held back and the current second.
    mutating func finish() {
        takePackets(until: .distantFuture)
        settle()
        flows?.take(from: &meter, tags, of: tracker, isLast: true)
        tracker.finish()
        isJudging = true
        settle()
        reportHeld(isLast: true)
    }

    private mutating func takePackets(until horizon: Timestamp) {
        intake.release(until: horizon)
        takePackets()
    }

    /// Observes the packets that are no longer held. Those of a second whose turn has not come
    /// wait: the windows that end before them are judged first.
    private mutating func takePackets() {
        while intake.next() {
            if !isJudging, backlog.isEmpty, isTurn(of: intake.packet.time) {
                observePacket()
            } else {
                backlog.append(intake.packet)
                if backlog.isFull { settle() }
            }
        }
    }

    /// Whether every second before that of `time` was judged.
    private mutating func isTurn(of time: Timestamp) -> Bool {
        tracker.advance(to: time)
        isJudging = tracker.hasEndedSecond
        return !isJudging
    }

    private mutating func observePacket() {
        meter.observe(&intake.packet, &update)
        tags.complete(&update)
        if let tag = tracker.observe(intake.packet, update) { tags.set(tag, of: update.flow) }
        if tracker.hasEarlyWindow { judgeEarly() }
    }

    /// Judges all windows of the seconds that have ended, and observes the packets that wait.
    private mutating func settle() { work(for: nil) }

    /// The same, for no longer than `time`; nil: until nothing is left.
    private mutating func work(for time: Interval?) {
        let deadline = time.map { Clock.monotonic() + $0 }
        var count = 0
        while true {
            if isJudging {
                guard judgeWindows(until: deadline) else { return }
                isJudging = false
            }
            guard let next = backlog.firstTime else { return }
            guard isTurn(of: next) else { continue }
            backlog.takeFirst(into: &intake.packet)
            observePacket()
            count += 1
            if count % 64 == 0, Self.isOver(deadline) { return }
        }
    }

    private static func isOver(_ deadline: Instant?) -> Bool {
        deadline.map { Clock.monotonic() >= $0 } ?? false
    }

    /// Judges the host that has just sent many probes: a scan is not waited for to the end of its
    /// second.
    private mutating func judgeEarly() {
        guard let window = tracker.nextEarlyWindow(at: intake.packet.time),
            !nodeAddresses.contains(window.subject), let verdict = detector.judgeEarly(window)
        else { return }
        report(verdict)
    }

    /// Judges windows of the seconds that have ended.
    ///
    /// - Returns: false if the deadline came first.
    private mutating func judgeWindows(until deadline: Instant?) -> Bool {
        while let window = tracker.nextTarget() {
            if let verdict = detector.judge(window) {
                scores.record(verdict.workload, score: 1, second: verdict.window.endSecond)
                report(verdict)
            }
            if Self.isOver(deadline) { return false }
        }
        while let window = tracker.nextWindow() {
            judge(window)
            if Self.isOver(deadline) { return false }
        }
        while let window = tracker.nextSighting() {
            guard window.isContested || !nodeAddresses.contains(window.subject) else { continue }
            if let verdict = detector.judgeSighting(window) { report(verdict) }
        }
        reportHeld()
        return true
    }

    private mutating func judge(_ window: Window) {
        let verdict = detector.judge(window)
        retrainer?.observe(window, isFlagged: verdict != nil || detector.isPartOfFlood)
        // What is shown is what is reported.
        guard window.isContested || !nodeAddresses.contains(window.subject) else { return }
        if let (workload, share) = detector.latestEvidence {
            scores.record(workload, score: share, second: window.endSecond)
        }
        if let verdict { report(verdict) }
    }

    /// Reports verdicts of earlier seconds that waited for the flood of a target, and saw none.
    private mutating func reportHeld(isLast: Bool = false) {
        for verdict in detector.takeHeld(isLast: isLast)
        where verdict.window.isContested || !nodeAddresses.contains(verdict.subject) {
            scores.record(
                detector.shownName(of: verdict), score: 1, second: verdict.window.endSecond)
            report(verdict)
        }
    }

    private mutating func report(_ verdict: Verdict) {
        verdicts &+= 1
        var verdict = verdict
        verdict.nameTargets { tracker.workloadName(of: $0) }
        verdict.addIndicators(from: tracker.indicators)
        submit(verdict)
    }

    // MARK: - Ports

    /// Applies changes of the node's ports.
    mutating func apply(_ change: PortChange) {
        settle()
        tracker.apply(change)
    }

    /// Ports whose facts should be queried again.
    mutating func takeWantedPorts() -> Set<UInt32> { tracker.takeWantedPorts() }

    // MARK: - Changes

    /// Adjusts to a step of the system clock. If it was set back, windows and flows start again,
    /// since they would otherwise wait until the old time is reached.
    mutating func clockStepped(by step: Interval) {
        settle()
        for handover in handovers { tracker.apply(handover.change) }
        handovers = []
        guard step < .zero else { return takePackets(until: .distantFuture) }
        finish()
        tracker.restart()
        meter = FlowMeter(options: meter.options)
    }

    /// Notes that another tool has said something of a workload's processes.
    mutating func note(_ event: RuntimeEvent, of workload: String) {
        detector.raised.note(event, of: workload)
    }

    /// Looks for these addresses and names from now on.
    mutating func lookFor(_ indicators: IndicatorTable) {
        settle()
        tracker.indicators = indicators
        intake.lookFor(indicators.names)
    }

    /// Replaces the model or its feedback; windows and flows stay.
    mutating func replaceModel(_ model: Model) {
        settle()
        tracker.replaceGraph(model.graph)
        var next = Self.detector(model, inventory)
        next.resumeCounts(of: detector)
        detector = next
    }

    /// Applies changes of address holders to the packets from their time on. Earlier packets, which
    /// belong to the previous holder, may still be held.
    mutating func apply(_ change: WorkloadChange, now: Timestamp) {
        settle()
        var rest = change
        guard intake.isHolding else { return tracker.apply(change) }
        for (address, time) in change.times where time > now - FrameIntake.hold {
            guard let holder = rest.holders.removeValue(forKey: address) else { continue }
            var part = WorkloadChange()
            part.holders[address] = .some(holder)
            let at = handovers.firstIndex { $0.time > time } ?? handovers.count
            handovers.insert((min(time, now), part), at: at)
        }
        if !rest.isEmpty { tracker.apply(rest) }
    }
}
