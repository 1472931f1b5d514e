import AnomalyDetection
public import AnomalyModel
internal import Events

extension FeedbackFile {
    /// Adds feedback on the alert `eventID` in an event file, replacing earlier feedback on it.
    ///
    /// - Parameter events: the EVE file with the alert.
    /// - Throws: `.input` if the alert is not found, `.output` if the file cannot be written.
    @discardableResult
    public static func add(
        _ eventID: String, _ judgement: Feedback.Judgement, events: String, model: String
    ) throws -> Feedback {
        try add(eventID, judgement, source: try EVEReader(events), model: model)
    }
}
