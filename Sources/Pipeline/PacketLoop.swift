import FlowMetering
import PacketCapture
import PacketDecoding

/// Reads captures, decodes and meters them, and hands each packet with what it did to its flow to a reader:
/// the one loop behind training, replay and evaluation.
struct PacketLoop {
    /// What was read, and what was wrong with it.
    struct Report: Sendable {
        var packetCount = 0
        var firstNanoseconds: Int64 = 0
        var lastNanoseconds: Int64 = 0
        var capture = CaptureStatistics()
        var decoding = DecodeStatistics()
        var metering = FlowMeterStatistics()
        var warnings: [CaptureWarning] = []
    }

    let paths: [String]
    let filter: String
    var progress: ProgressReport?

    /// Runs through all packets.
    ///
    /// - Parameter body: gets each packet, its update, and the meter to set the flow's tag in.
    func run(
        _ body: (Packet, FlowUpdate, inout FlowMeter) -> Void
    ) throws(CaptureError) -> Report {
        var options = CaptureOptions()
        options.filter = filter
        options.linkTypes = LinkType.supported.map(\.rawValue)
        let capture = try FileCapture(paths: paths, options: options)
        var decoder = PacketDecoder()
        var meterOptions = FlowMeterOptions()
        meterOptions.collectsRecords = false
        var meter = FlowMeter(options: meterOptions)
        var packet = Packet()
        var update = FlowUpdate()
        var report = Report()
        let total = capture.totalBytes
        var more = true
        while more {
            more = try capture.nextBatch { frames in
                for index in frames.indices {
                    let frame = frames[index]
                    // SAFETY: the frame's bytes live until this closure returns.
                    unsafe decoder.decode(
                        frame.bytes, linkType: LinkType(rawValue: frame.linkType),
                        timeNanoseconds: frame.timeNanoseconds, wireLength: frame.wireLength,
                        into: &packet)
                    // A file may claim any time; windows and reports count from 1970 to 2116.
                    packet.timeNanoseconds = min(max(packet.timeNanoseconds, 0), 1 << 62)
                    if report.packetCount == 0 { report.firstNanoseconds = packet.timeNanoseconds }
                    report.packetCount += 1
                    report.lastNanoseconds = max(report.lastNanoseconds, packet.timeNanoseconds)
                    meter.observe(&packet, &update)
                    body(packet, update, &meter)
                }
            }
            progress?.update(capture.statistics.fileBytes, of: total)
        }
        progress?.finish()
        report.capture = capture.statistics
        report.decoding = decoder.statistics
        report.metering = meter.statistics
        report.warnings = capture.warnings
        return report
    }
}
