import StatusReport
import Synchronization
import SystemSupport
import Timestamps

/// Runs a `DetectionStage`: on the thread that hands it packets, or on one of its own.
final class DetectionWorker: Sendable {
    private enum Message: Sendable {
        case batch(MeteredBatch)
        /// Everything before is done.
        case isDone(Signal)
    }

    /// What the thread leaves for others, once in each period.
    private struct News: Sendable {
        var next = Clock.monotonic()
        var counts = DetectionStage.Counts()
        var wantedPorts: Set<UInt32> = []
    }

    private let stage: Mutex<DetectionStage>
    /// Nil: there is no thread.
    private let queue: BatchQueue<Message>?
    private let used: Pool<MeteredBatch>
    private let news = Mutex(News())

    /// The number of batches that may wait for the thread, with about 35 MB of packets.
    private static let capacity = 256
    private static let period = Interval.milliseconds(250)

    init(_ stage: consuming sending DetectionStage, hasThread: Bool) {
        used = stage.used
        self.stage = Mutex(stage)
        queue = hasThread ? BatchQueue(capacity: Self.capacity) : nil
        if let queue { startThread { [self] in run(queue) } }
    }

    var hasThread: Bool { queue != nil }

    private func run(_ queue: BatchQueue<Message>) {
        while let message = queue.take() {
            switch message {
            case .isDone(let signal): signal.raise()
            case .batch(let batch): work(off: batch)
            }
        }
    }

    /// Counts the packets of a batch and judges the windows that end.
    private func work(off batch: MeteredBatch) {
        let now = Clock.monotonic()
        stage.withLock { stage in
            stage.add(batch)
            stage.settle()
            news.withLock { news in
                guard now >= news.next else { return }
                news.next = now + Self.period
                news.counts = stage.counts
                news.wantedPorts.formUnion(stage.takeWantedPorts())
            }
        }
    }

    // MARK: - The thread of packets

    /// Hands over a batch. With a full queue, it waits.
    ///
    /// - Returns: a batch that was used before, to be made empty.
    func put(_ batch: MeteredBatch) -> MeteredBatch {
        if let queue { queue.put(.batch(batch)) } else { stage.withLock { $0.add(batch) } }
        return used.take() ?? MeteredBatch()
    }

    /// Without a thread: judges windows for no longer than `time`.
    ///
    /// - Returns: whether windows are left to judge.
    func work(for time: Interval) -> Bool {
        guard queue == nil else { return false }
        return stage.withLock { stage in
            stage.work(for: time)
            return stage.isJudging
        }
    }

    /// Calls `body` when everything that was handed over is done.
    func withStage<Result: Sendable>(
        _ body: (inout sending DetectionStage) -> Result
    ) -> Result {
        if let queue {
            let signal = Signal()
            queue.put(.isDone(signal))
            while !signal.wait(until: Clock.monotonic() + .seconds(60)) {}
        }
        return stage.withLock { stage in
            stage.settle()
            defer { news.withLock { $0.counts = stage.counts } }
            return body(&stage)
        }
    }

    /// The counters; with a thread, those of a moment ago.
    var counts: DetectionStage.Counts {
        hasThread ? news.withLock { $0.counts } : stage.withLock { $0.counts }
    }

    /// Ports whose facts should be queried again.
    func takeWantedPorts() -> Set<UInt32> {
        guard hasThread else { return stage.withLock { $0.takeWantedPorts() } }
        return news.withLock { news in
            defer { news.wantedPorts = [] }
            return news.wantedPorts
        }
    }

    /// Ends the thread; nothing may be handed over any more.
    func stop() { queue?.finish() }
}
