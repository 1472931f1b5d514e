import Glibc
import Synchronization

/// The requests that `lazaret flows` and `lazaret monitor` receive by signals. Handlers only set a
/// flag.
enum Signals {
    private static let stop = Atomic<Bool>(false)
    private static let report = Atomic<Bool>(false)
    private static let reopen = Atomic<Bool>(false)

    /// Handles SIGINT, SIGTERM and SIGUSR1, and SIGHUP if files can be reopened; a closed pipe
    /// becomes an error of the write.
    static func install(reopens: Bool = false) {
        // The flags must exist before a handler may touch them.
        _ = stop.load(ordering: .relaxed)
        _ = report.load(ordering: .relaxed)
        _ = reopen.load(ordering: .relaxed)
        signal(SIGPIPE, SIG_IGN)
        handle(SIGINT) { _ in Signals.stop.store(true, ordering: .relaxed) }
        handle(SIGTERM) { _ in Signals.stop.store(true, ordering: .relaxed) }
        handle(SIGUSR1) { _ in Signals.report.store(true, ordering: .relaxed) }
        if reopens { handle(SIGHUP) { _ in Signals.reopen.store(true, ordering: .relaxed) } }
    }

    static var shouldStop: Bool { stop.load(ordering: .relaxed) }

    /// Whether a report was requested since the last call.
    static func takeReport() -> Bool {
        report.load(ordering: .relaxed) && report.exchange(false, ordering: .relaxed)
    }

    /// Whether files must be reopened since the last call.
    static func takeReopen() -> Bool {
        reopen.load(ordering: .relaxed) && reopen.exchange(false, ordering: .relaxed)
    }

    /// Without SA_RESTART, so that a signal ends a read that waits for a pipe.
    private static func handle(_ number: Int32, _ body: @escaping @convention(c) (Int32) -> Void) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = body
        sigaction(number, &action, nil)
        // A parent process may have blocked the signal.
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}
