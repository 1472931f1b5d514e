import Glibc
import SystemSupport
import Timestamps

/// A progress bar on standard error if that is a terminal; otherwise nothing.
enum FlowProgress {
    private static let isShown = isatty(2) == 1
    private static let began = Clock.monotonic()

    static func show(_ done: UInt64, of total: UInt64?) {
        guard isShown, let total, total > 0 else { return }
        let percent = Int(min(done, total) * 100 / total)
        StandardError.write("\rmetering \(ProgressReport.bar(percent, since: began))\u{1B}[K")
    }

    /// Removes the bar.
    static func clear() {
        if isShown { StandardError.write("\r\u{1B}[K") }
    }
}
