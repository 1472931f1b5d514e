public import PacketCapture
public import PacketDecoding

extension PacketDecoder {
    /// Decodes a frame that its capture lends at this moment.
    @inlinable
    @inline(__always)
    public mutating func decode(_ frame: CapturedFrame, into packet: inout Packet) {
        // SAFETY: frames are lent within the closure that a capture calls, or until its next frame
        // is asked for, and nobody keeps one beyond that.
        unsafe decode(
            frame.bytes, linkType: LinkType(rawValue: frame.linkType),
            time: frame.time, wireLength: frame.wireLength, into: &packet)
    }
}
