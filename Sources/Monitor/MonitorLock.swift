internal import Enforcement
internal import Glibc
internal import Quarantine
internal import Synchronization
internal import SystemSupport

/// The lock that allows one monitor per state directory.
final class MonitorLock {
    private let descriptor: Int32

    static func path(in directory: String) -> String { directory + "/monitor.lock" }

    /// - Parameter socket: the control socket, for commands that know only the directory.
    /// - Throws: `.input` if another monitor holds the lock.
    init(directory: String, socket: String?) throws(IOError) {
        let path = Self.path(in: directory)
        // SAFETY: the pointer is valid for the call.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
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
        let line = (socket?.absolutePath ?? "") + "\n"
        // If the write fails, a command finds the socket through its configuration.
        _ = ftruncate(descriptor, 0)
        let bytes = Array(line.utf8)
        // SAFETY: the buffer is valid for the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    }

    func release() { close(descriptor) }
}
