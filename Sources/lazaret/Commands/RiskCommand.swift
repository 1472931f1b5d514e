import ArgumentParser
import ControlServer
import EventStore
import FoundationEssentials
import ModelFiles
import Monitor
import Settings
import SystemSupport
import TextFormats
import Timestamps
import Workloads

/// Shows how risky workloads are, by the running monitor or the records of one that has ended.
struct RiskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "risk",
        abstract: "Show which workloads are the riskiest, why, and what to do first.",
        discussion: """
            One score of 0 to 100 for each workload, from its incidents, contacts with listed \
            addresses, runtime events, vulnerabilities, settings and exposure; the trend of the \
            last weeks, and the score that is expected in 7 days, with an interval in which it is \
            four times of five. Where no monitor answers, the same is computed from its state \
            directory, and a note says what is not known without it. Nothing is changed.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }
    enum Order: String, ExpressibleByArgument, CaseIterable { case score, trend, forecast, name }

    @OptionGroup var control: ControlInput
    @Option(
        help: ArgumentHelp(
            "Read the records in this state directory, without the monitor.", valueName: "dir"))
    var state: String?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The monitor's model, with --state; default: the configured or the learnt one.",
            valueName: "file"))
    var model: String?
    @OptionGroup var inventory: InventoryInput
    @Option(help: ArgumentHelp("All parts of the score of this workload.", valueName: "name"))
    var workload: String?
    @Option(help: "Order of the table: score, trend (rising first), forecast or name.")
    var sort: Order = .score
    @Option(
        name: [.customShort("n"), .customLong("last")], parsing: .unconditional,
        help: "Number of workloads, at most 5000.")
    var count = 20
    @Option(help: "Output format: table or json.")
    var format: Format = .table

    func validate() throws {
        guard (1...5000).contains(count) else { throw ValidationError("-n must be 1 to 5000") }
        guard state != nil || model == nil && inventory.path == nil else {
            throw ValidationError(
                "-m and --inventory are for --state: a running monitor uses its own")
        }
        guard state == nil || control.socket == nil else {
            throw ValidationError("--state reads the records, --socket asks a monitor: give one")
        }
    }

    func run() async throws {
        let found = try await answer()
        guard format == .table else { return try Output.write(found.json + "\n", to: nil) }
        for remark in found.report.remarks { Output.warn(remark.printable) }
        if workload != nil, let one = found.report.workloads.first {
            return try Output.write(Self.details(of: one), to: nil)
        }
        let shown = Self.sorted(found.report.workloads, by: sort).prefix(count)
        guard !shown.isEmpty else { return try Output.write("no workloads\n", to: nil) }
        let more = found.report.total - shown.count
        try Output.write(
            TextTable.text(
                ["RANK", "WORKLOAD", "SCORE", "BAND", "TREND", "IN 7 DAYS", "WHY", "FIRST"],
                shown.map(Self.row)) + (more > 0 ? "and \(more) more\n" : ""), to: nil)
    }

    /// The answer of the running monitor, else that of the records.
    private func answer() async throws -> (json: String, report: ControlClient.Risk) {
        var settings: Configuration
        if let state {
            settings = try control.file.read()
            settings.monitor.stateDirectory = state
        } else {
            do { return try await control.client().risk(of: workload, limit: Self.most) } catch {
                // A socket that is named is that of a running monitor.
                guard control.socket == nil, error.isOfAbsentMonitor else { throw error }
                settings = try control.file.read()
                let store = settings.monitor.stateDirectory + "/lazaret.db"
                guard Files.exists(store) else { throw error }
            }
        }
        settings.model = model ?? settings.model
        settings.inventory = inventory.path ?? settings.inventory
        settings.monitor.workloads.environment = ProcessInfo.processInfo.environment
        return try await stored(settings)
    }

    private func stored(
        _ settings: Configuration
    ) async throws -> (json: String, report: ControlClient.Risk) {
        let names = try settings.inventory.map(InventoryInput.read)
        // A monitor that has learnt nothing yet has no model.
        let isThere = settings.model != nil || Files.exists(settings.modelFile)
        let known =
            isThere ? try ModelStore.readForJudging(settings.modelFile, inventory: names) : nil
        let risk = try await StoredRisk(settings.monitor, model: known, inventory: names)
        let report = try ReportState.reading(settings.monitor.stateDirectory) { store in
            try risk.report(from: store, now: Clock.now())
        }
        guard let json = report.json(of: workload, limit: Self.most) else {
            throw ControlError.refused(RiskReport.noWorkload(workload?.printable))
        }
        return (json, try ControlClient.Risk(json: json))
    }

    private static let most = 5000

    private static func sorted(
        _ workloads: [ControlClient.Risk.Workload], by order: Order
    ) -> [ControlClient.Risk.Workload] {
        let trends = ["rising", "steady", "unknown", "falling"]
        func key(_ one: ControlClient.Risk.Workload) -> (Double, String, Int) {
            switch order {
            case .score: (0, "", one.rank)
            case .trend: (Double(trends.firstIndex(of: one.trend) ?? trends.count), "", one.rank)
            case .forecast: (-(one.forecast?.expected ?? -1), "", one.rank)
            case .name: (0, one.workload, one.rank)
            }
        }
        return workloads.sorted { key($0) < key($1) }
    }

    private static func row(_ one: ControlClient.Risk.Workload) -> [String] {
        [
            "\(one.rank)", one.workload.printable, "\(Int(one.score.rounded()))",
            one.band.printable, arrow(one.trend), one.forecast.map(text) ?? "-",
            (one.reason ?? "-").printable, (one.action ?? "-").printable,
        ]
    }

    private static func arrow(_ trend: String) -> String {
        switch trend {
        case "rising": "↑ rising"
        case "falling": "↓ falling"
        case "steady": "→ steady"
        default: "-"
        }
    }

    private static func text(_ forecast: ControlClient.Risk.Forecast) -> String {
        func whole(_ value: Double) -> String { "\(Int(value.rounded()))" }
        return "\(whole(forecast.expected)) "
            + "(\(whole(forecast.lower)) to \(whole(forecast.upper)))"
    }

    private static func details(of one: ControlClient.Risk.Workload) -> String {
        var lines = [
            "\(one.workload.printable): \(JSONObject.number(one.score, digits: 1)) of 100, "
                + "\(one.band.printable), rank \(one.rank)",
            "trend: \(one.trendText.printable)",
            one.forecast.map { "in \($0.days) days: \(text($0)), four times of five" }
                ?? "in 7 days: no forecast from so few days",
            "",
        ]
        let rows = one.parts.map { part in
            [
                part.kind.printable, JSONObject.number(part.points, digits: 1),
                JSONObject.number(part.most, digits: 0),
                part.text.printable, (part.action ?? "-").printable,
            ]
        }
        lines.append(
            TextTable.text(["PART", "POINTS", "OF", "WHY", "WHAT TO DO"], rows))
        return lines.joined(separator: "\n")
    }
}
