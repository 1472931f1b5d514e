public import Logging
public import NetworkAddresses
internal import Synchronization
internal import SystemSupport
public import Timestamps

/// For how long, and in how many bytes, flows are kept.
public struct HistoryOptions: Sendable, Equatable {
    /// Nil: no history is kept.
    public var age: Interval? = .seconds(7 * 86_400)
    public var bytes = 1 << 30

    public init() {}
}

/// The state of a history that is being written.
public struct HistoryStatus: Codable, Sendable, Equatable {
    /// Flows in the file, and when the earliest of them began.
    public var flows: Int64 = 0
    public var oldest: Timestamp?
    /// Bytes that they use in the file.
    public var bytes: Int64 = 0
    /// Flows written since the start, and flows that were dropped.
    public var written: UInt64 = 0
    public var lost: UInt64 = 0
    /// Flows that wait to be written, at most; batches that wait count as full ones.
    public var waiting = 0
    /// Why nothing can be written at the moment; nil if it can.
    public var trouble: String?

    public init() {}
}

/// Writes flows to the history on a thread of its own.
///
/// Flows come in batches and are written once a second as a small block; 16,384 of them, or those
/// of ten minutes, are then written again as one block, which compresses better. When the queue is
/// full, further flows are dropped and counted: packets never wait.
public final class HistoryWriter: Sendable {
    /// The most flows that wait for the disk.
    static let waitLimit = 1 << 18
    /// A block is made of this many flows, or of those of this much time.
    private static let packSize = 16_384
    private static let packTime = Interval.seconds(600)
    /// After a step of the clock, nothing is deleted by its age for this long.
    private static let stepGrace = Interval.seconds(3600)

    private struct Progress {
        var file: HistoryFile?
        /// Flows that are not in the file yet.
        var waiting: [NamedFlow] = []
        /// Flows that are in the file in small blocks, from this number on.
        var recent: [NamedFlow] = []
        var recentFirst: Int64 = 1
        var recentSince = Clock.monotonic()
        var next: Int64 = 1
        var nextPruning = Clock.monotonic()
        var clock = ClockStepDetector(now: Clock.now())
        var keepsOldUntil = Clock.monotonic()
    }

    private let path: String
    private let options: HistoryOptions
    private let name: @Sendable (IPAddress, Timestamp) -> String?
    private let logger: Logger
    private let worker = Worker<[FlowEntry]>(
        capacity: waitLimit / FlowCollector.batchSize, wakesAtOnce: false)
    private let refused = Atomic<UInt64>(0)
    private let shared = Mutex(HistoryStatus())

    /// Starts the thread.
    ///
    /// - Parameter name: the workload that has an address at a time; called on the thread.
    public init(
        directory: String, options: HistoryOptions, logger: Logger,
        name: @escaping @Sendable (IPAddress, Timestamp) -> String?
    ) {
        path = directory + "/" + HistoryFile.name
        self.options = options
        self.name = name
        self.logger = logger
        worker.start(with: Progress(), period: .seconds(1)) { [self] progress, batch in
            work(batch, &progress)
        }
    }

    public var status: HistoryStatus {
        var status = shared.withLock { $0 }
        status.lost &+= refused.load(ordering: .relaxed)
        status.waiting += worker.waiting * FlowCollector.batchSize
        return status
    }

    /// Queues flows; if the queue is full, they are dropped and counted.
    public func submit(_ flows: [FlowEntry]) {
        if !worker.submit(flows) { refused.wrappingAdd(UInt64(flows.count), ordering: .relaxed) }
    }

    /// Writes the queued flows, for five seconds at most, and ends the thread.
    public func stop() {
        if worker.stop(by: Clock.monotonic() + .seconds(5)) > 0 {
            logger.warning("the last flows are not in the history: its disk is slow")
        }
    }

    private func work(_ batch: Worker<[FlowEntry]>.Batch, _ progress: inout Progress) {
        // A closed file is whole without its write-ahead log.
        defer { if batch.isLast { progress.file = nil } }
        take(batch.items, &progress)
        do throws(HistoryError) {
            do throws(HistoryError) { try store(&progress, isLast: batch.isLast) } catch {
                guard case .damaged = error else { throw error }
                try setAside(error, &progress)
                try store(&progress, isLast: batch.isLast)
            }
            report(nil, progress)
        } catch {
            report("\(error)", progress)
            if batch.isLast { lose(progress.waiting.count) }
        }
    }

    private func store(_ progress: inout Progress, isLast: Bool) throws(HistoryError) {
        try write(&progress, isLast: isLast)
        try prune(&progress)
    }

    private func lose(_ flows: Int) {
        if flows > 0 { shared.withLock { $0.lost &+= UInt64(flows) } }
    }

    private func take(_ batches: [[FlowEntry]], _ progress: inout Progress) {
        for flows in batches {
            let space = max(0, Self.waitLimit - progress.waiting.count)
            for entry in flows.prefix(space) {
                progress.waiting.append(
                    NamedFlow(
                        entry, from: name(entry.originator, entry.end),
                        to: name(entry.responder, entry.end)))
            }
            lose(max(0, flows.count - space))
        }
        if progress.clock.step(to: Clock.now()) != nil {
            progress.keepsOldUntil = Clock.monotonic() + Self.stepGrace
        }
    }

    // MARK: - Writing

    private func write(_ progress: inout Progress, isLast: Bool) throws(HistoryError) {
        let file = try file(&progress)
        let all = progress.recent.count + progress.waiting.count
        let isOld = Clock.monotonic() - progress.recentSince >= Self.packTime
        if all > 0, all >= Self.packSize || isOld || isLast {
            try pack(file, &progress)
        } else if !progress.waiting.isEmpty {
            guard let block = FlowBlock.encoded(progress.waiting[...]) else { return }
            try file.write([(progress.next, block)], replacing: nil)
            if progress.recent.isEmpty {
                progress.recentFirst = progress.next
                progress.recentSince = Clock.monotonic()
            }
            progress.next += Int64(progress.waiting.count)
            count(progress.waiting.count, oldest: block.first)
            progress.recent += progress.waiting
            progress.waiting.removeAll(keepingCapacity: true)
        }
    }

    /// Replaces the small blocks by large ones that contain the waiting flows, too.
    private func pack(_ file: HistoryFile, _ progress: inout Progress) throws(HistoryError) {
        if progress.recent.isEmpty { progress.recentFirst = progress.next }
        let flows = progress.recent + progress.waiting
        var blocks: [(number: Int64, block: FlowBlock.Encoded)] = []
        for start in stride(from: 0, to: flows.count, by: Self.packSize) {
            let part = flows[start..<min(start + Self.packSize, flows.count)]
            guard let block = FlowBlock.encoded(part) else { return }
            blocks.append((progress.recentFirst + Int64(start), block))
        }
        try file.write(blocks, replacing: progress.recentFirst)
        count(progress.waiting.count, oldest: blocks.map(\.block.first).min() ?? .max)
        progress.next = progress.recentFirst + Int64(flows.count)
        progress.recent.removeAll(keepingCapacity: true)
        progress.waiting.removeAll(keepingCapacity: true)
        progress.nextPruning = Clock.monotonic()
    }

    private func count(_ flows: Int, oldest: Int64) {
        shared.withLock { status in
            status.written &+= UInt64(flows)
            status.flows += Int64(flows)
            let oldest = Timestamp(milliseconds: oldest)
            status.oldest = min(status.oldest ?? oldest, oldest)
        }
    }

    /// The open file.
    private func file(_ progress: inout Progress) throws(HistoryError) -> HistoryFile {
        if let file = progress.file { return file }
        let file = try HistoryFile(path: path)
        let summary = try file.summary()
        progress.file = file
        progress.next = summary.next
        shared.withLock { status in
            status.flows = summary.flows
            status.oldest = summary.oldest
        }
        return file
    }

    /// Once a minute, and after each large block, deletes what is too old or too much.
    private func prune(_ progress: inout Progress) throws(HistoryError) {
        let now = Clock.monotonic()
        guard let file = progress.file, now >= progress.nextPruning else { return }
        progress.nextPruning = now + .seconds(60)
        let mayForget = now >= progress.keepsOldUntil
        let oldest = mayForget ? options.age.map { Clock.now() - $0 } : nil
        // A sixteenth is for the write-ahead log.
        try file.prune(before: oldest, largerThan: Int64(options.bytes / 16 * 15))
        let summary = try file.summary()
        let bytes = try file.usedBytes()
        shared.withLock { status in
            status.flows = summary.flows
            status.oldest = summary.oldest
            status.bytes = bytes
        }
    }

    // MARK: - Faults

    /// Makes way for a new file in place of a damaged one; what is in memory is written again.
    private func setAside(
        _ error: HistoryError, _ progress: inout Progress
    ) throws(HistoryError) {
        progress.file = nil
        progress.waiting = progress.recent + progress.waiting
        progress.recent = []
        let aside = try HistoryFile.setAside(path, now: Clock.now())
        logger.error("\(error); it is now \(aside), and a new one is begun")
    }

    private func report(_ trouble: String?, _ progress: Progress) {
        let waiting = progress.waiting.count
        let before = shared.withLock { status in
            defer {
                status.trouble = trouble
                status.waiting = waiting
            }
            return status.trouble
        }
        guard trouble != before else { return }
        if let trouble {
            logger.error("\(trouble); flows wait, and the oldest ones are written first")
        } else {
            logger.notice("the flow history is written again")
        }
    }
}
