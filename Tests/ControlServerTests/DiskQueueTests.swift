import Dispatch
import Testing

@testable import ControlServer

/// Work that clients wait for.
struct DiskQueueTests {
    /// Nothing is done before all others are refused, so that exactly four wait. If more may wait,
    /// the time limit ends them, and the count is wrong.
    @Test func fourMayWaitAndOthersAreRefused() async throws {
        let queue = DiskQueue("test")
        let gate = DispatchSemaphore(value: 0)
        let served = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    let result = try? await queue.run { () throws(Never) in
                        gate.wait(timeout: .now() + .seconds(60)) == .success
                    }
                    return result != nil
                }
            }
            var (served, refused) = (0, 0)
            for await isServed in group {
                served += isServed ? 1 : 0
                refused += isServed ? 0 : 1
                if refused == 16, !isServed { for _ in 0..<4 { gate.signal() } }
            }
            return served
        }
        #expect(served == 4)
        #expect((try? await queue.run { () throws(Never) in 7 }) == .success(7))
    }
}
