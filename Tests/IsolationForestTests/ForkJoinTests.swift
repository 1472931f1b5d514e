import Synchronization
import Testing

@testable import IsolationForest

struct ForkJoinTests {
    /// More threads than jobs, fewer, and none to do.
    @Test(arguments: [(0, 1), (1, 4), (5, 2), (100, 3), (3, 100)])
    func eachJobIsDoneOnceAndItsResultIsInItsPlace(jobs: Int, threads: Int) {
        let calls = Mutex([Int](repeating: 0, count: jobs))
        let results = ForkJoin.map(jobs, threads: threads) { job in
            calls.withLock { $0[job] += 1 }
            return job * job
        }
        #expect(results == (0..<jobs).map { $0 * $0 })
        #expect(calls.withLock { $0 }.allSatisfy { $0 == 1 })
    }
}
