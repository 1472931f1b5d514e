internal import FlowMetering
internal import PacketCapture
internal import PacketDecoding
internal import PacketIntake

/// Decoder, meter and writer of one thread of packets.
///
/// A batch is metered after the next one was decoded; in the meantime, the memory of its flows is
/// prefetched.
@safe
struct FlowThread: ~Copyable {
    var decoder: PacketDecoder
    var meter: FlowMeter
    private var writer: FlowWriter
    /// Two batches: the decoded one that is not yet metered, and the one that is being decoded.
    private let packets: UnsafeMutableBufferPointer<Packet>
    private var waitingStart = 0
    private var waitingCount = 0

    private static let batch = 64

    init(options: FlowExport.Options, datagrams: Bool) {
        decoder = PacketDecoder(options: Self.decoding(options))
        meter = FlowMeter(options: options.meter)
        writer = FlowWriter(
            format: options.format, width: options.width, isColoured: options.isColoured,
            datagrams: datagrams, isIdentified: options.isIdentified, workload: options.workload)
        unsafe packets = .allocate(capacity: 2 * Self.batch)
        unsafe packets.initialize(repeating: Packet())
    }

    // SAFETY: only this value uses the buffer, and packets need no destruction.
    deinit { unsafe packets.deallocate() }

    /// How packets are decoded whose flows are written, and nothing else.
    static func decoding(_ options: FlowExport.Options) -> PacketDecoder.Options {
        var decode = options.decode
        decode.describesNames = false
        decode.readsLogins = false
        return decode
    }

    /// Decodes one batch, at most 64 frames, and meters the previous one.
    mutating func process(_ frames: Span<CapturedFrame>) {
        let buffer = unsafe packets
        // SAFETY: the buffer lives as long as self, and nothing else uses it during the call.
        var span = unsafe buffer.mutableSpan
        let start = waitingStart == 0 ? Self.batch : 0
        let count = min(frames.count, Self.batch)
        for position in 0..<count {
            let frame = frames[position]
            decoder.decode(frame, into: &span[start &+ position])
        }
        let taken = start..<start &+ count
        meter.prepare(&span, taken)
        settle()
        meter.prefetch(&span, taken)
        waitingStart = start
        waitingCount = count
    }

    /// Meters packets that another thread has decoded, and writes the flows that have ended.
    mutating func process(_ batch: inout DecodedPackets, to output: FlowOutput) throws {
        let parts = batch.parts
        var next = parts.first ?? 0..<0
        var packets = batch.packets.mutableSpan
        meter.prepare(&packets, next)
        meter.prefetch(&packets, next)
        for index in parts.indices {
            let current = next
            next = index + 1 < parts.count ? parts[index + 1] : 0..<0
            meter.prepare(&packets, next)
            observe(&packets, current)
            meter.prefetch(&packets, next)
            try hand(to: output)
        }
    }

    /// Meters the batch that was decoded last.
    mutating func settle() {
        let buffer = unsafe packets
        // SAFETY: as in `take`.
        var span = unsafe buffer.mutableSpan
        observe(&span, waitingStart..<waitingStart &+ waitingCount)
        waitingCount = 0
    }

    private mutating func observe(_ packets: inout MutableSpan<Packet>, _ range: Range<Int>) {
        var update = FlowUpdate()
        for position in range { meter.observe(&packets[position], &update) }
    }

    /// Writes the flows that have ended.
    mutating func hand(to output: FlowOutput, threshold: Int = 1 << 16) throws {
        meter.drain { writer.add($0) }
        guard writer.count >= threshold else { return }
        unsafe try writer.flush { bytes in unsafe try output.write(bytes) }
    }

    /// Ends all flows and writes the remaining records.
    mutating func finish(_ output: FlowOutput) throws {
        settle()
        meter.finish()
        while meter.hasRecords {
            meter.drain(upTo: 512) { writer.add($0) }
            if writer.count >= 1 << 16 {
                unsafe try writer.flush { bytes in unsafe try output.write(bytes) }
            }
        }
        writer.finish()
        unsafe try writer.flush { bytes in unsafe try output.write(bytes) }
    }
}
