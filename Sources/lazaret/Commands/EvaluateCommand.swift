import AnomalyDetection
import ArgumentParser
import ModelFiles
import Offline
import SystemSupport

struct EvaluateCommand: ParsableCommand, ReadsCaptures {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Replay captures and compare the alerts with labels.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    /// The names of `DetectorPart`.
    enum Part: String, ExpressibleByArgument, CaseIterable {
        case forest, patterns, minutes, times, early, sustained
    }

    @OptionGroup var input: CaptureInput
    @OptionGroup var inventory: InventoryInput
    @OptionGroup var notes: NotesInput

    @Option(name: [.short, .long], help: "Model made by 'lazaret train'.")
    var model: String

    @Option(
        help: ArgumentHelp(
            """
            Labels: JSON lines {"start", "end", "kind", "src": [...], "dst": [...]}; those of the \
            kind "benign" are left out. Without labels, the capture counts as clean.
            """,
            valueName: "file"))
    var truth: String?

    @Option(
        help: ArgumentHelp(
            "Leave out a part of the detector, to measure what it contributes; may be repeated.",
            valueName: "part"))
    var without: [Part] = []

    @Option var format: Format = .table

    @Option(
        name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
    var output: String?

    func run() throws {
        Signals.installInterruption()
        let labels = try truth.map { try Label.read($0) } ?? []
        let given = try inventory.read()
        var replay = Replay(
            paths: input.files, model: try ModelStore.readForJudging(model, inventory: given))
        replay.filter = input.filter
        replay.threads = input.threads
        replay.inventory = given
        replay.trustsNotes = notes.areTrusted
        replay.omitted = Set(without.compactMap { DetectorPart(rawValue: $0.rawValue) })
        var evaluator = Evaluator(replay: replay, labels: labels)
        let (evaluation, outcome) = try evaluator.run(progress: ProgressReport(label: "evaluating"))
        for warning in outcome.warnings { Output.warn(warning) }
        let text =
            format == .json ? EvaluationReport.json(evaluation) : EvaluationReport.table(evaluation)
        try Output.write(text, to: output)
        if outcome.isDamaged { throw ExitCode(1) }
    }
}
