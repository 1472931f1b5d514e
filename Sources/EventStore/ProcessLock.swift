internal import Glibc
internal import Synchronization
internal import SystemPackage
internal import SystemSupport
internal import Timestamps

/// A lock between processes (flock(2)) on a file that is created when the lock is first acquired.
final class ProcessLock: Sendable {
    private struct State {
        var file: Descriptor?
        var patience = Interval.seconds(10)
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    /// Sets how long to wait for another process; 10 s by default.
    func setPatience(_ patience: Interval) { state.withLock { $0.patience = patience } }

    /// Acquires the lock.
    ///
    /// - Returns: how long it waited.
    /// - Throws: `.open`; `.busy` if another process holds it for too long.
    func lock() throws(EventStoreError) -> Interval {
        let (file, patience) = try state.withLock { state throws(EventStoreError) in
            if let file = state.file { return (file, state.patience) }
            let file = try open()
            state.file = file
            return (file, state.patience)
        }
        let began = Clock.monotonic()
        while true {
            do throws(Errno) {
                try file.file.lock()
                break
            } catch .interrupted, .wouldBlock {
                guard Clock.monotonic() - began < patience else {
                    throw .busy(seconds: Int64(patience.wholeSeconds))
                }
                usleep(5000)
            } catch {
                throw .open(path: path, why: "\(error)")
            }
        }
        return Clock.monotonic() - began
    }

    func unlock() { state.withLock { $0.file }?.file.unlock() }

    private func open() throws(EventStoreError) -> Descriptor {
        do { return Descriptor(try OpenFile(path, .readWrite, [.create, .noFollow])) } catch {
            throw .open(path: path, why: "\(error)")
        }
    }
}
