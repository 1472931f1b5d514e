import AnomalyDetection
import AnomalyModel
import ArgumentParser
import ControlServer
import Events
import FoundationEssentials
import ModelFiles
import StatusReport
import SystemSupport
import TextFormats

/// Records a judgement of an alert, which changes how later windows are judged.
struct FeedbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feedback",
        abstract: "Mark an alert as benign or malicious; without an alert, list the feedback.",
        discussion: """
            --benign: the contact named in the alert becomes known, and its values become clean \
            for that \
            workload; of an incident's first alert, all that the incident reached. \
            --malicious: the same pattern from that workload may be fenced even if it is weak. \
            --withdraw removes the feedback. It is stored in MODEL.feedback.jsonl; the model does \
            not \
            change. The running monitor is asked for the alert and uses the feedback at once; \
            without one, the alert is read from the state directory of the configuration.
            """)

    enum Action: String, EnumerableFlag {
        case benign, malicious, withdraw
    }

    @OptionGroup var alert: AlertInput

    @Flag var action: Action?

    @Option(
        name: [.short, .long],
        help: "The model that raised the alert; default: that of the monitor.")
    var model: String?

    @OptionGroup var control: ControlInput

    func validate() throws {
        guard alert.eventID != nil || action == nil else {
            throw ValidationError("the event_id of an alert is missing")
        }
        guard alert.eventID == nil || action != nil else {
            throw ValidationError("give --benign, --malicious or --withdraw")
        }
    }

    func run() async throws {
        if model == nil, alert.events == nil, let action, try await tellMonitor(action) { return }
        let model = try await modelFile()
        // A file that is no model has no feedback.
        _ = try ModelStore.read(model)
        var effect: FeedbackEffect?
        switch action {
        case .benign: effect = try await addBenign(model)
        case .malicious: try await addMalicious(model)
        case .withdraw: try FeedbackFile.withdraw(alert.eventID ?? "", model: model)
        case nil: break
        }
        try Output.write(
            try (effect?.text(of: "its workload") ?? "") + FeedbackFile.list(model), to: nil)
        if action != nil { await refresh(model) }
    }

    /// Has the running monitor record the feedback.
    ///
    /// - Returns: false if no monitor runs.
    private func tellMonitor(_ action: Action) async throws -> Bool {
        let identifier = alert.eventID ?? ""
        let word = action == .withdraw ? "withdrawn" : action.rawValue
        let text: String
        do {
            let client = try control.client()
            let effect = try await client.feedback(identifier, word, actor: Operator.name)
            text = await client.effectText(of: identifier, effect)
        } catch {
            guard control.socket == nil, error.isOfAbsentMonitor else { throw error }
            return false
        }
        try Output.write(
            "\(identifier.printable): \(word); the monitor uses it now\n\(text)", to: nil)
        return true
    }

    /// The named model, else that of the running monitor, else that of the configuration.
    private func modelFile() async throws -> String {
        if let model { return model }
        let running = try? await control.client().status(timeout: .seconds(5)).modelFile
        return try running ?? control.file.read().modelFile
    }

    /// Of an incident's first alert, all that the incident reached is benign.
    private func addBenign(_ model: String) async throws -> FeedbackEffect {
        let identifier = alert.eventID ?? ""
        if let events = alert.events {
            return try FeedbackFile.add(benign: identifier, source: EVEReader(events), model: model)
        }
        let stored = try await StoredAlert.find(identifier, control)
        if let incident = stored.incident, incident.peaks != nil {
            return try FeedbackFile.add(benign: incident, model: model)
        }
        let source = EVEReader(lines: stored.lines, name: stored.name)
        return try FeedbackFile.add(benign: identifier, source: source, model: model)
    }

    private func addMalicious(_ model: String) async throws {
        let identifier = alert.eventID ?? ""
        if let events = alert.events {
            try FeedbackFile.add(identifier, .malicious, events: events, model: model)
        } else {
            let stored = try await StoredAlert.find(identifier, control)
            let source = EVEReader(lines: stored.lines, name: stored.name)
            try FeedbackFile.add(identifier, .malicious, source: source, model: model)
        }
    }

    /// Has a running monitor that judges by this model use the feedback at once.
    private func refresh(_ model: String) async {
        guard let client = try? control.client(),
            let used = try? await client.status(timeout: .seconds(5)).modelFile,
            used.realPath == model.absolutePath.realPath
        else { return }
        do { try await client.reload() } catch {
            return Output.warn("the monitor does not use it before a reload: \(error)")
        }
        try? Output.write("the monitor uses it now\n", to: nil)
    }
}
