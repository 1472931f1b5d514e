import Dispatch

/// What runs beside a command's own thread, until the command ends.
final class BackgroundTask: Sendable {
    private let task: Task<Void, Never>
    private let ended = DispatchSemaphore(value: 0)

    /// Starts it. What fails says so itself; the command goes on.
    init(_ body: @escaping @Sendable () async throws -> Void) {
        task = Task.detached { [ended] in
            try? await body()
            ended.signal()
        }
    }

    /// Asks it to end, and waits for at most three seconds.
    func stop() {
        task.cancel()
        _ = ended.wait(timeout: .now() + 3)
    }
}
