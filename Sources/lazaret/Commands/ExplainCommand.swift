import ArgumentParser
import Events
import ModelFiles
import Offline
import SystemSupport

/// Explains one alert.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain an alert: its reasons, its flows, and how to undo its effects.",
        discussion: """
            The alert alone gives the reasons. With its model: the number of clean windows it was \
            compared \
            with, and which values would not have raised it. With its capture: the flows behind it.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var alert: AlertInput
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
        guard alert.events != nil else { throw AlertInput.noFile }
    }

    func run() throws {
        var explainer = EventExplainer(eventID: alert.eventID ?? "", events: alert.events ?? "")
        explainer.captures = captures
        explainer.trustsNotes = notes.areTrusted
        explainer.inventory = try inventory.read()
        if let model {
            explainer.model = (
                model, try ModelStore.readForJudging(model, inventory: explainer.inventory)
            )
        }
        let explanation = try explainer.run(progress: ProgressReport(label: "explaining"))
        try Output.write(format == .json ? explanation.json + "\n" : explanation.text, to: nil)
    }
}
