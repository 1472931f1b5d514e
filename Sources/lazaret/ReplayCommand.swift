import AnomalyDetection
import ArgumentParser
import Pipeline
import Quarantine
import Reporting
import Workloads

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Judge captures by a model, or rank what stands out without one.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, eve }

    @OptionGroup var input: CaptureInput
    @OptionGroup var inventory: InventoryInput

    @Option(
        name: [.short, .long],
        help: "Model made by 'lazaret train'. Without one the capture is ranked against itself.")
    var model: String?

    @Option(
        help:
            "table: incidents to read; json: one incident a line; eve: alerts as Suricata writes them."
    )
    var format: Format = .table

    @Option(
        name: [.short, .long], help: ArgumentHelp("Where to write the result.", valueName: "file"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Write the nftables script that enforcing would have installed.", valueName: "file"))
    var plan: String?

    @Flag(help: "End with exit code 3 if anything odd was found.")
    var exitCode = false

    func validate() throws {
        guard plan == nil || model != nil else {
            throw ValidationError("--plan needs a model: without a baseline nothing is fenced")
        }
    }

    func run() throws {
        let anomalies = try model.map(judge) ?? rank()
        if exitCode && anomalies > 0 { throw ExitCode(Failure.anomaliesFound) }
    }

    private func judge(_ modelPath: String) throws -> Int {
        let given = try inventory.read()
        var replay = Replay(
            paths: input.files, model: try ModelStore.readForJudging(modelPath, inventory: given))
        replay.filter = input.filter
        if let given { replay.inventory = given }
        let outcome = try replay.run(progress: ProgressReport(label: "replay"))
        for warning in outcome.warnings { Output.warn(warning) }
        try Output.write(render(outcome), to: output)
        if let plan { try OutputFile.replace(plan, with: script(outcome)) }
        return outcome.incidents.count
    }

    private func script(_ outcome: Replay.Outcome) -> [UInt8] {
        Array(NftScript.render(outcome.actions).utf8)
    }

    private func render(_ outcome: Replay.Outcome) -> String {
        switch format {
        case .eve: outcome.events.map { $0 + "\n" }.joined()
        case .json:
            outcome.incidents.map { IncidentReport.json($0, actions: outcome.actions) + "\n" }
                .joined()
        case .table:
            IncidentReport.table(
                outcome.incidents, actions: outcome.actions,
                isColoured: output == nil && Output.isColoured) + ReplayReport.footer(outcome)
        }
    }

    private func rank() throws -> Int {
        var ranking = Ranking(paths: input.files)
        ranking.filter = input.filter
        ranking.inventory = try inventory.read() ?? .empty
        let result = try ranking.run(progress: ProgressReport(label: "ranking"))
        for warning in result.warnings { Output.warn(warning) }
        let text =
            switch format {
            case .table: RankingReport.table(result.entries, packetCount: result.packetCount)
            case .json:
                result.entries.enumerated().map { RankingReport.json($1, rank: $0 + 1) + "\n" }
                    .joined()
            case .eve:
                result.entries.filter { $0.pattern != nil }.map { RankingReport.eve($0) + "\n" }
                    .joined()
            }
        try Output.write(text, to: output)
        return result.entries.count { $0.pattern != nil }
    }
}
