import Glibc
package import SystemPackage
package import Timestamps

/// Runs `body` on a new detached thread.
///
/// Blocking work belongs on such a thread, not on those that Swift's tasks share.
package func startThread(_ body: @escaping @Sendable () -> Void) {
    do { try makeThread(body) } catch { fatalError("no thread can be started: \(error)") }
}

/// The same for a caller that can do without.
///
/// - Throws: the error of pthread_create(3), such as `.resourceTemporarilyUnavailable` where no
///   more are allowed.
package func makeThread(_ body: @escaping @Sendable () -> Void) throws(Errno) {
    let work = unsafe Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    // SAFETY: the thread takes ownership of the only reference to the work.
    let code = unsafe pthread_create(
        &thread, nil,
        { argument in
            unsafe Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, work.toOpaque())
    guard code == 0 else {
        // SAFETY: no thread has taken ownership.
        unsafe work.release()
        throw Errno(rawValue: code)
    }
    pthread_detach(thread)
}

private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Pauses this thread; a signal may end the pause early.
package func rest(_ interval: Interval) {
    let seconds = interval.wholeSeconds
    var span = timespec(
        tv_sec: seconds, tv_nsec: Int((interval - .seconds(seconds)).nanoseconds))
    // SAFETY: the structure is valid for the call.
    unsafe _ = nanosleep(&span, nil)
}
