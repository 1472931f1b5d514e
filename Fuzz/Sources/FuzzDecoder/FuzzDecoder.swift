import FlowMetering
import PacketDecoding
import Timestamps

/// Decodes and meters one frame, or several separated by their lengths. The first byte selects
/// the link type, the second whether checksums are verified.
@c(LLVMFuzzerTestOneInput)
public func fuzzDecoder(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 4 else { return 0 }
    let links = LinkType.supported
    let link = links[Int(start[0]) % links.count]
    var options = PacketDecoder.Options()
    options.verifiesChecksums = start[1] & 1 == 1
    var decoder = PacketDecoder(options: options)
    var meter = smallMeter()
    var packet = Packet()
    var at = 2
    var time = Timestamp.epoch
    while at + 2 <= count {
        let length = min(Int(start[at]) << 3 | Int(start[at + 1]) & 7, count - at - 2)
        time += .nanoseconds(Int64(start[at + 1]) << 26)
        let bytes = UnsafeRawBufferPointer(start: start + at + 2, count: length)
        decoder.decode(
            bytes, linkType: link, time: time, wireLength: UInt32(length) &+ 3,
            into: &packet)
        let update = meter.observe(&packet)
        meter.setTag(7, of: update.flow)
        at += 2 + max(1, length)
    }
    meter.finish()
    var total: UInt64 = 0
    meter.drain { total &+= $0.packetCount }
    precondition(total == meter.statistics.metered, "packets were lost")
    return 0
}
