internal import FlowHistory
internal import TextFormats
internal import Timestamps

extension StatusText {
    static func text(_ history: HistoryStatus) -> String {
        var text = "\(grouped(UInt64(clamping: history.flows))) flows"
        if let oldest = history.oldest {
            text += " since \(UTC.moment(oldest))"
        }
        text += ", \(history.bytes >> 20) MiB; \(grouped(history.lost)) lost"
        return text
    }
}
