import AnomalyDetection
import AnomalyModel
import ArgumentParser
import ModelFiles

/// Records a judgement of an alert, which changes how later windows are judged.
struct FeedbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feedback",
        abstract: "Mark an alert as benign or malicious; without an alert, list the feedback.",
        discussion: """
            --benign: the contact named in the alert becomes known, and its values become clean \
            for that \
            workload. --malicious: the same pattern from that workload may be fenced even if it \
            is weak. \
            --withdraw removes the feedback. It is stored in MODEL.feedback.jsonl; the model does \
            not \
            change. A running monitor reads it on SIGHUP.
            """)

    enum Action: String, EnumerableFlag {
        case benign, malicious, withdraw
    }

    @OptionGroup var alert: AlertInput

    @Flag var action: Action?

    @Option(name: [.short, .long], help: "The model that raised the alert.")
    var model: String

    func validate() throws {
        guard alert.eventID != nil || action == nil else {
            throw ValidationError("the event_id of an alert is missing")
        }
        guard alert.eventID == nil || action != nil else {
            throw ValidationError("give --benign, --malicious or --withdraw")
        }
        guard action == nil || action == .withdraw || alert.events != nil else {
            throw AlertInput.noFile
        }
    }

    func run() throws {
        // A file that is no model has no feedback.
        _ = try ModelStore.read(model)
        switch action {
        case .benign: try add(.benign)
        case .malicious: try add(.malicious)
        case .withdraw: try FeedbackFile.withdraw(alert.eventID ?? "", model: model)
        case nil: break
        }
        try Output.write(try FeedbackFile.list(model), to: nil)
    }

    private func add(_ judgement: Feedback.Judgement) throws {
        try FeedbackFile.add(
            alert.eventID ?? "", judgement, events: alert.events ?? "", model: model)
    }
}
