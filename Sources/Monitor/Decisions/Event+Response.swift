internal import Events
internal import Responses

extension Event {
    /// The event of a response's step; nil for steps that are of no interest outside.
    ///
    /// - Parameter verb: the step's word in the audit trail.
    init?(_ record: ResponseRecord, _ verb: String) {
        let states: [String: ResponseChange.State] = [
            "verify": .inEffect, "renew": .renewed, "undone": .undone, "fail": .failed,
            "skip": .skipped, "leave": .left,
        ]
        guard let state = states[verb] else { return nil }
        self.init(
            time: record.changed,
            .response(
                ResponseChange(
                    entry: record.entry, action: record.action, state: state,
                    quarantineID: record.ruleID, target: record.target, object: record.name,
                    workload: record.workload,
                    eventID: record.eventID.isEmpty ? nil : record.eventID,
                    detail: record.detail)))
    }
}
