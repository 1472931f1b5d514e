public import ArgumentParser
import FoundationEssentials
public import ImageReports
import Monitor
import Settings
import SystemSupport
import Timestamps
import Workloads

/// What scanners report of the images that run.
struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "Show which running workloads have vulnerable images, by reports of scanners.",
        discussion: """
            Joins reports of Trivy, Grype, CycloneDX and SARIF to the running containers of \
            Docker, Podman and the cluster, or to files with the output of 'docker inspect', \
            'podman inspect' or 'kubectl get pods -A -o json'. Nothing is scanned or changed. Exit \
            code 3: there are findings of the severity; 0: none; 1: something could not be read.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Argument(help: "Reports, or folders of reports; default: those of the configuration.")
    var reports: [String] = []
    @Option(
        name: [.customShort("r"), .customLong("read")],
        help: ArgumentHelp(
            "File with containers instead of what runs here; may be given several times.",
            valueName: "file"))
    var files: [String] = []
    @OptionGroup var configuration: ConfigurationInput
    @Option(help: ArgumentHelp("CISA's list of exploited vulnerabilities.", valueName: "file"))
    var knownExploited: String?
    @Option(help: ArgumentHelp("Scores of EPSS (csv or csv.gz).", valueName: "file"))
    var epss: String?
    @Option(help: "List the findings of the images whose name or digest contains this.")
    var image: String?
    @Option(help: "List the findings of this workload.")
    var workload: String?
    @Option(help: "The least severity that counts.")
    var severity: VulnerabilitySeverity = .unknown
    @Option(help: "Output format: table or json.")
    var format: Format = .table
    @Option(name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
    var output: String?

    func run() async throws {
        let settings = try configuration.read().monitor
        var options = settings.imageReports
        if !reports.isEmpty { options.paths = reports }
        options.knownExploited = knownExploited ?? options.knownExploited
        options.epss = epss ?? options.epss
        guard !options.paths.isEmpty else {
            throw ValidationError("give reports, or set 'image_reports' in the configuration")
        }
        var troubles: [String] = []
        let running = try await containers(settings.workloads, &troubles)
        let now = Clock.now()
        var reading = ImageReportFiles()
        let outcome = reading.read(options, now: now)
        troubles += outcome?.failures.map(\.text) ?? []
        var text = ImagesText(
            running, outcome?.catalog ?? ImageCatalog(), now: now, maximumAge: options.maximumAge,
            least: severity)
        text.select(workload: workload, image: image)
        let isList = workload != nil || image != nil
        let written =
            switch format {
            case .table: isList ? text.list : text.table
            case .json: text.json(withFindings: isList) + "\n"
            }
        try Output.write(written, to: output)
        for trouble in troubles { printError(trouble) }
        if !troubles.isEmpty { throw ExitCode(1) }
        for notice in outcome?.incomplete ?? [] { Output.warn(notice.text) }
        if text.hasFindings { throw ExitCode(Failure.anomaliesFound) }
        // What cannot be read may be a finding: nothing found is not what this shows.
        if outcome?.incomplete.isEmpty == false { throw ExitCode(1) }
    }

    /// The containers of the files, or of this node.
    private func containers(
        _ workloads: WorkloadOptions, _ troubles: inout [String]
    ) async throws -> [RunningImage] {
        var options = workloads
        options.environment = ProcessInfo.processInfo.environment
        guard files.isEmpty else {
            return try files.flatMap { file throws(IOError) in
                try RunningImage.all(inFile: file, naming: options.naming)
            }
        }
        let found = await (try LiveWorkloads(options: options, given: nil)).runningImages()
        troubles += found.failures.map { "\($0.source): \($0.reason)" }
        guard !found.sources.isEmpty || !found.failures.isEmpty else {
            throw IOError.input(
                path: "images",
                reason: "no container engine or cluster is configured here; give a file with -r")
        }
        return found.images
    }
}

extension VulnerabilitySeverity: ExpressibleByArgument {}
