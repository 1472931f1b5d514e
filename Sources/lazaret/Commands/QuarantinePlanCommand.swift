import AnomalyModel
import ArgumentParser
import FoundationEssentials
import Monitor
import NetworkAddresses
import Quarantine
import Responses
import Settings
import TextFormats
import Timestamps
import Workloads

extension QuarantineCommand {
    /// What a fence and the configured responses would do, without doing it.
    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what quarantining an address or workload would do, and to whom.",
            discussion: """
                Lists the fence and each entry of quarantine.further_responses with its time: what \
                it would do, to which container, how it is undone, and why it would not be done. \
                The workloads that use the target come from the model. Nothing is changed.
                """)
        @Argument(help: "Address, MAC address or name of a workload.")
        var target: String
        @Option(
            name: [.customShort("m"), .customLong("model")],
            help: "Model that says who uses the target; default: as configured, else the learned.")
        var model: String?
        @OptionGroup var inventory: InventoryInput
        @OptionGroup var state: State
        @Option(help: "Output format: table or json.")
        var format: Style.Format = .table

        func run() async throws {
            let report = try await QuarantineCommand.exiting { try await self.report() }
            try Output.write(format == .json ? report.json + "\n" : report.text, to: nil)
        }

        private func report() async throws -> QuarantinePlanReport {
            var settings = try state.file.read()
            try ConfigurationCheck(responsesOf: settings).demand()
            settings.monitor.workloads.environment = ProcessInfo.processInfo.environment
            let directory = state.given ?? settings.monitor.stateDirectory
            let path = inventory.path ?? settings.inventory
            let options = settings.monitor
            let judge = try state.model(model, settings)
            let names = try await NamedWorkloads(
                options.workloads, inventory: path, model: judge)
            let named = try names.resolve(target)
            let (targets, workload) = (named.targets, named.workload)
            let situation = LocalQuarantine(directory: directory, options: options)
                .situation(inventory: names.live.inventory)
            let preview = await ResponsePreview(
                of: options.responses, on: targets, workload: workload,
                engines: LiveWorkloads.engineAddresses(options.workloads),
                cluster: try LiveWorkloads.clusterAddress(options.workloads), situation: situation,
                now: Clock.now())
            for trouble in preview.troubles { printError(trouble) }
            let contacts =
                workload == nil
                ? nil : judge.map { MonitorHub.Contact.all(of: workload, in: $0) }
            return QuarantinePlanReport(
                targets: targets, workload: workload,
                objections: targets.compactMap { situation.protected.objection(to: $0) },
                action: options.policy.actions.first ?? .drop, preview: preview, contacts: contacts)
        }
    }
}

/// The report of `lazaret quarantine plan`.
struct QuarantinePlanReport {
    var targets: [QuarantineTarget]
    var workload: String?
    var objections: [String]
    var action: QuarantineRule.Action
    var preview: ResponsePreview
    /// Nil: there is no model, or it names no workload at the target.
    var contacts: [MonitorHub.Contact]?

    private var clients: [String] {
        (contacts ?? []).filter { $0.to == workload }.map { "\($0.from) \($0.service)" }
    }

    private var servers: [String] {
        (contacts ?? []).filter { $0.from == workload }.map { "\($0.to) \($0.service)" }
    }

    var text: String {
        let names = targets.map { "\($0)" }.joined(separator: ", ")
        var lines = ["target      \(names)\(workload.map { " (\($0))" } ?? "")"]
        for container in preview.containers {
            lines.append(
                "container   \(container.name) (\(container.id.prefix(12)), \(container.engine))")
        }
        if contacts == nil {
            let why = workload == nil ? "no workload is known there" : "there is no model"
            lines.append("used by     unknown: \(why)")
        } else {
            lines += Self.list("used by     ", clients) + Self.list("uses        ", servers)
        }
        for why in objections { lines.append("not fenced  \(why)") }
        lines.append("")
        let undo = targets.map { "lazaret quarantine release \($0)" }.joined(separator: "; ")
        lines.append("at once     fence (\(action.rawValue)) in nftables")
        lines.append("            undo: \(undo)")
        for response in preview.responses {
            let after = response.after > .zero ? "after \(TimeSpan(response.after))" : "at once"
            let gap = String(repeating: " ", count: max(1, 12 - after.count))
            if let objection = response.objection {
                lines.append("\(after)\(gap)\(response.entry): not done: \(objection)")
                continue
            }
            lines.append("\(after)\(gap)\(response.entry): \(response.effect)")
            lines.append("            undo: \(response.undo)")
            lines += response.commands.map { "            by hand: \($0)" }
        }
        return lines.map { $0.printable + "\n" }.joined()
    }

    private static func list(_ title: String, _ words: [String]) -> [String] {
        guard !words.isEmpty else { return [title + "nobody known"] }
        let shown = words.prefix(20).enumerated().map { index, word in
            (index == 0 ? title : "            ") + word
        }
        let rest = words.count - shown.count
        return shown + (rest > 0 ? ["            and \(rest) more"] : [])
    }

    var json: String {
        var object = JSONObject()
        object.put("targets", targets.map { "\($0)" })
        object.put("workload", workload)
        object.put("response", action.rawValue)
        object.put("objections", objections)
        if contacts != nil {
            object.put("used_by", clients)
            object.put("uses", servers)
        }
        object.put(
            "containers",
            preview.containers.map { container in
                var row = JSONObject()
                row.put("id", container.id)
                row.put("name", container.name)
                row.put("engine", container.engine)
                return row
            })
        object.put(
            "responses",
            preview.responses.map { response in
                var row = JSONObject()
                row.put("entry", response.entry)
                row.put("action", response.action)
                row.put("after_seconds", Int(response.after.wholeSeconds))
                row.put("name", response.name)
                row.put("container", response.container)
                row.put("objection", response.objection)
                if response.objection == nil {
                    row.put("effect", response.effect)
                    row.put("undo", response.undo)
                    row.put("commands", response.commands)
                }
                return row
            })
        return object.text
    }
}
