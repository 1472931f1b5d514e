import AnomalyDetection
public import AnomalyModel
import FeatureExtraction
import FlowMetering
public import ModelFiles
public import PacketCapture
import PacketDecoding
public import SystemSupport
public import Workloads
import Timestamps

/// Trains a model on clean captures: one pass for the communication graph, one for the windows.
public struct Training {
    public var paths: [String]
    public var filter = ""
    public var inventory = Inventory.empty
    /// Path of the inventory, for its digest.
    public var inventoryPath: String?
    public var falseAlarmsPerDay = 1.0
    /// Whether the budget applies to each workload rather than to the whole node.
    public var budgetIsPerWorkload = false
    public var seed: UInt64 = 1
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false
    /// Whether traffic that looks like an attack is left out.
    public var excludesSuspects = false
    /// Threads that read, count and learn, from 1 to 3; the model is the same.
    public var threads = CaptureThreads.usual
    /// The number of packets that are kept so that the graph can be learned again.
    var keptLimit = GraphLearning.keptLimit

    /// A model, which has no identifier yet, and remarks on its training.
    public struct Outcome {
        public var model: Model
        /// How much of each workload it was trained on.
        public var quality: LearningQuality
        public var warnings: [CaptureWarning]
        /// What an operator should know before trusting the model.
        public var advice: [String]
    }

    public init(paths: [String]) { self.paths = paths }

    /// Reads the captures and fits the model.
    public func run(progress: ProgressReport? = nil) throws -> Outcome {
        let spool = try InputSpool(paths)
        var input = PacketSource.Input(
            paths: spool.paths, filter: filter, trustsNotes: trustsNotes, progress: progress)
        var check = TrainingSanitizer(inventory: inventory)
        var noted = RecordedWorkloads(given: inventory, remembered: .empty)
        input.learning = GraphLearning(inventory: inventory, keptLimit: keptLimit)
        var first = try firstPass(input, &check, &noted)
        // Who uses addresses of others is never learned: the model would take them for its own.
        let unclean = check.traffic(ofImpostorsOnly: !excludesSuspects)
        let isClean = { @Sendable (packet: Packet) in !unclean.contains(packet) }
        if !unclean.isEmpty { try learnAgain(&first, input, isClean) }
        let learner = first.learning?.learner ?? GraphLearner(inventory: inventory)
        (first.learning, input.learning) = (nil, nil)
        let graph = learner.finish(
            without: check.impostors, seconds: (first.last - first.first).wholeSeconds)
        var trainer = Trainer(inventory: inventory, seed: seed)
        trainer.threadCount = CaptureThreads.fitting(threads)
        try learnWindows(
            WindowSource.Input(
                packets: input,
                tracker: WindowTracker(inventory: inventory, graph: graph, mode: .training),
                isCounted: unclean.isEmpty ? nil : isClean),
            &trainer)
        if trainer.workloadCount == 0,
            let suspect = check.suspects(.max).first(where: { excludesSuspects || $0.isImpostor })
        {
            throw ModelError.tooLittleData(
                "all traffic was left out, because it does not look clean: \(suspect.text)")
        }
        var provenance = Model.Provenance()
        provenance.sources = paths.map(\.lastPathComponent)
        provenance.first = first.first
        provenance.last = first.last
        provenance.packetCount = first.packetCount
        provenance.seed = seed
        provenance.falseAlarmsPerDay =
            falseAlarmsPerDay * (budgetIsPerWorkload ? Double(trainer.workloadCount) : 1)
        provenance.inventoryDigest = try digest()
        provenance.inventory = noted.inventory
        let (model, setAside) = try trainer.fitted(graph: graph, provenance: provenance)
        let quality = LearningQuality(model)
        return Outcome(
            model: model, quality: quality, warnings: first.warnings,
            advice: first.remarks + warnings(check) + SetAside.lines(setAside)
                + trainer.unlearned(graph) + advice(model, quality))
    }

    // Each pass is a function of its own: its tables are freed before the next.

    /// Learns the graph, and checks what does not look clean.
    private func firstPass(
        _ input: PacketSource.Input, _ check: inout TrainingSanitizer,
        _ noted: inout RecordedWorkloads
    ) throws(CaptureError) -> PacketSource.Report {
        input.progress?.begin("who talks to whom")
        var packets = try PacketReader(input, threads: threads)
        while let step = try packets.next() {
            switch step {
            case .names(let change):
                check.apply(change)
                noted.apply(change)
            case .ports(let change): check.apply(change)
            case .clockSetBack: check.restart()
            case .packet:
                if let tag = check.observe(packets.packet, packets.update) { packets.setTag(tag) }
            }
        }
        check.finish()
        return packets.report ?? PacketSource.Report()
    }

    private func learnWindows(
        _ input: WindowSource.Input, _ trainer: inout Trainer
    ) throws(CaptureError) {
        input.packets.progress?.begin("what windows look like")
        var windows = try WindowReader(input, threads: threads)
        while let step = try windows.next() {
            if case .window = step { trainer.observe(windows.window) }
        }
    }

    /// Learns the graph of a pass again without what is not clean: from the packets that were kept,
    /// or from the captures if these were too many.
    private func learnAgain(
        _ pass: inout PacketSource.Report, _ input: PacketSource.Input,
        _ isClean: @escaping @Sendable (Packet) -> Bool
    ) throws(CaptureError) {
        var learning = GraphLearning(inventory: inventory, isClean: isClean)
        if let first = pass.learning, learning.observe(first) {
            pass.learning = learning
            return
        }
        input.progress?.begin("who talks to whom, without suspects")
        var input = input
        input.learning = learning
        var packets = try PacketReader(input, threads: threads)
        while try packets.next() != nil {}
        pass.learning = packets.report?.learning
    }

    private func digest() throws -> String {
        guard let inventoryPath else { return "" }
        return try FileDigest.sha256(inventoryPath).digest
    }

    private func warnings(_ check: TrainingSanitizer) -> [String] {
        let shown = check.suspects(8)
        var lines = shown.map { suspect in
            (excludesSuspects || suspect.isImpostor ? "left out: " : "does not look clean: ")
                + suspect.text
        }
        if check.unknownCount > 0 {
            lines.append(
                "\(check.unknownCount) more windows do not look clean: there are too many hosts "
                    + "like these")
        }
        guard !excludesSuspects, check.hasLearnedSuspects else { return lines }
        let more =
            check.suspectCount > shown.count
            ? "\(check.suspectCount - shown.count) more like these; " : ""
        return lines + [
            more
                + "learned traffic raises no alerts later: if any of this is an attack, train "
                + "again with --exclude-suspects"
        ]
    }

    private func advice(_ model: Model, _ quality: LearningQuality) -> [String] {
        var advice: [String] = []
        let seconds =
            Int64((model.provenance.last - model.provenance.first).wholeSeconds)
        if seconds < LearningQuality.advisedSeconds {
            advice.append(
                """
                only \(seconds) s of traffic: rare harmless events will be anomalous; train on 15 \
                minutes
                """
                    + " or more, preferably a day")
        }
        let least = ScaleBaseline.leastWindows[.short] ?? 0
        let thin = quality.thin.filter { $0.windows < least }.map(\.name)
        if !thin.isEmpty {
            let names = thin.prefix(8).joined(separator: ", ")
            let more = thin.count > 8 ? " and \(thin.count - 8) more" : ""
            advice.append(
                "too few windows for a baseline of its own: \(names)\(more);"
                    + " the baseline of the image, network or node is used")
        }
        let arriving = quality.workloads.reduce(0) { $0 + $1.arriving }
        let contacts = quality.workloads.reduce(0) { $0 + $1.contacts }
        if arriving * 10 > contacts {
            advice.append(
                "\(arriving) of \(contacts) contacts were new in the last fifth of the time: more "
                    + "will follow and be reported; train on more traffic")
        }
        if model.provenance.inventory.isEmpty {
            advice.append(
                """
                no inventory: every address is a workload of its own, and a replaced container is an
                """
                    + " unknown host; name them with --inventory")
        }
        return advice
    }
}
