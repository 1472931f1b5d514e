internal import Foundation

/// Waits until `condition` holds, for at most so many seconds.
public func eventually(within seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool
{
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if try condition() { return true }
        Thread.sleep(forTimeInterval: 0.05)
    }
    return try condition()
}

/// Waits until `condition` holds, for at most `seconds`.
public func eventually(_ seconds: Double = 60, _ condition: () throws -> Bool) async rethrows
    -> Bool
{
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if try condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return try condition()
}

/// Threads apart from those that other tests block while they wait for a program.
public final class OwnThreads: TaskExecutor {
    private let queue = DispatchQueue(label: "own", attributes: .concurrent)

    public init() {}

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
