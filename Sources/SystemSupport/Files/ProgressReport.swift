import Glibc

/// A progress line on standard error, if that is a terminal.
public final class ProgressReport {
    private let label: String
    private let isShown: Bool
    private var lastPercent = -1

    public init(label: String) {
        self.label = label
        isShown = isatty(STDERR_FILENO) == 1
    }

    package func update(_ done: UInt64, of total: UInt64?) {
        guard isShown, let total, total > 0 else { return }
        let percent = Int(min(done, total) * 100 / total)
        guard percent != lastPercent else { return }
        lastPercent = percent
        let filled = percent / 4
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 25 - filled)
        StandardError.write("\r\(label) [\(bar)] \(percent) %")
    }

    package func finish() {
        if isShown && lastPercent >= 0 { StandardError.write("\r\u{1B}[K") }
    }
}
