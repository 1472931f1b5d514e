import FlowMetering
import FuzzSupport
import Glibc
import PacketCapture
import PacketDecoding

/// Reads, decodes and meters the input as a capture file: pcap, pcapng, gzip or zstd.
@c(LLVMFuzzerTestOneInput)
public func fuzzCapture(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0, let file = MemoryFile(start, count) else { return 0 }
    var options = CaptureOptions()
    if count % 3 == 0 { options.linkTypes = LinkType.supported.map(\.rawValue) }
    if count % 5 == 0 { options.filter = "tcp or udp port 53" }
    let paths = count % 7 == 0 ? [file.path, file.path] : [file.path]
    var decoder = PacketDecoder()
    var meter = FlowMeter()
    var seen = 0
    do {
        let capture = try FileCapture(paths: paths, options: options)
        while try capture.nextBatch({ frames in
            for index in frames.indices {
                var packet = Packet()
                decoder.decode(
                    frames[index].bytes, linkType: LinkType(rawValue: frames[index].linkType),
                    time: frames[index].time,
                    wireLength: frames[index].wireLength, into: &packet)
                _ = meter.observe(&packet)
                seen += 1
            }
        }) {}
        precondition(UInt64(seen) == capture.statistics.packets)
        for warning in capture.warnings { precondition(!warning.description.isEmpty) }
    } catch {
        precondition(!"\(error)".isEmpty)
    }
    return 0
}
