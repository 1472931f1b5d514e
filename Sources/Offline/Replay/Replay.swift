public import AnomalyDetection
public import AnomalyModel
public import Events
public import FeatureExtraction
import FlowMetering
public import HTMLReport
public import Indicators
import NetworkAddresses
import PacketCapture
import PacketDecoding
public import Quarantine
import RuntimeEventFiles
import RuntimeEvents
public import SystemSupport
public import Workloads
public import Timestamps

/// Runs captures through a model: windows, verdicts, incidents, and the rules that quarantine would
/// have applied.
public struct Replay {
    public var paths: [String]
    public var filter = ""
    /// The operator's inventory; nil: the names in the captures, then those stored in the model.
    public var inventory: Inventory?
    public var model: Model
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false
    public var policyOptions = QuarantinePolicyOptions()
    /// Copies of captures that can be read only once; nil: the files at `paths` are read.
    public var spool: InputSpool?
    /// The folder for the packets of incidents; alerts name the file.
    public var sliceFolder: String?
    /// The memory limit, which the sizes of the tables follow.
    public var limits = ResourceLimits()
    /// Parts of the detector that are left out.
    public var omitted: Set<DetectorPart> = []
    /// Addresses and names that are looked for; nil: none.
    public var indicators: IndicatorTable?
    /// What other tools said of processes in the time of the captures; nil: nothing.
    public var runtimeEvents: RecordedRuntimeEvents?
    /// Whether the outcome includes the events.
    public var keepsEvents = false

    /// The results of a replay.
    public struct Outcome: Sendable {
        /// The inventory at the end.
        public var inventory = Inventory.empty
        public var incidents: [Incident] = []
        public var decisions: [QuarantineDecision] = []
        /// The events in order of time.
        public var events: [Event] = []
        public var packetCount = 0
        public var first = Timestamp.epoch
        public var last = Timestamp.epoch
        public var windowCount = 0
        public var verdictCount = 0
        /// Lines for standard error.
        public var warnings: [String] = []
        /// What became of the runtime events; nil: there are none.
        public var runtimeSummary: String?
        /// Data for a report, if requested.
        public var report: HTMLReport?
    }

    public init(paths: [String], model: Model) {
        self.paths = paths
        self.model = model
    }

    /// Runs the captures.
    ///
    /// - Parameters:
    ///   - record: receives the data for a report.
    ///   - observe: called with every window and its verdict, for evaluation.
    public func run(
        progress: ProgressReport? = nil, record: ReplayReportData? = nil,
        observe: ((Window, Verdict?) -> Void)? = nil
    ) throws -> Outcome {
        // Names in the capture take precedence over those in the model, but not over the given
        // inventory.
        let given = inventory ?? .empty
        let remembered = inventory == nil ? model.provenance.inventory : .empty
        var tracker = WindowTracker(
            inventory: given, remembered: remembered, graph: model.graph, mode: .monitoring,
            hostLimit: limits.hostLimit)
        tracker.watchesTargets = true
        tracker.judgesEarly = true
        tracker.indicators = indicators
        var analyzer = CaptureAnalyzer(
            model: model, known: RecordedWorkloads(given: given, remembered: remembered),
            policyOptions: policyOptions,
            capture: paths.count == 1 ? paths[0] : nil, sliceFolder: sliceFolder,
            keepsEvents: keepsEvents, omitted: omitted, indicators: indicators,
            runtime: runtimeEvents)
        var memory = MemoryWatch(limits)
        var packets = try PacketReader(
            paths: spool?.paths ?? paths, filter: filter, trustsNotes: trustsNotes,
            limits: limits, listedNames: indicators?.names, progress: progress)
        func judgeWindows(isLast: Bool = false) {
            while let window = tracker.nextTarget() {
                analyzer.takeRuntimeEvents(until: window.endSecond)
                let verdict = analyzer.analyze(window) { tracker.workloadName(of: $0) }
                if let verdict { record?.add(verdict) }
            }
            while let window = tracker.nextWindow() {
                if memory.isDue {
                    tracker.isCramped = memory.isShort()
                    analyzer.isCramped = tracker.isCramped
                }
                analyzer.takeRuntimeEvents(until: window.endSecond)
                let verdict = analyzer.analyze(window) { tracker.workloadName(of: $0) }
                observe?(window, verdict)
                record?.add(
                    window,
                    evidence: verdict == nil ? analyzer.evidenceShare(of: window) : 1,
                    isAnomalous: verdict != nil)
            }
            while let window = tracker.nextSighting() {
                let verdict = analyzer.analyze(sighting: window) { tracker.workloadName(of: $0) }
                if let verdict { record?.add(verdict) }
            }
            for verdict in analyzer.analyzeHeld(isLast: isLast, { tracker.workloadName(of: $0) }) {
                observe?(verdict.window, verdict)
                record?.add(verdict)
            }
        }
        func judgeEarly(at time: Timestamp) {
            guard let window = tracker.nextEarlyWindow(at: time),
                let verdict = analyzer.analyze(
                    early: window, name: { tracker.workloadName(of: $0) })
            else { return }
            observe?(window, verdict)
            record?.add(verdict)
        }
        while let step = try packets.next() {
            switch step {
            case .names(let change):
                tracker.apply(change)
                record?.apply(change)
                analyzer.apply(change)
            case .ports(let change):
                tracker.apply(change)
                analyzer.apply(change)
            case .clockSetBack:
                tracker.finish()
                judgeWindows(isLast: true)
                tracker.restart()
            case .packet:
                tracker.advance(to: packets.packet.time)
                if tracker.hasEndedSecond { judgeWindows() }
                let tag = tracker.observe(packets.packet, packets.update)
                if tracker.hasEarlyWindow { judgeEarly(at: packets.packet.time) }
                guard let tag else { continue }
                packets.setTag(tag)
                if let record, let opening = tracker.opening(tag) {
                    record.add(packets.packet, openedBy: opening.subject, isNew: opening.isNew)
                }
            }
        }
        tracker.finish()
        judgeWindows(isLast: true)
        let report = packets.report
        // Tools report a moment later than packets arrive.
        analyzer.finishRuntimeEvents()
        var outcome = analyzer.outcome
        outcome.packetCount = report.packetCount
        outcome.first = report.first
        outcome.last = report.last
        outcome.warnings =
            report.warnings.map { spool?.named($0.description) ?? $0.description } + report.remarks
            + outcome.warnings
        if memory.wasShort {
            outcome.warnings.append(
                "memory was short (\(limits.memory >> 20) MiB): the capture has too many sources")
        }
        if tracker.droppedHosts > 0 {
            outcome.warnings.append(
                "\(tracker.droppedHosts) flows of hosts beyond the table's limit were ignored")
        }
        outcome.report = record?.report(report, warnings: outcome.warnings)
        outcome.report?.incidents = outcome.incidents
        outcome.report?.decisions = outcome.decisions
        return outcome
    }
}

/// Checks the memory in use after every so many windows, because windows take the memory.
struct MemoryWatch {
    private static let interval = 1024

    private let limit: Int
    private var count = 0
    private(set) var wasShort = false

    init(_ limits: ResourceLimits) { limit = limits.memory }

    /// Counts a window; returns whether a check is due.
    var isDue: Bool {
        mutating get {
            count += 1
            return count % Self.interval == 0
        }
    }

    /// Checks the memory in use.
    mutating func isShort() -> Bool {
        let isShort = (ResourceLimits.residentBytes ?? 0) > limit
        wasShort = wasShort || isShort
        return isShort
    }
}
