import Synchronization
import Testing
import Timestamps

@testable import SystemSupport

struct WorkerTests {
    /// The items that a worker's thread received.
    private final class Record: Sendable {
        private let batches = Mutex<[[Int]]>([])

        func add(_ batch: Worker<Int>.Batch) { batches.withLock { $0.append(batch.items) } }
        var items: [Int] { batches.withLock { $0.flatMap(\.self) } }
        /// The batches that are not empty.
        var filled: [[Int]] { batches.withLock { $0.filter { !$0.isEmpty } } }
    }

    private func soon(_ seconds: Int = 10) -> Instant { Clock.monotonic() + .seconds(seconds) }

    @Test func itemsArriveInOrderOnceEach() {
        let (worker, record) = (Worker<Int>(capacity: 100_000), Record())
        worker.start(with: record, period: .seconds(60)) { record, batch in record.add(batch) }
        for number in 0..<50_000 { #expect(worker.submit(number)) }
        #expect(worker.stop(by: soon()) == 0)
        #expect(record.items == Array(0..<50_000))
    }

    @Test func aBurstWakesOnceAndIsProcessedTogether() {
        let (worker, record, gate) = (Worker<Int>(capacity: 1000), Record(), Signal())
        let entered = Signal()
        worker.start(with: record, period: .seconds(60)) { record, batch in
            record.add(batch)
            if batch.items == [-1] {
                entered.raise()
                gate.wait(until: Clock.monotonic() + .seconds(10))
            }
        }
        worker.submit(-1)
        #expect(entered.wait(until: soon()))
        for number in 0..<500 { worker.submit(number) }
        gate.raise()
        #expect(worker.stop(by: soon()) == 0)
        #expect(record.filled == [[-1], Array(0..<500)])
    }

    @Test func aFullMailboxRefusesFurtherItemsAndCountsThem() {
        let (worker, record) = (Worker<Int>(capacity: 3), Record())
        let taken = (0..<5).map { worker.submit($0) }
        #expect(taken == [true, true, true, false, false])
        #expect(worker.refused == 2 && worker.waiting == 3)
        worker.start(with: record, period: .seconds(60)) { record, batch in record.add(batch) }
        #expect(worker.stop(by: soon()) == 0)
        #expect(record.items == [0, 1, 2])
        #expect(!worker.submit(9) && worker.refused == 3)
    }

    @Test func aStopThatTakesTooLongReportsTheRemainingItems() {
        let (worker, gate, entered) = (Worker<Int>(capacity: 10), Signal(), Signal())
        worker.start(with: (), period: .seconds(60)) { _, batch in
            guard !batch.items.isEmpty else { return }
            entered.raise()
            gate.wait(until: Clock.monotonic() + .seconds(30))
        }
        worker.submit(1)
        #expect(entered.wait(until: soon()))
        for number in 2...4 { worker.submit(number) }
        let began = Clock.monotonic()
        #expect(worker.stop(by: began + .milliseconds(100)) == 4)
        #expect(Clock.monotonic() - began >= .milliseconds(100))
        gate.raise()
        // The last batch is blocked too.
        #expect(entered.wait(until: soon()))
        gate.raise()
        #expect(worker.stop(by: soon()) == 0)
    }

    @Test func withoutItemsTheWorkerWakesAfterThePeriod() {
        let (worker, called) = (Worker<Int>(capacity: 1), Signal())
        worker.start(with: (), period: .milliseconds(20)) { _, batch in
            if batch.items.isEmpty, !batch.isLast { called.raise() }
        }
        #expect(called.wait(until: soon()))
        #expect(called.wait(until: soon()))
        worker.stop(by: soon())
    }

    @Test func lazyItemsWaitForThePeriod() {
        let (worker, record) = (Worker<Int>(capacity: 10, wakesAtOnce: false), Record())
        worker.start(with: record, period: .seconds(60)) { record, batch in record.add(batch) }
        for number in 0..<3 { worker.submit(number) }
        #expect(record.items.isEmpty)
        worker.wake()
        #expect(worker.stop(by: soon()) == 0)
        #expect(record.items == [0, 1, 2])
    }

    /// Each submitter waits until its item was processed: after a lost wake-up, it would wait for a
    /// minute.
    @Test func noWakeUpIsLost() {
        let worker = Worker<Signal>(capacity: 64)
        worker.start(with: (), period: .seconds(60)) { _, batch in
            for signal in batch.items { signal.raise() }
        }
        let lost = Atomic<Int>(0)
        let ended = (0..<4).map { _ in Signal() }
        for end in ended {
            startThread {
                for _ in 0..<5000 {
                    let answer = Signal()
                    worker.submit(answer)
                    if !answer.wait(until: Clock.monotonic() + .seconds(30)) {
                        lost.wrappingAdd(1, ordering: .relaxed)
                        break
                    }
                }
                end.raise()
            }
        }
        for end in ended { #expect(end.wait(until: soon(120))) }
        #expect(lost.load(ordering: .relaxed) == 0)
        #expect(worker.stop(by: soon()) == 0)
    }

    @Test func aRaisedSignalIsSeenOnceInEitherOrder() {
        let signal = Signal()
        #expect(!signal.wait(until: Clock.monotonic() + .milliseconds(5)))
        signal.raise()
        signal.raise()
        #expect(signal.wait(until: Clock.monotonic()))
        #expect(!signal.wait(until: Clock.monotonic() + .milliseconds(5)))
    }
}
