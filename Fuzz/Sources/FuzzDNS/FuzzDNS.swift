import PacketDecoding
import Timestamps

/// Decodes the input as a DNS message over UDP, and after a length over TCP.
@c(LLVMFuzzerTestOneInput)
public func fuzzDNS(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start else { return 0 }
    var decoder = PacketDecoder()
    for ipProtocol in [UInt8(17), 6] {
        let frame = wrapped(UnsafeBufferPointer(start: start, count: count), ipProtocol)
        var packet = Packet()
        frame.withUnsafeBytes { bytes in
            decoder.decode(
                bytes, linkType: .raw, time: .epoch, wireLength: UInt32(bytes.count),
                into: &packet)
        }
        precondition(packet.kind == .ip)
        precondition(packet.dns.nameEntropyHundredths <= 800)
        precondition(packet.dns.labelCount <= 128)
    }
    return 0
}
