import Glibc
import Synchronization
package import Timestamps

/// A progress line on standard error, if that is a terminal: the pass, its share and the time left.
public final class ProgressReport: Sendable {
    private struct Line {
        var pass = ""
        var began = Clock.monotonic()
        var percent = -1
    }

    private let label: String
    private let isShown: Bool
    private let line = Mutex(Line())

    public init(label: String) {
        self.label = label
        isShown = isatty(STDERR_FILENO) == 1
    }

    /// Begins a pass over the captures.
    package func begin(_ pass: String) {
        line.withLock { $0 = Line(pass: pass) }
    }

    package func update(_ done: UInt64, of total: UInt64?) {
        guard isShown, let total, total > 0 else { return }
        let percent = Int(min(done, total) * 100 / total)
        line.withLock { line in
            guard percent != line.percent else { return }
            line.percent = percent
            let name = line.pass.isEmpty ? label : "\(label): \(line.pass)"
            StandardError.write("\r\(name) \(Self.bar(percent, since: line.began))\u{1B}[K")
        }
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
        if isShown && line.withLock({ $0.percent >= 0 }) { StandardError.write("\r\u{1B}[K") }
    }
}
