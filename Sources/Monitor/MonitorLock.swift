internal import Enforcement
internal import Glibc
internal import Quarantine
internal import Synchronization
internal import SystemSupport

/// One monitor to a state directory.
final class MonitorLock {
    private let descriptor: Int32

    /// - Throws: `.input` with the process that holds it.
    init(directory: String) throws(IOError) {
        let path = directory + "/monitor.lock"
        // SAFETY: the path is lent for the call.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            // SAFETY: the text is copied before another call could change it.
            throw .output(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .input(
                path: directory,
                reason:
                    "another monitor uses this state directory; stop it, or name one with --state")
        }
    }

    func release() { close(descriptor) }
}
