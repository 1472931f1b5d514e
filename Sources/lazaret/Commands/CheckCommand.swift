import AnomalyModel
public import ArgumentParser
import LeastPrivilege
import Offline
import SystemSupport

/// Compares a capture with an approved baseline, for continuous integration.
struct CheckCommand: ParsableCommand, ReadsCaptures {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Show what of a capture is not in an approved model: for tests in CI.",
        discussion: """
            Contacts, services, outside addresses, DNS names and volumes that the model does not \
            contain. Exit code 3: there are some; 0: none. 'lazaret model approve' accepts what a \
            review accepts.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, sarif, junit, json }

    @OptionGroup var input: CaptureInput
    @OptionGroup var baseline: PolicyCommand.Baseline
    @OptionGroup var notes: NotesInput
    @Option(
        help: """
            text: a line for each finding; sarif: for code scanning; junit: for test reports; \
            json: one object, which 'lazaret model approve' reads.
            """)
    var format: Format = .text
    @Option(
        help: ArgumentHelp(
            """
            sarif: file of the repository to which findings are attached, such as its \
            compose.yaml; the model otherwise.
            """,
            valueName: "file"))
    var location: String?
    @Option(
        help: ArgumentHelp(
            "Leave out a kind of finding; may be repeated.", valueName: "kind"))
    var without: [BaselineCheck.Kind] = []
    @Option(name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
    var output: String?

    func run() throws {
        Signals.installInterruption()
        let (model, policy, given) = try baseline.read()
        var check = BaselineCheck(
            spool: try InputSpool(input.files), model: model, policy: policy)
        check.filter = input.filter
        check.threads = input.threads
        check.inventory = given
        check.trustsNotes = notes.areTrusted
        check.kinds.subtract(without)
        var outcome = try check.run(progress: ProgressReport(label: "checking"))
        let report = CheckReport(
            outcome: outcome, captures: input.files, modelID: model.identifier)
        if format == .sarif, outcome.findings.count > SARIFLog.limit {
            outcome.warnings.append(
                "sarif: \(SARIFLog.limit) of \(outcome.findings.count) findings are "
                    + "written, more are refused by its readers")
        }
        for warning in outcome.warnings { Output.warn(warning) }
        let text =
            switch format {
            case .text: report.text
            case .json: report.json + "\n"
            case .junit: report.junit
            case .sarif: report.sarif(location: location ?? baseline.model) + "\n"
            }
        try Output.write(text, to: output)
        if !outcome.findings.isEmpty { throw ExitCode(Failure.anomaliesFound) }
    }
}

extension BaselineCheck.Kind: ExpressibleByArgument {}
