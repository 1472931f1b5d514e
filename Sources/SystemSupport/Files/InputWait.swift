internal import Glibc

/// Waits until a pipe, a terminal or the like has something to read, or has ended. Looks in between
/// whether to stop: a signal interrupts the system call of one thread only, which need not be this
/// one.
///
/// - Returns: false if `shouldStop` has returned true.
package func waitForInput(_ descriptor: Int32, shouldStop: () -> Bool) -> Bool {
    while !shouldStop() {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // SAFETY: one entry is valid for the call.
        let count = unsafe poll(&entry, 1, 100)
        if count > 0 || count < 0 && errno != EINTR { return true }
    }
    return false
}
