import Glibc
import Synchronization
import SystemSupport

/// The requests that `lazaret flows` and `lazaret monitor` receive by signals. Handlers only set a
/// flag.
enum Signals {
    private static let stop = Atomic<Bool>(false)
    /// The number of the signal that requested the stop.
    private static let number = Atomic<Int32>(0)
    private static let report = Atomic<Bool>(false)
    private static let reopen = Atomic<Bool>(false)

    /// Handles SIGINT, SIGTERM and SIGUSR1, and SIGHUP if files can be reopened; a closed pipe
    /// becomes an error of the write.
    static func install(reopens: Bool = false) {
        // The flags must exist before a handler may touch them.
        _ = stop.load(ordering: .relaxed)
        _ = number.load(ordering: .relaxed)
        _ = report.load(ordering: .relaxed)
        _ = reopen.load(ordering: .relaxed)
        signal(SIGPIPE, SIG_IGN)
        for signal in [SIGINT, SIGTERM] {
            handle(signal) { signal in
                Signals.number.store(signal, ordering: .relaxed)
                Signals.stop.store(true, ordering: .relaxed)
            }
        }
        handle(SIGUSR1) { _ in Signals.report.store(true, ordering: .relaxed) }
        if reopens { handle(SIGHUP) { _ in Signals.reopen.store(true, ordering: .relaxed) } }
    }

    /// Has SIGINT and SIGTERM interrupt a command that reads files; a second one ends it at once.
    static func installInterruption() {
        // The flag must exist before a handler may touch it.
        _ = Interruption.isRequested
        for signal in [SIGINT, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { Interruption.request(by: $0) }
            // SA_RESETHAND, whose highest bit is the sign.
            action.sa_flags = Int32.min
            sigaction(signal, &action, nil)
        }
    }

    static var shouldStop: Bool { stop.load(ordering: .relaxed) }

    /// The exit status of a command that a signal has stopped, as in a shell.
    static var exitCode: Int32 { 128 + number.load(ordering: .relaxed) }

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
