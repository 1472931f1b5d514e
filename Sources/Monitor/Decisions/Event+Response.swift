internal import Events
internal import Responses

extension Event {
    /// The event of a response's step; nil for steps that are of no interest outside.
    init?(_ record: ResponseRecord, _ step: ResponseStep) {
        let state: ResponseChange.State
        switch step {
        case .verify: state = .inEffect
        case .renew: state = .renewed
        case .undone: state = .undone
        case .fail: state = .failed
        case .skip: state = .skipped
        case .leave: state = .left
        case .plan, .prepare, .apply, .undo: return nil
        }
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
