import FeatureExtraction
import FlowMetering
import Indicators
import PacketCapture
import PacketDecoding
import PacketIntake
import SenderAttribution
import SystemSupport
import Workloads
import Timestamps

/// Reads captures, decodes and meters them, a batch at a time.
struct PacketSource: ~Copyable, BatchSource {
    /// What is read.
    struct Input: Sendable {
        var paths: [String]
        var filter = ""
        /// Whether the captures' notes name workloads; if false, they are only shown.
        var trustsNotes = false
        var limits = ResourceLimits()
        var listedNames: NameTable?
        /// The names whose texts are not read; nil: no texts are.
        var knownNames: Set<NameDigest>?
        var progress: ProgressReport?
        /// Learns the graph from what is read; nil: nothing does.
        var learning: GraphLearning?
    }

    /// What was read, and the problems found.
    struct Report: Sendable {
        var packetCount = 0
        var first = Timestamp.epoch
        var last = Timestamp.epoch
        var capture = CaptureStatistics()
        var decoding = DecodeStatistics()
        var metering = FlowMeterStatistics()
        var warnings: [CaptureWarning] = []
        /// Whether all packets of the captures were read and used.
        var isWhole = true
        /// Remarks on notes of the captures that were left out.
        var remarks: [String] = []
        /// The texts of the first names that were queried and are not known.
        var nameTexts: [NameDigest: String] = [:]
        /// The input's, with all that was read.
        var learning: GraphLearning?
    }

    private let input: Input
    private let capture: FileCapture
    private let totalBytes: UInt64?
    private var decoder = PacketDecoder()
    private var meter: FlowMeter
    private var names: RecordedNames
    /// Puts the packets of a monitor's recording in order; nil if there is no recording.
    private var recorded: RecordedPackets?
    private var ports = RecordedPortChanges()
    /// Recognizes packets that the node forwards, and that a recording at its ports has twice.
    private var forwarded = ForwardedPackets()
    private var counts = Report()
    private var clock = CaptureClock()
    private var learning: GraphLearning?

    init(_ input: Input) throws(CaptureError) {
        self.input = input
        learning = input.learning
        decoder.listedNames = input.listedNames
        names = RecordedNames(isTrusted: input.trustsNotes)
        var options = CaptureOptions()
        // The notes at the start of a file contain all names that a monitor knew.
        options.noteLimit = input.trustsNotes ? 64 << 20 : 1 << 20
        options.filter = input.filter
        options.shouldStop = { Interruption.isRequested }
        options.linkTypes = LinkType.supported.map(\.rawValue)
        capture = try FileCapture(paths: input.paths, options: options)
        totalBytes = capture.totalBytes
        var meterOptions = FlowMeterOptions()
        meterOptions.collectsRecords = false
        meterOptions.capacity = input.limits.flowCapacity
        meter = FlowMeter(options: meterOptions)
    }

    /// What was read so far.
    var summary: Report {
        var report = counts
        report.capture = capture.statistics
        report.decoding = decoder.statistics
        report.metering = meter.statistics
        report.warnings = capture.warnings
        report.isWhole = capture.warnings.isEmpty && clock.leftOut == 0
        report.learning = learning
        report.remarks = [names.remark].compactMap(\.self)
        if clock.leftOut > 0 {
            report.remarks.append(
                "\(clock.leftOut) packets were left out: their time is far behind that of packets "
                    + "before them (the clock was set back \(clock.setBack) times)")
        }
        if input.trustsNotes, capture.lostNotes > 0 {
            report.remarks.append(
                "\(capture.lostNotes) notes past 64 MiB before one packet were left out")
        }
        return report
    }

    /// Reads, decodes and meters the next packets.
    ///
    /// - Returns: false if these are the last.
    mutating func fill(_ batch: inout PacketBatch) throws(CaptureError) -> Bool {
        batch.clear()
        var isMetered = 0
        var goesOn = true
        while batch.count < PacketBatch.capacity {
            guard try read(into: &batch.packets[batch.count]) else {
                input.progress?.finish()
                goesOn = false
                break
            }
            let time = batch.packets[batch.count].time
            switch clock.note(time) {
            case .isBehind: continue
            case .goesOn: break
            case .wasSetBack:
                meter.observe(&batch.packets, &batch.updates, isMetered..<batch.count)
                isMetered = batch.count
                meter = FlowMeter(options: meter.options)
                batch.add(.clockSetBack)
            }
            while names.hasChanges, let change = names.next(at: time) {
                batch.add(.names(change))
            }
            while ports.hasChanges, let change = ports.next(at: time) {
                batch.add(.ports(change))
            }
            batch.count += 1
        }
        meter.observe(&batch.packets, &batch.updates, isMetered..<batch.count)
        learning?.observe(batch)
        return goesOn
    }

    /// Decodes the next packet; false at the end.
    private mutating func read(into packet: inout Packet) throws(CaptureError) -> Bool {
        if recorded?.next(into: &packet) ?? false { return true }
        while let frame = try capture.next() {
            if capture.hasNews { takeNews() }
            decode(frame, into: &packet)
            if counts.packetCount & 0x3FF == 0, Interruption.isRequested { throw .interrupted }
            if forwarded.isRepeat(packet) { continue }
            guard recorded != nil else { return true }
            // Frames of one ring are already in one order.
            recorded?.add(packet, from: frame.port == 0 ? frame.interface : 0)
            if recorded?.next(into: &packet) ?? false { return true }
        }
        if Interruption.isRequested { throw .interrupted }
        recorded?.finish()
        return recorded?.next(into: &packet) ?? false
    }

    private mutating func takeNews() {
        if capture.hasNotes {
            names.add(capture.takeNotes())
            if names.isRecording, recorded == nil { recorded = RecordedPackets() }
        }
        if capture.hasPorts { ports.add(capture.takePorts()) }
    }

    private mutating func decode(_ frame: CapturedFrame, into packet: inout Packet) {
        decoder.decode(frame, into: &packet)
        if input.knownNames != nil, packet.dns.kind == .query { readName(packet, frame) }
        // A file can contain any timestamp; windows and reports count from 1970 to 2116.
        packet.time = min(max(packet.time, .epoch), FrameIntake.lastTime)
        if counts.packetCount == 0 { counts.first = packet.time }
        counts.last = max(counts.last, packet.time)
        counts.packetCount += 1
        if counts.packetCount & 0x3FF == 0 {
            input.progress?.update(capture.statistics.fileBytes, of: totalBytes)
        }
    }

    private mutating func readName(_ packet: Packet, _ frame: CapturedFrame) {
        let digest = packet.dns.nameDigest
        guard packet.dns.kind == .query, counts.nameTexts.count < NameJudge.nameLimit,
            input.knownNames?.contains(digest) == false, counts.nameTexts[digest] == nil
        else { return }
        // SAFETY: the frame's bytes are valid until the next one is read.
        counts.nameTexts[digest] = unsafe packet.dns.name(in: frame.bytes)
    }
}

/// Metered packets in order, and the changes that apply between them.
struct PacketBatch: Sendable, EmptyBatch {
    /// About 150 KB.
    static let capacity = 512

    var packets = [Packet](repeating: Packet(), count: Self.capacity)
    var updates = [FlowUpdate](repeating: FlowUpdate(), count: Self.capacity)
    /// The number of packets.
    var count = 0
    /// Each with the number of packets before it.
    private(set) var changes: [(position: Int, change: PacketReader.Step)] = []

    init() {}

    mutating func clear() {
        count = 0
        changes.removeAll(keepingCapacity: true)
    }

    /// Adds a change that applies to the packets after those of the batch so far.
    mutating func add(_ change: PacketReader.Step) { changes.append((count, change)) }
}
