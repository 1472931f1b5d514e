import Glibc
package import Timestamps

/// Runs `body` on a new detached thread.
///
/// Blocking work belongs on such a thread, not on those that Swift's tasks share.
package func startThread(_ body: @escaping @Sendable () -> Void) {
    let work = unsafe Unmanaged.passRetained(Work(body))
    var attributes = pthread_attr_t()
    var thread = pthread_t()
    // SAFETY: the attributes are local; the thread takes ownership of the only reference to the
    // work.
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let code = unsafe pthread_create(
        &thread, &attributes,
        { argument in
            unsafe Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, work.toOpaque())
    unsafe pthread_attr_destroy(&attributes)
    guard code == 0 else { fatalError("no thread can be started: \(SystemError(code))") }
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
