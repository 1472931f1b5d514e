internal import Foundation

/// Seconds that a test waits for an expected event. It is long because a busy machine may delay the
/// event, which ends the wait.
public let patience = 180.0

/// Waits until `condition` holds; returns false if it does not within that many seconds.
public func eventually(
    within seconds: Double = patience, _ condition: () throws -> Bool
) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try condition() { return true }
        Thread.sleep(forTimeInterval: 0.05)
    }
    return try condition()
}

/// Waits until `condition` holds; returns false if it does not within `seconds`.
public func eventually(
    _ seconds: Double = patience, _ condition: () throws -> Bool
) async rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return try condition()
}

/// Threads separate from those that other tests block while they wait for a program.
public final class OwnThreads: TaskExecutor {
    private let queue = DispatchQueue(label: "own", attributes: .concurrent)

    public init() {}

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
