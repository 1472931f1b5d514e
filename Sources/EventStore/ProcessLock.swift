internal import Glibc
internal import Synchronization
internal import SystemSupport
internal import Timestamps

/// A lock between processes (flock(2)) on a file that is created when the lock is first acquired.
final class ProcessLock: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var patience = Interval.seconds(10)
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    deinit {
        let descriptor = state.withLock { $0.descriptor }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Sets how long to wait for another process; 10 s by default.
    func setPatience(_ patience: Interval) { state.withLock { $0.patience = patience } }

    /// Acquires the lock.
    ///
    /// - Returns: how long it waited.
    /// - Throws: `.open`; `.busy` if another process holds it for too long.
    func lock() throws(EventStoreError) -> Interval {
        let (descriptor, patience) = try state.withLock { state throws(EventStoreError) in
            if state.descriptor < 0 { state.descriptor = try Self.open(path) }
            return (state.descriptor, state.patience)
        }
        let began = Clock.monotonic()
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EINTR || code == EWOULDBLOCK else {
                throw .open(path: path, why: Self.words(code))
            }
            guard Clock.monotonic() - began < patience else {
                throw .busy(seconds: Int64(patience.wholeSeconds))
            }
            usleep(5000)
        }
        return Clock.monotonic() - began
    }

    func unlock() { _ = state.withLock { flock($0.descriptor, LOCK_UN) } }

    private static func open(_ path: String) throws(EventStoreError) -> Int32 {
        // SAFETY: the pointer is valid for the call.
        let descriptor = unsafe Glibc.open(
            path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .open(path: path, why: words(errno)) }
        return descriptor
    }

    static func words(_ code: Int32) -> String {
        // SAFETY: the text is copied before another call could change it.
        unsafe String(cString: strerror(code))
    }
}
