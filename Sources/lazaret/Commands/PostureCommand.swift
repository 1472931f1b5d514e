import AnomalyModel
public import ArgumentParser
import FoundationEssentials
import ModelFiles
import Monitor
public import Posture
import Settings

/// Settings of containers and pods that help an intruder.
struct PostureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "posture",
        abstract: "Show settings of containers and pods that give an intruder more than needed.",
        discussion: """
            Reads the running containers of Docker and Podman and the pods of the cluster, or \
            files with the output of 'docker inspect', 'podman inspect' or 'kubectl get \
            pods,networkpolicies -A -o json'. Nothing is changed. Exit code 3: there are findings \
            of the severity; 0: none.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, sarif }

    @Option(
        name: [.customShort("r"), .customLong("read")],
        help: ArgumentHelp(
            "File to assess instead of what runs here; may be given several times.",
            valueName: "file"))
    var files: [String] = []
    @OptionGroup var configuration: ConfigurationInput
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Model: also show published ports that nobody used in its training.",
            valueName: "file"))
    var model: String?
    @Option(help: "The least severity that is shown.")
    var severity: PostureCheck.Severity = .low
    @Option(help: "table: text; json: one object; sarif: SARIF 2.1.0.")
    var format: Format = .table
    @Option(name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
    var output: String?

    func run() async throws {
        var report = PostureReport()
        let options = try configuration.read().monitor.workloads
        if files.isEmpty {
            try await report.readNode(options)
        } else {
            for file in files { try report.read(file: file, naming: options.naming) }
        }
        if let model {
            report.addUnusedPorts(by: try ModelStore.readForJudging(model, inventory: nil).graph)
        }
        let text = PostureText(report: report, least: severity)
        let written =
            switch format {
            case .table: text.table
            case .json: text.json + "\n"
            case .sarif: text.sarif + "\n"
            }
        try Output.write(written, to: output)
        for remark in report.remarks { Output.warn(remark) }
        if !text.findings.isEmpty { throw ExitCode(Failure.anomaliesFound) }
    }
}

extension PostureReport {
    /// Reads every engine and cluster of this node.
    mutating func readNode(_ given: WorkloadOptions) async throws {
        var options = given
        options.environment = ProcessInfo.processInfo.environment
        let (answered, failures) = await readSources(options)
        if let failure = failures.first { throw failure }
        guard answered > 0 else {
            throw PostureError(
                source: "posture",
                reason: "no container engine or cluster is configured here; give a file with -r")
        }
    }
}

extension PostureCheck.Severity: ExpressibleByArgument {}
