internal import Logging
internal import EventDelivery
internal import NetworkAddresses
internal import PacketCapture
internal import Synchronization
internal import SystemSupport
internal import Workloads
internal import Timestamps

/// Copies frames and the names of workloads to a pcapng file, which is written by a thread of its
/// own.
///
/// The packet thread fills chunks that are allocated once. If the disk is too slow to return them,
/// frames are left out and counted.
final class PacketRecording: Sendable {
    static let chunkSize = 1 << 20
    private static let chunkCount = 32
    /// The most interfaces that are described; further ones share the last description.
    private static let interfaceLimit = 4096
    /// How long a chunk is filled before it is handed over.
    private static let gatherTime = Interval.milliseconds(250)

    /// The state of the packet thread.
    private struct Filling {
        var bytes: [UInt8] = []
        var packets: UInt64 = 0
        var began = Clock.monotonic()
        /// The numbers of interface blocks, by the source's number.
        var numbers: [UInt32?] = []
        var byName: [String: UInt32] = [:]
    }

    private let filling = Mutex(Filling())
    private let queue: RecordingQueue
    private let file: RecordingThread

    /// Opens the file; an existing one is rotated.
    ///
    /// - Throws: `.output` if it cannot be created.
    init(
        _ options: RecordingOptions, path: String, logger: Logger
    ) throws(IOError) {
        queue = RecordingQueue(chunks: Self.chunkCount, size: Self.chunkSize)
        file = try RecordingThread(options, path: path, queue: queue, logger: logger)
    }

    /// Copies a batch of frames; never waits.
    ///
    /// - Parameter name: the interface's name, by the frame's source.
    func record(_ frames: Span<CapturedFrame>, name: (Int32) -> String) {
        filling.withLock { filling in
            for index in frames.indices { add(frames[index], &filling, name) }
        }
    }

    private func add(
        _ frame: CapturedFrame, _ filling: inout Filling, _ name: (Int32) -> String
    ) {
        let length = PcapNGBlock.length(of: frame)
        if filling.bytes.count + length > Self.chunkSize { handOver(&filling) }
        if filling.bytes.capacity == 0 {
            guard let bytes = queue.takeFree() else { return queue.noteLost(1) }
            filling.bytes = bytes
        }
        if filling.packets == 0 { filling.began = Clock.monotonic() }
        let number = self.number(frame, &filling, name)
        PcapNGBlock.append(frame, interface: number, to: &filling.bytes)
        filling.packets += 1
    }

    private func number(
        _ frame: CapturedFrame, _ filling: inout Filling, _ name: (Int32) -> String
    ) -> UInt32 {
        let source = Int(frame.source)
        if source < filling.numbers.count, let number = filling.numbers[source] { return number }
        while filling.numbers.count <= source { filling.numbers.append(nil) }
        let name = name(frame.source)
        let number =
            filling.byName[name]
            ?? UInt32(min(filling.byName.count, Self.interfaceLimit - 1))
        if filling.byName[name] == nil, filling.byName.count < Self.interfaceLimit {
            filling.byName[name] = number
            queue.describe(PcapNGBlock.interface(linkType: frame.linkType, name: name))
        }
        filling.numbers[source] = number
        return number
    }

    private func handOver(_ filling: inout Filling) {
        guard filling.packets > 0 else { return }
        queue.add(
            .packets(
                filling.bytes, count: filling.packets, interfaces: filling.byName.count,
                at: Clock.monotonic()))
        filling.bytes = []
        filling.packets = 0
    }

    /// Hands over a chunk that has waited long enough. Call it often.
    func advance(to now: Instant) {
        filling.withLock { filling in
            guard filling.packets > 0, now - filling.began >= Self.gatherTime else { return }
            handOver(&filling)
        }
    }

    /// Records changes of address holders.
    func recordNames(_ change: WorkloadChange) {
        if !change.holders.isEmpty || change.networks != nil { queue.add(.names(change)) }
    }

    /// Forgets the sources' numbers, which belong to other interfaces from now on.
    func forgetSources() { filling.withLock { $0.numbers = [] } }

    /// Starts a new file if another program has moved the old one away.
    func reopen() { queue.add(.reopen) }

    var status: MonitorStatus.Sink { file.status }

    /// Writes the queued packets, for five seconds at most, and ends the thread.
    func stop() {
        filling.withLock { handOver(&$0) }
        file.stop()
    }
}
