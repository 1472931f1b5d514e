import Synchronization
import Testing
import Timestamps

@testable import SystemSupport

struct BatchQueueTests {
    @Test(arguments: [1, 2, 7, 16, 256])
    func itemsArriveInOrderOnceEach(capacity: Int) {
        let queue = BatchQueue<Int>(capacity: capacity)
        startThread {
            for number in 0..<20_000 { queue.put(number) }
            queue.finish()
        }
        var received: [Int] = []
        while let number = queue.take() { received.append(number) }
        #expect(received == Array(0..<20_000))
        #expect(queue.take() == nil)
    }

    /// The queue holds no more than its capacity, however slow the taker is.
    @Test func aFullQueueHoldsItsWriter() {
        let (queue, count, ended) = (BatchQueue<Int>(capacity: 3), Counter(), Signal())
        startThread {
            for number in 0..<10 {
                queue.put(number)
                count.add()
            }
            ended.raise()
        }
        let deadline = Clock.monotonic() + .seconds(10)
        while count.value < 3, Clock.monotonic() < deadline { rest(.milliseconds(1)) }
        #expect(!ended.wait(until: Clock.monotonic() + .milliseconds(100)))
        #expect(count.value == 3)
        for number in 0..<10 { #expect(queue.take() == number) }
        #expect(ended.wait(until: Clock.monotonic() + .seconds(10)))
    }

    /// A writer is not woken for each item that is taken.
    @Test(arguments: [(1, 1), (3, 1), (8, 4), (256, 8)])
    func aFullQueueIsFilledAgainWhenItHasRoomForSeveral(capacity: Int, room: Int) {
        let queue = BatchQueue<Int>(capacity: capacity)
        startThread { for number in 0... where !queue.put(number) { break } }
        let deadline = Clock.monotonic() + .seconds(10)
        while !queue.isAwaited, Clock.monotonic() < deadline { rest(.milliseconds(1)) }
        for number in 0..<room {
            #expect(queue.isAwaited)
            #expect(queue.take() == number)
        }
        // It may be full again at once.
        for number in room..<10 * capacity { #expect(queue.take() == number) }
        queue.cancel()
    }

    @Test func aWriterEndsWhenNobodyTakes() {
        let (queue, refused) = (BatchQueue<Int>(capacity: 1), Signal())
        startThread {
            while queue.put(1) {}
            refused.raise()
        }
        #expect(queue.take() == 1)
        queue.cancel()
        #expect(refused.wait(until: Clock.monotonic() + .seconds(10)))
        #expect(!queue.put(2))
    }

    @Test func aPoolGivesTheNewestAndKeepsNoMoreThanItsCapacity() {
        let pool = Pool<Int>(capacity: 2)
        #expect(pool.take() == nil)
        for number in 1...3 { pool.put(number) }
        #expect(pool.take() == 2 && pool.take() == 1 && pool.take() == nil)
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)

        func add() { count.withLock { $0 += 1 } }
        var value: Int { count.withLock { $0 } }
    }
}
