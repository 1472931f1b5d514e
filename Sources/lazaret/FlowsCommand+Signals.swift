import Glibc
import Synchronization

/// What signals ask of `lazaret flows`. Handlers only set a flag.
enum FlowSignals {
    private static let stop = Atomic<Bool>(false)
    private static let report = Atomic<Bool>(false)

    /// Takes over SIGINT, SIGTERM and SIGUSR1; a closed pipe becomes an error of the write.
    static func install() {
        // The flags must exist before a handler may touch them.
        _ = stop.load(ordering: .relaxed)
        _ = report.load(ordering: .relaxed)
        signal(SIGPIPE, SIG_IGN)
        handle(SIGINT) { _ in FlowSignals.stop.store(true, ordering: .relaxed) }
        handle(SIGTERM) { _ in FlowSignals.stop.store(true, ordering: .relaxed) }
        handle(SIGUSR1) { _ in FlowSignals.report.store(true, ordering: .relaxed) }
    }

    static var shouldStop: Bool { stop.load(ordering: .relaxed) }

    /// Whether a report was asked for since the last call.
    static func takeReport() -> Bool {
        report.load(ordering: .relaxed) && report.exchange(false, ordering: .relaxed)
    }

    /// Without SA_RESTART, so that a read that waits for a pipe ends.
    private static func handle(_ number: Int32, _ body: @escaping @convention(c) (Int32) -> Void) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = body
        sigaction(number, &action, nil)
    }
}

/// A bar on standard error where that is a terminal; nothing in a pipe.
enum FlowProgress {
    private static let isShown = isatty(2) == 1

    static func show(_ done: UInt64, of total: UInt64?) {
        guard isShown, let total, total > 0 else { return }
        let share = min(1, Double(done) / Double(total))
        let filled = Int(share * 40)
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 40 - filled)
        writeError("\r[\(bar)] \(Int(share * 100))%")
    }

    /// Takes the bar away.
    static func clear() {
        if isShown { writeError("\r\u{1B}[K") }
    }
}
