internal import Enforcement
internal import Glibc
internal import SystemPackage
internal import Quarantine
internal import Synchronization
package import SystemSupport

/// The lock that allows one monitor per state directory.
package final class MonitorLock {
    private var file: Descriptor?

    static func path(in directory: String) -> String { directory + "/monitor.lock" }

    /// - Parameter socket: the control socket, for commands that know only the directory.
    /// - Throws: `.input` if another monitor holds the lock.
    package init(directory: String, socket: String?) throws(IOError) {
        let path = Self.path(in: directory)
        let file: OpenFile
        do { file = try OpenFile(path, .readWrite, [.create, .noFollow]) } catch {
            throw IOError(output: path, error)
        }
        do { try file.lock() } catch {
            throw .input(
                path: directory,
                reason:
                    "another monitor uses this state directory; stop it, or name one with --state")
        }
        let line = (socket?.absolutePath ?? "") + "\n"
        // If the write fails, a command finds the socket through its configuration.
        try? file.resize(to: 0)
        try? file.write(Array(line.utf8))
        self.file = Descriptor(file)
    }

    package func release() { file = nil }
}
