import AnomalyDetection
import ArgumentParser
import ModelFiles
import PacketCapture
import Offline
import SystemSupport
import Workloads

struct TrainCommand: ParsableCommand, ReadsCaptures {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a model on clean traffic.")

    @OptionGroup var input: CaptureInput
    @OptionGroup var inventory: InventoryInput
    @OptionGroup var notes: NotesInput

    @Option(
        name: [.short, .long], help: ArgumentHelp("Where to write the model.", valueName: "model"))
    var output: String

    @Option(
        help:
            """
            Accepted false alarms: of this node, such as 1/day or 2/hour, or of each workload, \
            such as 1/week/workload.
            """
    )
    var falseAlarms: FalseAlarmRate = FalseAlarmRate(perDay: 1)

    @Option(help: "Random seed; the same input and seed give the same model.")
    var seed: UInt64 = 1

    @Flag(help: "Leave out traffic that looks like an attack, instead of only warning.")
    var excludeSuspects = false

    func validate() throws {
        guard output != "-" else {
            throw ValidationError("-o -: name a file; the report goes to standard output")
        }
    }

    func run() throws {
        Signals.installInterruption()
        var training = Training(paths: input.files)
        training.filter = input.filter
        training.threads = input.threads
        training.inventory = try inventory.read() ?? .empty
        training.inventoryPath = inventory.path
        training.falseAlarmsPerDay = falseAlarms.perDay
        training.budgetIsPerWorkload = falseAlarms.isPerWorkload
        training.seed = seed
        training.trustsNotes = notes.areTrusted
        training.excludesSuspects = excludeSuspects
        let outcome = try training.run(progress: ProgressReport(label: "training"))
        for warning in outcome.warnings { Output.warn("\(warning)") }
        let model = try ModelStore.write(outcome.model, to: output)
        try Output.write(ModelReport.text(model, outcome.quality), to: nil)
        for line in outcome.advice { Output.warn(line) }
        if outcome.warnings.contains(where: \.isDamage) { throw ExitCode(1) }
    }
}
