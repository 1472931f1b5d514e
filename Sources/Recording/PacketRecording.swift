package import Logging
package import EventDelivery
internal import NetworkAddresses
package import PacketCapture
internal import Synchronization
package import SystemSupport
package import Workloads
package import Timestamps

/// Copies frames and the names of workloads to a pcapng file, which is written by a thread of its
/// own.
///
/// The packet thread fills chunks that are allocated once. If the disk is too slow to return them,
/// frames are left out and counted.
package final class PacketRecording: Sendable {
    static let chunkSize = 1 << 20
    private static let chunkCount = 32
    /// Interfaces and ports that are described.
    private static let interfaceLimit = 4096
    /// How long a chunk is filled before it is handed over.
    private static let gatherTime = Interval.milliseconds(250)

    /// The state of the packet thread.
    private struct Filling {
        var bytes: [UInt8] = []
        var packets: UInt64 = 0
        var began = Clock.monotonic()
        /// Numbers of interface blocks, by the frame's source or port.
        var numbers: [Key: UInt32] = [:]
        var last: (key: Key, number: UInt32)?
        var byDescription: [[UInt8]: UInt32] = [:]
    }

    private struct Key: Hashable {
        var port: UInt32
        var source: Int32
        var linkType: Int32
    }

    /// The interface or port of a frame.
    package enum Origin {
        case interface(String)
        case port(RecordedPort, run: UInt64)
    }

    private let filling = Mutex(Filling())
    private let queue: RecordingQueue
    private let file: RecordingThread

    /// Opens the file; an existing one is rotated.
    ///
    /// - Throws: `.output` if it cannot be created.
    package init(
        _ options: RecordingOptions, path: String, logger: Logger
    ) throws(IOError) {
        queue = RecordingQueue(chunks: Self.chunkCount, size: Self.chunkSize)
        file = try RecordingThread(options, path: path, queue: queue, logger: logger)
    }

    /// Copies a batch of frames; never waits.
    ///
    /// - Parameters:
    ///   - repeats: a bit for each frame that is left out: another view of an earlier one.
    ///   - origin: the interface or port of a frame; called once for each of them.
    package func record(
        _ frames: Span<CapturedFrame>, leavingOut repeats: UInt64 = 0,
        origin: (CapturedFrame) -> Origin
    ) {
        filling.withLock { filling in
            for index in frames.indices where repeats >> UInt64(index) & 1 == 0 {
                add(frames[index], &filling, origin)
            }
        }
    }

    private func add(
        _ frame: CapturedFrame, _ filling: inout Filling, _ origin: (CapturedFrame) -> Origin
    ) {
        let length = PcapNGBlock.length(of: frame)
        if filling.bytes.count + length > Self.chunkSize { handOver(&filling) }
        if filling.bytes.capacity == 0 {
            guard let bytes = queue.takeFree() else { return queue.noteLost(1) }
            filling.bytes = bytes
        }
        if filling.packets == 0 { filling.began = Clock.monotonic() }
        let number = self.number(frame, &filling, origin)
        PcapNGBlock.append(frame, interface: number, to: &filling.bytes)
        filling.packets += 1
    }

    private func number(
        _ frame: CapturedFrame, _ filling: inout Filling, _ origin: (CapturedFrame) -> Origin
    ) -> UInt32 {
        let key = Key(port: frame.port, source: frame.source, linkType: frame.linkType)
        if let last = filling.last, last.key == key { return last.number }
        let number = filling.numbers[key] ?? newNumber(key, &filling, origin(frame))
        filling.last = (key, number)
        return number
    }

    private func newNumber(_ key: Key, _ filling: inout Filling, _ origin: Origin) -> UInt32 {
        // Those past the limit share one block that does not describe their interface or port.
        let isFull = filling.byDescription.count >= Self.interfaceLimit
        let description =
            switch origin {
            case .port(let port, let run) where !isFull:
                PcapNGBlock.interface(linkType: key.linkType, port: port, run: run)
            case .interface(let name) where !isFull:
                PcapNGBlock.interface(linkType: key.linkType, name: name)
            default: PcapNGBlock.interface(linkType: key.linkType, name: "")
            }
        let number = filling.byDescription[description] ?? UInt32(filling.byDescription.count)
        if filling.byDescription[description] == nil {
            filling.byDescription[description] = number
            queue.describe(description)
        }
        filling.numbers[key] = number
        return number
    }

    private func handOver(_ filling: inout Filling) {
        guard filling.packets > 0 else { return }
        queue.add(
            .packets(
                filling.bytes, count: filling.packets, interfaces: filling.byDescription.count,
                at: Clock.monotonic()))
        filling.bytes = []
        filling.packets = 0
    }

    /// Hands over a chunk that has waited long enough. Call it often.
    package func advance(to now: Instant) {
        filling.withLock { filling in
            guard filling.packets > 0, now - filling.began >= Self.gatherTime else { return }
            handOver(&filling)
        }
    }

    /// Records changes of address holders.
    package func recordNames(_ change: WorkloadChange) {
        if !change.holders.isEmpty || change.networks != nil { queue.add(.names(change)) }
    }

    /// Records that ports are gone: their addresses belong to other hosts from then on.
    package func recordPorts(gone ports: [UInt32], run: UInt64, at time: Timestamp) {
        var rest = ports[...]
        while !rest.isEmpty {
            // Numbers of ten digits, within a note's length.
            let part = rest.prefix(1000)
            rest = rest.dropFirst(part.count)
            queue.add(.note(RecordedPort.note(gone: Array(part), run: run, at: time)))
        }
    }

    /// The numbers of sources belong to other interfaces from here on.
    package func forgetSources() {
        filling.withLock { filling in
            filling.numbers = [:]
            filling.last = nil
        }
    }

    /// Starts a new file if another program has moved the old one away.
    package func reopen() { queue.add(.reopen) }

    package var status: SinkStatus { file.status }

    /// Writes the queued packets, for five seconds at most, and ends the thread.
    package func stop() {
        filling.withLock { handOver(&$0) }
        file.stop()
    }
}
