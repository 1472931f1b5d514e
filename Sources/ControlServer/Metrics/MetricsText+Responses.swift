internal import Responses
import StatusReport

extension MetricsText.Page {
    /// The responses beyond nftables. The labels are names of actions and of results: their number
    /// is bounded, unlike that of entries, containers and addresses.
    mutating func add(_ responses: [MonitorStatus.Responses]) {
        // Every action, so that the first response is a rise.
        let known = Set(responses.map(\.action))
        let unused = ResponseEntry.Action.allCases.map(\.rawValue).filter { !known.contains($0) }
        for one in responses + unused.map(MonitorStatus.Responses.init(action:)) {
            for (result, count) in [
                ("applied", one.applied), ("failed", one.failed), ("left", one.left),
                ("retried", one.retried), ("skipped", one.skipped), ("undone", one.undone),
            ] {
                counter(
                    "responses_total", "What became of responses beyond nftables.", count,
                    ["action": one.action, "result": result])
            }
        }
        for one in responses {
            gauge(
                "responses_standing", "Responses that are, or may be, in effect.",
                Double(one.standing), ["action": one.action])
        }
        for one in responses {
            gauge(
                "responses_waiting", "Responses that are to begin.", Double(one.waiting),
                ["action": one.action])
        }
    }
}
