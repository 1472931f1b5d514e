public import AnomalyDetection
public import AnomalyModel
public import Events
public import FeatureExtraction
public import HTMLReport
public import Indicators
import NetworkAddresses
import PacketCapture
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
    /// Threads that read, count and judge, from 1 to 3; the results are the same.
    public var threads = CaptureThreads.usual

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
        /// Whether a capture was damaged, so packets after the damage are missing.
        public var isDamaged = false
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
        var names = IdentityMap(inventory: given, remembered: remembered)
        var analyzer = CaptureAnalyzer(
            model: model, known: RecordedWorkloads(given: given, remembered: remembered),
            policyOptions: policyOptions,
            capture: paths.count == 1 ? paths[0] : nil, sliceFolder: sliceFolder,
            keepsEvents: keepsEvents, omitted: omitted, indicators: indicators,
            runtime: runtimeEvents)
        var memory = MemoryWatch(limits)
        var input = input(given: given, remembered, progress, hasOpenings: record != nil)
        // Reports and evaluations have all windows.
        if record == nil, observe == nil { input.screen = WindowScreen(model: model) }
        var windows = try WindowReader(input, threads: threads)
        func name(_ address: IPAddress) -> String? { names.workloadName(of: address) }
        while let step = try windows.next() {
            switch step {
            case .names(let change):
                names.apply(change)
                record?.apply(change)
                analyzer.apply(change)
            case .ports(let change): analyzer.apply(change)
            case .opening(let opening): record?.add(opening)
            case .target(let window):
                analyzer.takeRuntimeEvents(until: window.endSecond)
                if let verdict = analyzer.analyze(window, name: name) { record?.add(verdict) }
            case .window:
                if let isShort = memory.check(after: 1) {
                    (analyzer.isCramped, input.shortage.isShort) = (isShort, isShort)
                }
                analyzer.takeRuntimeEvents(until: windows.window.endSecond)
                let verdict = analyzer.analyze(windows.window, name: name)
                observe?(windows.window, verdict)
                record?.add(
                    windows.window,
                    evidence: verdict == nil ? analyzer.evidenceShare(of: windows.window) : 1,
                    isAnomalous: verdict != nil)
            case .early:
                let verdict = analyzer.analyze(early: windows.window, name: name)
                guard let verdict else { continue }
                observe?(windows.window, verdict)
                record?.add(verdict)
            case .sighting:
                let verdict = analyzer.analyze(sighting: windows.window, name: name)
                if let verdict { record?.add(verdict) }
            case .ordinary(let count, let second):
                if let isShort = memory.check(after: count) {
                    (analyzer.isCramped, input.shortage.isShort) = (isShort, isShort)
                }
                analyzer.skip(count, until: second)
            case .windowsEnded(let isLast):
                for verdict in analyzer.analyzeHeld(isLast: isLast, name) {
                    observe?(verdict.window, verdict)
                    record?.add(verdict)
                }
            }
        }
        // Tools report a moment later than packets arrive.
        analyzer.finishRuntimeEvents()
        return outcome(
            analyzer.outcome, windows.summary, wasShort: memory.wasShort, record: record)
    }

    private func input(
        given: Inventory, _ remembered: Inventory, _ progress: ProgressReport?, hasOpenings: Bool
    ) -> WindowSource.Input {
        var tracker = WindowTracker(
            inventory: given, remembered: remembered, graph: model.graph, mode: .monitoring,
            hostLimit: limits.hostLimit)
        tracker.watchesTargets = true
        tracker.judgesEarly = true
        tracker.indicators = indicators
        let packets = PacketSource.Input(
            paths: spool?.paths ?? paths, filter: filter, trustsNotes: trustsNotes,
            limits: limits, listedNames: indicators?.names, progress: progress)
        return WindowSource.Input(packets: packets, tracker: tracker, hasOpenings: hasOpenings)
    }

    /// The outcome with what is known of the captures and of the tables.
    private func outcome(
        _ analyzed: Outcome, _ summary: WindowSource.Summary?, wasShort: Bool,
        record: ReplayReportData?
    ) -> Outcome {
        let report = summary?.report ?? PacketSource.Report()
        var outcome = analyzed
        outcome.packetCount = report.packetCount
        outcome.first = report.first
        outcome.last = report.last
        outcome.isDamaged = report.warnings.contains(where: \.isDamage)
        outcome.warnings =
            report.warnings.map { spool?.named($0.description) ?? $0.description } + report.remarks
            + outcome.warnings
        if wasShort {
            outcome.warnings.append(
                "memory was short (\(limits.memory >> 20) MiB): the capture has too many sources")
        }
        if let summary, summary.droppedHosts > 0 {
            outcome.warnings.append(
                "\(summary.droppedHosts) flows of hosts beyond the table's limit were ignored")
        }
        outcome.report = record?.report(report, warnings: outcome.warnings)
        outcome.report?.incidents = outcome.incidents
        outcome.report?.decisions = outcome.decisions
        return outcome
    }
}
