import Glibc
package import Timestamps

/// A progress line on standard error, if that is a terminal: the pass, its share and the time left.
public final class ProgressReport {
    private let label: String
    private let isShown: Bool
    private var pass = ""
    private var began = Clock.monotonic()
    private var lastPercent = -1

    public init(label: String) {
        self.label = label
        isShown = isatty(STDERR_FILENO) == 1
    }

    /// Begins a pass over the captures.
    package func begin(_ pass: String) {
        self.pass = pass
        began = Clock.monotonic()
        lastPercent = -1
    }

    package func update(_ done: UInt64, of total: UInt64?) {
        guard isShown, let total, total > 0 else { return }
        let percent = Int(min(done, total) * 100 / total)
        guard percent != lastPercent else { return }
        lastPercent = percent
        let name = pass.isEmpty ? label : "\(label): \(pass)"
        StandardError.write("\r\(name) \(Self.bar(percent, since: began))\u{1B}[K")
    }

    /// `[##.......................] 8 %, 12 s left`.
    package static func bar(_ percent: Int, since began: Instant) -> String {
        let filled = percent / 4
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 25 - filled)
        guard percent > 0 else { return "[\(bar)] 0 %" }
        let elapsed = (Clock.monotonic() - began).inSeconds
        let left = Int((elapsed * Double(100 - percent) / Double(percent)).rounded(.up))
        let text = left < 120 ? "\(left) s" : "\((left + 59) / 60) min"
        return "[\(bar)] \(percent) %, \(text) left"
    }

    package func finish() {
        if isShown && lastPercent >= 0 { StandardError.write("\r\u{1B}[K") }
    }
}
