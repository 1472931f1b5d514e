import AnomalyModel
import ArgumentParser
import BaselineGraph
import Compliance
import EventStore
import FlowHistory
import FoundationEssentials
import ImageReports
import ModelFiles
import Monitor
import Posture
import Settings
import SystemSupport
import TextFormats
import Timestamps
import Workloads

/// `lazaret report compliance`: what records show of each control of a standard.
struct ComplianceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compliance",
        abstract: "Report, for each control of a standard, the records that support it.",
        discussion: """
            Reads the state directory, also while a monitor writes, and changes nothing. The end \
            of the period is not part of it. The same records give the same bytes.
              lazaret report compliance --standard pci-dss-4 --from 2026-10-01 --to 2026-11-01 \
            --format html -o october.html

            Exit code 0: the report was made; 1: it could not be made, or the hash chain of the \
            audit trail is broken (the report is written and says so first); 2: a standard's file \
            is wrong.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, html, oscal }

    @Option(
        help: ArgumentHelp(
            "A standard that 'report standards' lists, or a YAML file.", valueName: "name"))
    var standard: String
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Start of the period (UTC): '2026-10-01', '2026-10-01 12:00' or 90d for 90 days ago.",
            valueName: "time"))
    var from: String
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("End of the period; default: now.", valueName: "time"))
    var to: String?
    @Option(
        help: ArgumentHelp(
            """
            'live': assess the containers and pods that run here; or a file with the output of \
            'docker inspect', 'podman inspect' or 'kubectl get pods,networkpolicies -A -o json'. \
            May be given several times.
            """, valueName: "source"))
    var posture: [String] = []
    @Option(
        help: ArgumentHelp(
            """
            Reports of scanners, or a folder of them, about the images of the containers that \
            --posture reads; default: those of the configuration. May be given several times.
            """, valueName: "path"))
    var images: [String] = []
    @Option(
        help: ArgumentHelp(
            "A result of 'lazaret policy check --format json'; may be given several times.",
            valueName: "file"))
    var policyCheck: [String] = []
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "A model that the monitor used, beside the configured and the learnt one.",
            valueName: "file"))
    var model: [String] = []
    @Option(help: "text, html (one file, printable) or oscal (assessment results, JSON).")
    var format: Format = .text
    @Option(name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
    var output: String?
    @OptionGroup var state: QuarantineCommand.State

    private func period() throws -> Range<Timestamp> {
        let now = Clock.now()
        func time(_ text: String, _ option: String) throws -> Timestamp {
            guard let time = HistoryTime.parse(text, now: now) else {
                throw ValidationError(
                    "\(option) '\(text)': give a time in UTC such as '2026-10-01 12:00', or 90d "
                        + "for 90 days ago")
            }
            return time
        }
        let start = try time(from, "--from")
        let end = try to.map { try time($0, "--to") } ?? now
        guard start < end else { throw ValidationError("--to is not after --from") }
        guard end <= now else { throw ValidationError("--to is in the future") }
        return start..<end
    }

    func validate() throws { _ = try period() }

    func run() async throws {
        let period = try period()
        let standard = try readStandard()
        let settings = try ReportState.settings(state)
        let posture = try await readPosture(settings)
        let (images, notices) = try await readImages(settings)
        let checks = try policyCheck.map { file throws(ComplianceInputError) in
            try PolicyCheckFacts(file: file)
        }
        let directory = try state.directory()
        let report = try ReportState.reading(directory) { store in
            var sources = EvidenceSources(store: store)
            let history = HistoryReader(directory: directory)
            sources.history = Files.exists(directory + "/flows.db") ? history : nil
            sources.posture = posture
            sources.images = images
            sources.policyChecks = checks
            let files =
                model
                + [settings?.model, Monitor.learnedModelPath(in: directory)].compactMap(\.self)
            let models = try models(store, files)
            sources.baselines = models.map(\.facts)
            if let model = models.first { sources.posture?.addUnusedPorts(by: model.graph) }
            sources.eventAge = settings.map { "\(TimeSpan($0.monitor.keepTime))" }
            sources.flowAge = settings.map {
                $0.monitor.history.age.map { "\(TimeSpan($0))" } ?? "never"
            }
            return try ComplianceReport(
                standard, in: period, of: HostName.text, from: sources)
        }
        let text =
            switch format {
            case .text: report.text
            case .html: report.html
            case .oscal: report.oscal
            }
        try Output.write(text, to: output)
        for remark in (posture?.remarks ?? []) + notices { Output.warn(remark) }
        guard report.chainProblems.isEmpty else {
            printError("the audit trail in \(directory) was tampered with")
            throw ExitCode(1)
        }
    }

    private func readStandard() throws -> ComplianceStandard {
        if let found = try ComplianceStandard.builtIn(standard) { return found }
        guard standard.contains("/") || standard.contains(".") else {
            throw ValidationError(
                "--standard '\(standard)': known: "
                    + ComplianceStandard.builtInNames.joined(separator: ", ")
                    + "; or the path of a YAML file")
        }
        do { return try ComplianceStandard(path: standard) } catch {
            printError("\(error)")
            throw ExitCode(2)
        }
    }

    // MARK: - Sources

    private func readPosture(_ settings: Configuration?) async throws -> PostureReport? {
        guard !posture.isEmpty else { return nil }
        var report = PostureReport()
        let options = (settings ?? Configuration()).monitor.workloads
        for source in posture {
            if source == "live" {
                try await report.readNode(options)
            } else {
                try report.read(file: source, naming: options.naming)
            }
        }
        return report
    }

    /// What scanners report of the containers that `--posture` names, and lines about files that
    /// cannot be read; nil: there are no reports, or no containers were asked for.
    private func readImages(
        _ settings: Configuration?
    ) async throws -> (facts: ImageFacts?, notices: [String]) {
        let monitor = (settings ?? Configuration()).monitor
        var options = monitor.imageReports
        if !images.isEmpty { options.paths = images }
        guard !options.paths.isEmpty, !posture.isEmpty else { return (nil, []) }
        var running: [RunningImage] = []
        var notices: [String] = []
        for source in posture {
            if source == "live" {
                var workloads = monitor.workloads
                workloads.environment = ProcessInfo.processInfo.environment
                let found =
                    await (try LiveWorkloads(options: workloads, given: nil)).runningImages()
                running += found.images
                notices += found.failures.map { "\($0.source): \($0.reason)" }
            } else {
                running += try RunningImage.all(inFile: source, naming: monitor.workloads.naming)
            }
        }
        var reading = ImageReportFiles()
        let outcome = reading.read(options, now: Clock.now())
        let unread = (outcome?.failures ?? []) + (outcome?.incomplete ?? [])
        let facts = ImageFacts(
            summaries: (outcome?.catalog ?? ImageCatalog()).summaries(of: running),
            unreadCount: unread.count + notices.count, maximumAge: options.maximumAge)
        return (facts, notices + unread.map(\.text))
    }

    /// The models among the files that the monitor has used, the latest trained first.
    private func models(
        _ store: EventStore, _ files: [String]
    ) throws -> [(facts: BaselineFacts, graph: CommunicationGraph)] {
        let used = Set(try store.models().map(\.id))
        var found: [String: Model] = [:]
        for file in files {
            // A monitor that learns again has no file yet.
            guard model.contains(file) || Files.exists(file) else { continue }
            do {
                let read = try ModelStore.read(file)
                if used.contains(read.identifier) { found[read.identifier] = read }
            } catch {
                guard !model.contains(file) else { throw error }
                Output.warn("\(error)")
            }
        }
        return found.values.sorted { $0.provenance.last > $1.provenance.last }.map { model in
            let edges = model.graph.namedEdges
            let (first, last) = (model.provenance.first, model.provenance.last)
            return (
                BaselineFacts(
                    id: model.identifier, workloads: Set(edges.map(\.subject)).count,
                    contacts: edges.count, trained: first..<max(first, last)), model.graph
            )
        }
    }
}

extension ReportState {
    /// The settings that the state directory belongs to; nil where another directory is given
    /// without them.
    static func settings(_ state: QuarantineCommand.State) throws -> Configuration? {
        state.given == nil || state.file.path != nil ? try state.file.read() : nil
    }
}
