internal import FlowHistory

extension MetricsText.Page {
    mutating func add(_ history: HistoryStatus) {
        gauge("history_flows", "Flows in the history.", Double(history.flows))
        gauge("history_bytes", "Bytes that the history uses in its file.", Double(history.bytes))
        gauge("history_waiting", "Flows that wait to be written.", Double(history.waiting))
        counter(
            "history_written_total", "Flows that were written to the history.", history.written)
        counter(
            "history_lost_total", "Flows that were dropped: the disk was slow or full.",
            history.lost)
    }
}
