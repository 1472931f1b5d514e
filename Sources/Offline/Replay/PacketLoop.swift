import FlowMetering
import PacketCapture
import PacketDecoding
import PacketIntake
import SystemSupport
import Workloads

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
    /// - Parameters:
    ///   - names: gets who has which address, as a monitor has noted it, before the packets that it holds for.
    ///   - body: gets each packet, its update, and the meter to set the flow's tag in.
    func run(
        names: (WorkloadChange) -> Void,
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
        var noted = RecordedNames()
        var recorded = RecordedPackets()
        let total = capture.totalBytes
        func observe(_ packet: inout Packet) {
            if !noted.isEmpty { noted.release(until: packet.timeNanoseconds, names) }
            meter.observe(&packet, &update)
            body(packet, update, &meter)
        }
        var more = true
        while more {
            more = try capture.nextBatch { frames in
                noted.add(capture.takeNotes(), names)
                for index in frames.indices {
                    let frame = frames[index]
                    decoder.decode(frame, into: &packet)
                    // A file may claim any time; windows and reports count from 1970 to 2116.
                    packet.timeNanoseconds = min(max(packet.timeNanoseconds, 0), 1 << 62)
                    if report.packetCount == 0 { report.firstNanoseconds = packet.timeNanoseconds }
                    report.packetCount += 1
                    report.lastNanoseconds = max(report.lastNanoseconds, packet.timeNanoseconds)
                    if noted.isRecording {
                        recorded.add(packet, from: frame.interface, observe)
                    } else {
                        observe(&packet)
                    }
                }
            }
            progress?.update(capture.statistics.fileBytes, of: total)
        }
        if noted.isRecording { recorded.finish(observe) }
        progress?.finish()
        report.capture = capture.statistics
        report.decoding = decoder.statistics
        report.metering = meter.statistics
        report.warnings = capture.warnings
        return report
    }
}
