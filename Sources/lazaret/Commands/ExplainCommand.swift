import AnomalyModel
import ArgumentParser
import Events
import FoundationEssentials
import ModelFiles
import Offline
import SystemSupport

/// Explains one alert.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain an alert: its reasons, its flows, and how to undo its effects.",
        discussion: """
            The running monitor has the alert, its model and the flows behind it; without one, the \
            state directory of the configuration has. With --events the alert is read from a file; \
            then -m names the model (the number of clean windows it was compared with, and which \
            values would not have raised it), and -r its capture (the flows behind it).
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var alert: AlertInput
    @OptionGroup var control: ControlInput
    @OptionGroup var inventory: InventoryInput
    @OptionGroup var notes: NotesInput

    @Option(name: [.short, .long], help: "The model that raised the alert.")
    var model: String?

    @Option(
        name: [.customShort("r"), .customLong("read")], parsing: .singleValue,
        help: ArgumentHelp("Capture that contains its packets. Repeatable.", valueName: "file"))
    var captures: [String] = []

    @Option var format: Format = .text

    func validate() throws {
        guard alert.eventID != nil else {
            throw ValidationError("the event_id of an alert is missing")
        }
    }

    func run() async throws {
        Signals.installInterruption()
        let identifier = alert.eventID ?? ""
        var explainer: EventExplainer
        var known: String?
        if let events = alert.events {
            explainer = EventExplainer(eventID: identifier, events: events)
        } else {
            let stored = try await StoredAlert.find(identifier, control)
            explainer = EventExplainer(
                eventID: identifier, lines: stored.lines, flows: await stored.flows(control),
                from: stored.name)
            known = stored.modelPath
        }
        explainer.captures = captures
        explainer.trustsNotes = notes.areTrusted
        explainer.inventory = try inventory.read()
        if let model {
            explainer.model = (
                model, try ModelStore.readForJudging(model, inventory: explainer.inventory)
            )
        }
        var note: String?
        if model == nil, let known, FileManager.default.fileExists(atPath: known) {
            // The reasons are in the alert: they are shown without the model, too.
            do {
                let read = try ModelStore.readForJudging(known, inventory: explainer.inventory)
                explainer.model = (known, read)
            } catch { note = "the model is not used: \(error)" }
        }
        var explanation = try explainer.run(progress: ProgressReport(label: "explaining"))
        if let note { explanation.notes.append(note) }
        try Output.write(format == .json ? explanation.json + "\n" : explanation.text, to: nil)
    }
}
