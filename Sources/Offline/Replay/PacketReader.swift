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

/// Reads captures, decodes and meters them: the source of packets for training, replay and
/// evaluation.
///
/// Packets come in the order of the captures, and names precede the packets to which they apply:
///
///     while let step = try packets.next() {
///         switch step {
///         case .names(let change): tracker.apply(change)
///         case .ports(let change): tracker.apply(change)
///         case .clockSetBack: tracker.restart()
///         case .packet: print(packets.packet.source, packets.update.events)
///         }
///     }
struct PacketReader: ~Copyable {
    enum Step {
        /// Changes of address owners, as a monitor recorded them.
        case names(WorkloadChange)
        /// The monitor's notes about the ports of its node.
        case ports(PortChange)
        /// The capture's clock was set back before the next packet: windows and flows start again.
        case clockSetBack
        /// The next packet is in `packet`, and what it did to its flow in `update`.
        case packet
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
    }

    private(set) var packet = Packet()
    private(set) var update = FlowUpdate()
    private var tags = FlowTags()
    /// The names whose texts are not read; nil: no texts are.
    var knownNames: Set<NameDigest>?
    /// The texts of the first other names that were queried.
    private(set) var nameTexts: [NameDigest: String] = [:]
    private let capture: FileCapture
    private let trustsNotes: Bool
    private let totalBytes: UInt64?
    private let progress: ProgressReport?
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
    private let meterOptions: FlowMeterOptions
    /// Whether `packet` is still to be returned, after the names that apply to it.
    private var isWaiting = false

    /// - Parameter trustsNotes: whether the captures' notes name workloads; if false, they are only
    ///   shown.
    init(
        paths: [String], filter: String, trustsNotes: Bool,
        limits: ResourceLimits = ResourceLimits(), listedNames: NameTable? = nil,
        progress: ProgressReport?
    ) throws(CaptureError) {
        decoder.listedNames = listedNames
        self.trustsNotes = trustsNotes
        names = RecordedNames(isTrusted: trustsNotes)
        var options = CaptureOptions()
        // The notes at the start of a file contain all names that a monitor knew.
        options.noteLimit = trustsNotes ? 64 << 20 : 1 << 20
        options.filter = filter
        options.linkTypes = LinkType.supported.map(\.rawValue)
        capture = try FileCapture(paths: paths, options: options)
        totalBytes = capture.totalBytes
        self.progress = progress
        var meterOptions = FlowMeterOptions()
        meterOptions.collectsRecords = false
        meterOptions.capacity = limits.flowCapacity
        self.meterOptions = meterOptions
        meter = FlowMeter(options: meterOptions)
    }

    /// What was read so far.
    var report: Report {
        var report = counts
        report.capture = capture.statistics
        report.decoding = decoder.statistics
        report.metering = meter.statistics
        report.warnings = capture.warnings
        report.isWhole = capture.warnings.isEmpty && clock.leftOut == 0
        report.remarks = [names.remark].compactMap(\.self)
        if clock.leftOut > 0 {
            report.remarks.append(
                "\(clock.leftOut) packets were left out: their time is far behind that of packets "
                    + "before them (the clock was set back \(clock.setBack) times)")
        }
        if trustsNotes, capture.lostNotes > 0 {
            report.remarks.append(
                "\(capture.lostNotes) notes past 64 MiB before one packet were left out")
        }
        return report
    }

    /// Advances to the next packet, or to names that apply from there on; nil at the end.
    mutating func next() throws(CaptureError) -> Step? {
        if !isWaiting {
            var step = CaptureClock.Step.isBehind
            while step == .isBehind {
                guard try read() else {
                    progress?.finish()
                    return nil
                }
                step = clock.note(packet.time)
            }
            isWaiting = true
            if step == .wasSetBack {
                meter = FlowMeter(options: meterOptions)
                return .clockSetBack
            }
        }
        if let change = names.next(at: packet.time) { return .names(change) }
        if let change = ports.next(at: packet.time) { return .ports(change) }
        isWaiting = false
        meter.observe(&packet, &update)
        tags.complete(&update)
        return .packet
    }

    /// Attaches a tag to the flow of `packet` until the flow ends; later packets return it in
    /// `update.tag`.
    mutating func setTag(_ tag: UInt32) { tags.set(tag, of: update.flow) }

    /// Decodes the next packet; false at the end.
    private mutating func read() throws(CaptureError) -> Bool {
        if recorded?.next(into: &packet) ?? false { return true }
        while let frame = try capture.next() {
            if capture.hasNotes { addNotes() }
            if capture.hasPorts { ports.add(capture.takePorts()) }
            decode(frame)
            if counts.packetCount & 0x3FF == 0, Interruption.isRequested { throw .interrupted }
            if forwarded.isRepeat(packet) { continue }
            guard recorded != nil else { return true }
            // Frames of one ring are already in one order.
            recorded?.add(packet, from: frame.port == 0 ? frame.interface : 0)
            if recorded?.next(into: &packet) ?? false { return true }
        }
        recorded?.finish()
        return recorded?.next(into: &packet) ?? false
    }

    private mutating func addNotes() {
        names.add(capture.takeNotes())
        if names.isRecording, recorded == nil { recorded = RecordedPackets() }
    }

    private mutating func decode(_ frame: CapturedFrame) {
        decoder.decode(frame, into: &packet)
        if knownNames != nil, packet.dns.kind == .query { readName(frame) }
        // A file can contain any timestamp; windows and reports count from 1970 to 2116.
        packet.time = min(max(packet.time, .epoch), FrameIntake.lastTime)
        if counts.packetCount == 0 { counts.first = packet.time }
        counts.last = max(counts.last, packet.time)
        counts.packetCount += 1
        if counts.packetCount & 0x3FF == 0 {
            progress?.update(capture.statistics.fileBytes, of: totalBytes)
        }
    }

    private mutating func readName(_ frame: CapturedFrame) {
        let digest = packet.dns.nameDigest
        guard nameTexts.count < NameJudge.nameLimit, knownNames?.contains(digest) == false,
            nameTexts[digest] == nil
        else { return }
        // SAFETY: the frame's bytes are valid until the next one is read.
        nameTexts[digest] = unsafe packet.dns.name(in: frame.bytes)
    }
}
