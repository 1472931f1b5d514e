public import PacketCapture
public import PacketDecoding

extension PacketDecoder {
    /// Decodes a frame that is currently borrowed from its capture.
    @inlinable
    @inline(__always)
    public mutating func decode(_ frame: CapturedFrame, into packet: inout Packet) {
        // SAFETY: a frame is valid within the closure that the capture calls, or until the next
        // frame is requested, and no code keeps one longer.
        unsafe decode(
            frame.bytes, linkType: LinkType(rawValue: frame.linkType),
            time: frame.time, wireLength: frame.wireLength, into: &packet)
        packet.port = frame.port
        packet.packetType = PacketType(rawValue: frame.packetType) ?? .unknown
    }
}
