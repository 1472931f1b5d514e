import AnomalyDetection
import AnomalyModel
import FeatureExtraction
import FlowHistory
import FlowMetering
import Indicators
import NetworkAddresses
import PacketDecoding
import RuntimeEvents
import SenderAttribution
import StatusReport
import SystemSupport
import Workloads
import Timestamps

/// Counts metered packets in windows and judges these: the work of a monitor behind the flow meter.
struct DetectionStage: ~Copyable {
    /// Counters for the monitor's status.
    struct Counts: Sendable {
        var hosts = 0
        var droppedHosts = 0
        var windows = 0
        var scoredWindows = 0
        var unscoredWindows = 0
        var scores: [UInt64] = []
        var verdicts: UInt64 = 0
    }

    private var detector: Detector
    /// Collects the windows for a later model; nil if the monitor does not retrain.
    private(set) var retrainer: Retrainer?
    private var tracker: WindowTracker
    private var tags = FlowTags()
    private var flows: FlowCollector?
    /// The node's own addresses, which are never an offender: what a container does in the node's
    /// name is attributed to the container's port.
    private var nodeAddresses: Set<IPAddress> = []
    /// Packets that are not counted yet.
    private var backlog = BatchBacklog()
    /// The number of packets of the first batch that are counted.
    private var position = 0
    /// Whether windows of seconds that have ended are left to judge.
    private(set) var isJudging = false
    private var verdicts: UInt64 = 0
    /// Batches that were counted.
    let used = Pool<MeteredBatch>(capacity: 16)
    private let inventory: Inventory
    private let scores: ScoreHistory
    private let submit: @Sendable (Verdict) -> Void

    /// The most windows of unknown hosts that are scored per second, separately for windows with a
    /// pattern and without one: about 30 ms of work, and five times the number of alerts that are
    /// reported.
    private static let unknownHostLimit = 1000

    /// - Parameters:
    ///   - flows: receives the records of flows; nil: they are not kept.
    ///   - submit: called with each verdict.
    init(
        model: Model, inventory: Inventory, remembered: Inventory, hostLimit: Int,
        isRetraining: Bool, scores: ScoreHistory, prior: RuntimePrior, flows: FlowCollector?,
        submit: @escaping @Sendable (Verdict) -> Void
    ) {
        tracker = WindowTracker(
            inventory: inventory, remembered: remembered, graph: model.graph, mode: .monitoring,
            hostLimit: hostLimit)
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

    var counts: Counts {
        Counts(
            hosts: tracker.hostCount, droppedHosts: tracker.droppedHosts,
            windows: detector.seenCount, scoredWindows: detector.scoredCount,
            unscoredWindows: detector.unscoredCount, scores: detector.scoreCounts,
            verdicts: verdicts)
    }

    // MARK: - Packets

    /// Adds packets, and counts them unless windows of the seconds before them are left to judge.
    mutating func add(_ batch: consuming MeteredBatch) {
        backlog.append(batch)
        if backlog.isFull { return settle() }
        while !isJudging, !backlog.isEmpty { countFirst(until: nil) }
    }

    /// Judges the windows of all seconds that have ended, and counts the packets that wait.
    mutating func settle() { work(for: nil) }

    /// The same, for no longer than `time`; nil: until nothing is left.
    mutating func work(for time: Interval?) {
        let deadline = time.map { Clock.monotonic() + $0 }
        while true {
            if isJudging {
                guard judgeWindows(until: deadline) else { return }
                isJudging = false
            }
            guard !backlog.isEmpty, countFirst(until: deadline) else { return }
        }
    }

    /// Counts packets of the first batch until it is done, or a second has ended before one.
    ///
    /// - Returns: false if the deadline came first.
    @discardableResult
    private mutating func countFirst(until deadline: Instant?) -> Bool {
        let count = backlog.first.count
        while position < count {
            tracker.advance(to: backlog.first.packets[position].time)
            guard !tracker.hasEndedSecond else {
                isJudging = true
                return true
            }
            observe(position)
            position += 1
            if position % 64 == 0, Self.isOver(deadline) { return false }
        }
        position = 0
        let batch = backlog.removeFirst()
        for record in batch.records { flows?.add(record, tags, of: tracker) }
        for change in batch.changes { apply(change) }
        if let clock = batch.clock {
            tracker.advance(to: clock)
            isJudging = tracker.hasEndedSecond
            flows?.submitIfDue()
        }
        used.put(batch)
        return true
    }

    private mutating func observe(_ position: Int) {
        var update = backlog.first.updates[position]
        tags.complete(&update)
        tracker.prefetch(
            backlog.first.updates, after: position + 1, count: backlog.first.count, tags)
        if let tag = tracker.observe(backlog.first.packets[position], update) {
            tags.set(tag, of: update.flow)
        }
        if tracker.hasEarlyWindow { judgeEarly(at: backlog.first.packets[position].time) }
    }

    private static func isOver(_ deadline: Instant?) -> Bool {
        deadline.map { Clock.monotonic() >= $0 } ?? false
    }

    /// Judges the packets that wait and the current second.
    mutating func finish() {
        settle()
        flows?.submit()
        tracker.finish()
        isJudging = true
        settle()
        reportHeld(isLast: true)
    }

    /// Begins again, after `finish`: the clock was set back.
    mutating func restart() {
        tracker.restart()
        detector.restart()
    }

    // MARK: - Windows

    /// Judges the host that has just sent many probes: a scan is not waited for to the end of its
    /// second.
    private mutating func judgeEarly(at time: Timestamp) {
        guard let window = tracker.nextEarlyWindow(at: time),
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
        while tracker.nextValues() {
            // A retrainer learns from every window.
            if retrainer != nil || !detector.rulesOut(&tracker) {
                tracker.completeWindow()
                judge(tracker.window)
            }
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

    // MARK: - Changes

    private mutating func apply(_ change: MeteredBatch.Change) {
        switch change {
        case .names(let change): tracker.apply(change)
        case .ports(let change): tracker.apply(change)
        case .nodeAddresses(let addresses): nodeAddresses = addresses
        case .indicators(let table): tracker.indicators = table
        case .raised(let event, let workload): detector.raised.note(event, of: workload)
        case .isCramped(let isCramped): tracker.isCramped = isCramped
        }
    }

    /// Ports whose facts should be queried again.
    mutating func takeWantedPorts() -> Set<UInt32> { tracker.takeWantedPorts() }

    /// Replaces the model or its feedback; windows and flows stay.
    mutating func replaceModel(_ model: Model) {
        settle()
        tracker.replaceGraph(model.graph)
        var next = Self.detector(model, inventory)
        next.resume(from: detector)
        detector = next
    }
}
