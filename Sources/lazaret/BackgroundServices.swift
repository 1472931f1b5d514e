import Dispatch
import Logging
import ServiceLifecycle
import Synchronization

/// Services that run beside a command's own thread, until it ends.
final class BackgroundServices: Sendable {
    private let group: ServiceGroup
    private let ended = DispatchSemaphore(value: 0)

    /// Starts them. One that fails says so itself; the others go on.
    init(_ services: [any Service]) {
        var logger = Logger(label: "lazaret")
        logger.logLevel = .critical
        group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(
                        service: $0, successTerminationBehavior: .ignore,
                        failureTerminationBehavior: .ignore)
                }, logger: logger))
        Task.detached { [group, ended] in
            try? await group.run()
            ended.signal()
        }
    }

    /// Asks them to end, and waits for at most three seconds.
    func stop() {
        Task.detached { [group] in await group.triggerGracefulShutdown() }
        _ = ended.wait(timeout: .now() + 3)
    }
}
