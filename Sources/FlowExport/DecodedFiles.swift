internal import PacketCapture
internal import PacketDecoding
internal import PacketIntake
internal import SystemSupport

/// Reads captures and decodes their packets, a batch at a time.
struct DecodedFiles: ~Copyable, BatchSource {
    /// What was read, and the problems found.
    struct Summary: Sendable {
        var capture: CaptureStatistics
        var decode: DecodeStatistics
        var warnings: [CaptureWarning]
    }

    private let capture: FileCapture
    private var decoder: PacketDecoder

    init(
        paths: [String], options: CaptureOptions, decoding: PacketDecoder.Options
    ) throws(CaptureError) {
        capture = try FileCapture(paths: paths, options: options)
        decoder = PacketDecoder(options: decoding)
    }

    mutating func fill(_ batch: inout DecodedPackets) throws(CaptureError) -> Bool {
        batch.clear()
        defer { batch.fileBytes = capture.statistics.fileBytes }
        while batch.hasRoom {
            let hasMore = try capture.nextBatch { frames in
                for position in 0..<frames.count {
                    decoder.decode(frames[position], into: &batch.packets[batch.count + position])
                }
                batch.parts.append(batch.count..<batch.count + frames.count)
            }
            guard hasMore else { return false }
        }
        return true
    }

    var summary: Summary {
        Summary(
            capture: capture.statistics, decode: decoder.statistics, warnings: capture.warnings)
    }
}

/// Decoded packets in order.
struct DecodedPackets: EmptyBatch {
    /// The most frames that a capture returns at once.
    private static let most = 64
    /// 75 KB, a part of a core's second cache.
    private static let capacity = 4 * most

    var packets = [Packet](repeating: Packet(), count: Self.capacity)
    /// The packets of the frames that were read at once. Flows are written after each: which slots
    /// are free, and so the order of flows that the end of the captures ends, depends on it.
    var parts: [Range<Int>] = []
    /// The bytes of the files up to here.
    var fileBytes: UInt64 = 0

    init() {}

    var count: Int { parts.last?.upperBound ?? 0 }

    var hasRoom: Bool { count + Self.most <= Self.capacity }

    mutating func clear() { parts.removeAll(keepingCapacity: true) }
}
