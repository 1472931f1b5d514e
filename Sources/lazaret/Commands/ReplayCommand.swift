import AnomalyDetection
import AnomalyModel
import ArgumentParser
import Enforcement
import Events
import HTMLReport
import IndicatorFiles
import Indicators
import ModelFiles
import Offline
import Quarantine
import RuntimeEventFiles
import RuntimeEvents
import SystemSupport
import TextFormats
import Workloads

struct ReplayCommand: ParsableCommand, ReadsCaptures {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Detect anomalies in captures; without a model, rank the most anomalous hosts.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, eve }

    @OptionGroup var input: CaptureInput
    @OptionGroup var inventory: InventoryInput
    @OptionGroup var notes: NotesInput

    @Option(
        name: [.short, .long],
        help: "Model made by 'lazaret train'. Without one, the hosts of the capture are ranked.")
    var model: String?

    @Option(
        help: ArgumentHelp(
            """
            Without a model: what you know of hosts, as JSON lines {"kind", "src": [...]}; kind \
            "benign" says that it is no attack. Hosts that do the like move in the ranking. \
            Labels for 'evaluate' will do.
            """,
            valueName: "file"))
    var answers: String?

    @Option(
        help:
            """
            table: incidents as text; json: one incident per line; eve: alerts in Suricata's EVE \
            JSON.
            """
    )
    var format: Format = .table

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Output file; - is standard output.", valueName: "file"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Write the nftables script that enforcement would have installed.", valueName: "file"))
    var plan: String?

    @Option(
        help: ArgumentHelp(
            "Write a self-contained HTML report.", valueName: "file"))
    var report: String?

    @Option(
        help: ArgumentHelp(
            "Write the packets of each incident to a separate pcapng file in this folder.",
            valueName: "folder"))
    var pcapOut: String?

    @Option(
        help: ArgumentHelp(
            """
            List of addresses and names that are known to be bad, or a folder of lists; may be \
            repeated.
            """,
            valueName: "file"))
    var indicators: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Alerts of Falco, events of Tetragon or auditd's log of the time of the captures; may \
            be repeated.
            """,
            valueName: "file"))
    var runtimeEvents: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Memory that tables and results may use; what does not fit is left out, with a warning.
            """,
            valueName: "size"),
        transform: MemoryLimit.init(argument:))
    var memory = MemoryLimit()

    @Flag(help: "Exit with code 3 if anomalies were found.")
    var exitCode = false

    func validate() throws {
        guard indicators.isEmpty || model != nil else {
            throw ValidationError(
                "--indicators needs a model: without a baseline there is no alert")
        }
        guard runtimeEvents.isEmpty || model != nil else {
            throw ValidationError(
                "--runtime-events needs a model: without a baseline there is no incident")
        }
        guard answers == nil || model == nil else {
            throw ValidationError(
                "--answers is for a ranking without a model; with one, see 'lazaret feedback'")
        }
        guard plan == nil || model != nil else {
            throw ValidationError("--plan needs a model: without a baseline nothing is fenced")
        }
        guard pcapOut == nil || model != nil else {
            throw ValidationError(
                "--pcap-out needs a model: without a baseline nothing is an incident")
        }
    }

    func run() throws {
        Signals.installInterruption()
        // A report contains the digests of its files, and extracting packets requires a second
        // pass.
        let spool = report == nil && pcapOut == nil ? nil : try InputSpool(input.files)
        let found = try model.map { try judge($0, spool) } ?? rank(spool)
        if exitCode && found.anomalies > 0 { throw ExitCode(Failure.anomaliesFound) }
        if found.isDamaged { throw ExitCode(1) }
    }

    private typealias Found = (anomalies: Int, isDamaged: Bool)

    private func judge(_ modelPath: String, _ spool: InputSpool?) throws -> Found {
        let given = try inventory.read()
        var replay = Replay(
            paths: input.files, model: try ModelStore.readForJudging(modelPath, inventory: given))
        replay.filter = input.filter
        replay.threads = input.threads
        replay.inventory = given
        replay.trustsNotes = notes.areTrusted
        replay.spool = spool
        replay.sliceFolder = pcapOut
        replay.limits.memory = memory.size.bytes
        replay.keepsEvents = format == .eve
        replay.indicators = try table(replay.model, given)
        if !runtimeEvents.isEmpty {
            replay.runtimeEvents = try RecordedRuntimeEvents(files: runtimeEvents)
        }
        let record = report.map { _ in
            ReplayReportData(model: replay.model, inventory: given)
        }
        let outcome = try replay.run(progress: ProgressReport(label: "replay"), record: record)
        for warning in outcome.warnings { Output.warn(warning) }
        if let summary = outcome.runtimeSummary { printError(summary) }
        let slices = try cut(outcome.incidents, spool)
        try Output.write(render(outcome), to: output)
        if let plan { try Output.write(NftScript.render(outcome.decisions), to: plan) }
        if var page = outcome.report {
            page.slices = slices
            try write(page, spool)
        }
        return (outcome.incidents.count, outcome.isDamaged)
    }

    /// The indicators; nil: none are named.
    private func table(_ model: Model, _ given: Inventory?) throws -> IndicatorTable? {
        guard !indicators.isEmpty else { return nil }
        let inventory = given ?? model.provenance.inventory
        let own =
            inventory.networks.map(\.prefix)
            + inventory.workloads.flatMap(\.addresses)
        var lists = IndicatorLists()
        guard let outcome = lists.read(indicators.map(IndicatorEntry.init(file:)), exempt: own)
        else { return nil }
        if let broken = outcome.failures.first {
            throw IOError.input(path: broken.path, reason: broken.failure ?? "")
        }
        return outcome.table
    }

    private func render(_ outcome: Replay.Outcome) -> String {
        switch format {
        case .eve: outcome.events.map { $0.eve + "\n" }.joined()
        case .json:
            outcome.incidents.map {
                IncidentSummary($0, decisions: outcome.decisions).json + "\n"
            }.joined()
        case .table:
            IncidentReport.table(
                outcome.incidents, decisions: outcome.decisions,
                isColoured: output == nil && Output.isColoured) + ReplayReport.footer(outcome)
        }
    }

    /// Writes the packets of each incident; returns the files by the incidents' first events.
    private func cut(_ incidents: [Incident], _ spool: InputSpool?) throws -> [String: String] {
        guard let pcapOut else { return [:] }
        if incidents.count > IncidentPcapExporter.fileLimit {
            Output.warn(
                """
                --pcap-out writes the packets of the first \(IncidentPcapExporter.fileLimit) \
                incidents, of \(incidents.count)
                """
            )
        }
        var slices = try IncidentPcapExporter(incidents, folder: pcapOut, version: Version.text)
        let written = try slices.write(
            from: spool?.paths ?? input.files, filter: input.filter,
            progress: ProgressReport(label: "packets"))
        return Dictionary(
            zip(incidents, written).compactMap { incident, slice in
                slice.map { (incident.eventID, $0.path) }
            }, uniquingKeysWith: { first, _ in first })
    }

    private func write(_ page: HTMLReport, _ spool: InputSpool?) throws {
        var page = page
        page.version = Version.text
        page.command = command
        for (name, path) in zip(input.files, spool?.paths ?? input.files) {
            try page.add("capture", name == "-" ? "standard input" : name, at: path)
        }
        if let model {
            try page.add("model", model, at: model)
            let feedback = FeedbackFile.path(of: model)
            if !page.feedbackIsEmpty { try page.add("feedback", feedback, at: feedback) }
        }
        if let path = inventory.path { try page.add("inventory", path, at: path) }
        for path in indicators { try page.add("indicators", path, at: path) }
        for path in runtimeEvents { try page.add("runtime events", path, at: path) }
        if let answers { try page.add("answers", answers, at: answers) }
        try Output.write(page.render(), to: report)
    }

    /// The command that creates the same report again, without the name of the output.
    private var command: String {
        var words = ["lazaret", "replay"]
        for file in input.files { words += ["-r", file] }
        if let model { words += ["-m", model] }
        if let path = inventory.path { words += ["--inventory", path] }
        if notes.areTrusted { words.append("--trust-notes") }
        if let answers { words += ["--answers", answers] }
        for path in indicators { words += ["--indicators", path] }
        for path in runtimeEvents { words += ["--runtime-events", path] }
        if let pcapOut { words += ["--pcap-out", pcapOut] }
        if memory.size.bytes != MemoryLimit().size.bytes { words += ["--memory", "\(memory)"] }
        return Shell.line(words + ["--report", "report.html"] + input.bpf)
    }

    private func rank(_ spool: InputSpool?) throws -> Found {
        var ranking = HostRanking(paths: input.files)
        ranking.filter = input.filter
        ranking.threads = input.threads
        ranking.inventory = try inventory.read() ?? .empty
        ranking.spool = spool
        ranking.trustsNotes = notes.areTrusted
        ranking.limits.memory = memory.size.bytes
        ranking.answers = try answers.map { try Label.read($0, needsTimes: false) } ?? []
        let record = report.map { _ in ReplayReportData(model: nil, inventory: ranking.inventory) }
        let result = try ranking.run(progress: ProgressReport(label: "ranking"), record: record)
        for warning in result.warnings { Output.warn(warning) }
        let text =
            switch format {
            case .table: RankingReport.table(result)
            case .json:
                result.entries.enumerated().map {
                    RankingReport.json($1, rank: $0 + 1, result) + "\n"
                }.joined()
            case .eve:
                result.entries.filter { $0.pattern != nil }.map {
                    RankingReport.event($0).eve + "\n"
                }
                .joined()
            }
        try Output.write(text, to: output)
        if let page = result.report { try write(page, spool) }
        return (result.entries.count { $0.pattern != nil }, result.isDamaged)
    }
}

extension HTMLReport {
    /// Adds an input file of the report.
    fileprivate mutating func add(_ role: String, _ name: String, at path: String) throws {
        let (digest, byteCount) = try FileDigest.sha256(path)
        files.append(File(role: role, name: name, byteCount: byteCount, digest: digest))
    }

    /// Whether the model has no feedback.
    fileprivate var feedbackIsEmpty: Bool { model?.feedback.isEmpty ?? true }
}
