import Dispatch

/// A task that runs beside a command's own thread, until the command ends.
final class BackgroundTask: Sendable {
    private let task: Task<Void, Never>
    private let ended = DispatchSemaphore(value: 0)

    /// Starts the task. It reports its own errors; the command continues.
    init(_ body: @escaping @Sendable () async throws -> Void) {
        task = Task.detached { [ended] in
            try? await body()
            ended.signal()
        }
    }

    /// Cancels the task, and waits for its end for at most three seconds.
    func stop() {
        task.cancel()
        _ = ended.wait(timeout: .now() + 3)
    }
}
