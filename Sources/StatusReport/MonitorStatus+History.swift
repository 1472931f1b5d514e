package import FlowHistory
internal import TextFormats
internal import Timestamps

extension MonitorStatus.History {
    package init(_ status: HistoryStatus) {
        self.init(
            flows: status.flows, oldest: status.oldest, bytes: status.bytes,
            written: status.written, lost: status.lost, waiting: status.waiting,
            trouble: status.trouble)
    }
}

extension StatusText {
    static func text(_ history: MonitorStatus.History) -> String {
        var text = "\(grouped(UInt64(clamping: history.flows))) flows"
        if let oldest = history.oldest {
            text += " since \(UTC.date(Int64(oldest.second))) \(UTC.clock(oldest)) UTC"
        }
        text += ", \(history.bytes >> 20) MiB; \(grouped(history.lost)) lost"
        return text
    }
}
