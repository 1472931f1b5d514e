package import FlowMetering
package import PacketCapture
package import PacketDecoding
package import Reporting

/// Meters packets and writes the flows: `lazaret flows`.
package struct FlowExport {
    package struct Options {
        package var capture = CaptureOptions()
        package var meter = FlowMeterOptions()
        package var decode = PacketDecoder.Options()
        package var format = FlowFormat.table
        /// Characters of a table's line.
        package var width = 120
        package var isColoured = false
        package init() {}
    }

    /// What was seen, for `--stats`.
    package struct Outcome {
        package var capture = CaptureStatistics()
        package var decode = DecodeStatistics()
        package var meter = FlowMeterStatistics()
        package var warnings: [CaptureWarning] = []
        /// Whether a file was damaged, so that packets behind the damage are missing.
        package var isDamaged: Bool {
            warnings.contains { if case .damaged = $0.kind { true } else { false } }
        }
    }

    package let options: Options
    package init(options: Options) { self.options = options }

    /// Reads files to their end, or until `shouldStop`.
    ///
    /// - Parameters:
    ///   - output: where the text goes.
    ///   - progress: told the bytes read so far and in all, about every megabyte.
    package func run(
        files: [String], output: FlowOutput, shouldStop: () -> Bool = { false },
        progress: (UInt64, UInt64?) -> Void = { _, _ in }
    ) throws -> Outcome {
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try FileCapture(paths: files, options: capture)
        let total = source.totalBytes
        var thread = FlowThread(options: options, datagrams: output.isDatagram)
        var batches = 0
        while !shouldStop() {
            let more = try source.nextBatch { frames in thread.take(frames) }
            guard more else { break }
            try thread.hand(to: output)
            batches &+= 1
            if batches & 0xFFF == 0 { progress(source.statistics.fileBytes, total) }
        }
        try thread.finish(output)
        return Outcome(
            capture: source.statistics, decode: thread.decoder.statistics,
            meter: thread.meter.statistics, warnings: source.warnings)
    }
}

/// Decoder, meter and writer in a row: what one thread of packets goes through.
///
/// A batch is metered one batch late: while the next one is decoded, the memory that its flows lie
/// in comes into the cache.
@safe
struct FlowThread: ~Copyable {
    var decoder: PacketDecoder
    var meter: FlowMeter
    private var writer: FlowWriter
    /// Two batches: the one that waits to be metered, and the one that is being decoded.
    private let packets: UnsafeMutableBufferPointer<Packet>
    private var waitingStart = 0
    private var waitingCount = 0

    private static let batch = 64

    init(options: FlowExport.Options, datagrams: Bool) {
        var decode = options.decode
        decode.describesNames = false
        decoder = PacketDecoder(options: decode)
        meter = FlowMeter(options: options.meter)
        writer = FlowWriter(
            format: options.format, width: options.width, isColoured: options.isColoured,
            datagrams: datagrams)
        unsafe packets = .allocate(capacity: 2 * Self.batch)
        unsafe packets.initialize(repeating: Packet())
    }

    // SAFETY: the buffer is ours alone, and packets need no destruction.
    deinit { unsafe packets.deallocate() }

    /// Decodes one batch, at most 64 frames, and meters the one before.
    mutating func take(_ frames: Span<CapturedFrame>) {
        let buffer = unsafe packets
        // SAFETY: the buffer lives as long as self and nothing else uses it meanwhile.
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

    /// Meters the batch that waits.
    mutating func settle() {
        let buffer = unsafe packets
        // SAFETY: as in `take`.
        var span = unsafe buffer.mutableSpan
        var update = FlowUpdate()
        for position in waitingStart..<waitingStart &+ waitingCount {
            meter.observe(&span[position], &update)
        }
        waitingCount = 0
    }

    /// Writes the flows that have ended.
    mutating func hand(to output: FlowOutput, threshold: Int = 1 << 16) throws {
        meter.drain { writer.add($0) }
        guard writer.count >= threshold else { return }
        unsafe try writer.flush { bytes in unsafe try output.write(bytes) }
    }

    /// Ends every flow and writes what is left.
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
