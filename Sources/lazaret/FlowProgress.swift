import Glibc
import SystemSupport

/// A progress bar on standard error if that is a terminal; otherwise nothing.
enum FlowProgress {
    private static let isShown = isatty(2) == 1

    static func show(_ done: UInt64, of total: UInt64?) {
        guard isShown, let total, total > 0 else { return }
        let share = min(1, Double(done) / Double(total))
        let filled = Int(share * 40)
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 40 - filled)
        StandardError.write("\r[\(bar)] \(Int(share * 100))%")
    }

    /// Removes the bar.
    static func clear() {
        if isShown { StandardError.write("\r\u{1B}[K") }
    }
}
