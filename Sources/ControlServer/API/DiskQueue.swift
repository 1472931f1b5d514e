internal import Dispatch
internal import HTTPServer
internal import Synchronization

/// Work that reads much from the disk: one piece after the other, on no thread of the pool. Few
/// callers may wait, so that readers cannot keep the monitor busy for long.
final class DiskQueue: Sendable {
    /// The most pieces that run or wait.
    private static let limit = 4

    private let queue: DispatchQueue
    private let count = Mutex(0)

    init(_ label: String) { queue = DispatchQueue(label: label) }

    /// - Throws: 503 if too many callers wait.
    func run<T: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> T
    ) async throws(ProblemDetails) -> Result<T, Failure> {
        let mayWait = count.withLock { count in
            guard count < Self.limit else { return false }
            count += 1
            return true
        }
        guard mayWait else { throw ProblemDetails(.unavailable, "others are asking; try again") }
        return await withCheckedContinuation { caller in
            queue.async { [self] in
                let result = Result(catching: body)
                count.withLock { $0 -= 1 }
                caller.resume(returning: result)
            }
        }
    }
}
