public import Indicators
internal import NetworkAddresses
public import Timestamps

/// Decodes the bytes of a frame into a `Packet` without allocating or copying; no input causes a
/// trap.
///
/// It follows tags, labels and tunnels to the innermost IP header that is not just quoted by an
/// ICMP error. If an inner packet is malformed, the outer one is used.
///
/// It is not copyable, so no call on the hot path copies its counters.
public struct PacketDecoder: ~Copyable, Sendable {
    /// The options of a decoder.
    public struct Options: Sendable {
        /// Whether packets inside tunnels are decoded; if not, the outermost IP header is used.
        public var followsTunnels = true
        /// Whether wrong checksums are counted. Captures taken on the sending host have many,
        /// because its network card computes the checksums later.
        public var verifiesChecksums = false
        /// Whether names in DNS queries are hashed and their entropy computed; metering needs
        /// neither.
        public var describesNames = true
        /// Whether attempts to log in and their answers are read; metering does not need them.
        public var readsLogins = true
        /// The greatest number of tags, labels and tunnels around one packet. Priority tags before
        /// another tag do not count.
        public var nestingLimit = 16

        public init() {}
    }

    public let options: Options
    /// The counters so far.
    public var statistics = DecodeStatistics()
    /// Names that are looked for in DNS questions; nil: none.
    public var listedNames: NameTable?
    let entropyTable = EntropyTable()

    public init(options: Options = Options()) { self.options = options }

    /// Decodes one frame into `packet`, every field of which is set.
    ///
    /// - Parameters:
    ///   - bytes: the captured bytes, borrowed for the call; may be fewer than the frame had.
    ///   - wireLength: bytes of the frame on the wire.
    /// - Complexity: O(layers), and O(name) for a DNS message; no allocation.
    @unsafe
    public mutating func decode(
        _ bytes: UnsafeRawBufferPointer, linkType: LinkType, time: Timestamp,
        wireLength: UInt32, into packet: inout Packet
    ) {
        packet = Packet()
        packet.time = time
        packet.wireLength = wireLength
        statistics.frames &+= 1
        statistics.wireBytes &+= UInt64(wireLength)
        guard let frame = unsafe FrameBytes(bytes) else {
            statistics.truncatedLink &+= 1
            return
        }
        var cursor = Cursor(frame: frame, end: max(Int(wireLength), frame.count))
        if linkType == .ethernet {
            ethernet(&cursor, &packet)
        } else {
            otherLink(linkType, &cursor, &packet)
        }
        count(&packet)
    }

    /// The same for a span.
    public mutating func decode(
        _ bytes: RawSpan, linkType: LinkType, time: Timestamp, wireLength: UInt32,
        into packet: inout Packet
    ) {
        // SAFETY: the buffer is used only within the call that borrows the span.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe decode(
                buffer, linkType: linkType, time: time,
                wireLength: wireLength, into: &packet)
        }
    }

    @inline(__always)
    private mutating func count(_ packet: inout Packet) {
        switch packet.kind {
        case .ip:
            if packet.ipVersion == 4 { statistics.ipv4 &+= 1 } else { statistics.ipv6 &+= 1 }
            if packet.fragment != .none { statistics.fragments &+= 1 }
            if packet.tunnel != .none { statistics.tunnelled &+= 1 }
            if packet.dns.kind != .none { countDNS(&packet) }
        case .arp: statistics.arp &+= 1
        case .other: break
        }
    }

    @inline(never)
    private mutating func countDNS(_ packet: inout Packet) {
        // What else comes to that port over TCP is no message.
        let isCut = packet.dns.kind == .cut
        if isCut, packet.ipProtocol == 6 { return }
        statistics.dns &+= 1
        if isCut || packet.dns.kind == .malformed { statistics.malformedDNS &+= 1 }
    }
}

/// The decoder's position in a frame.
struct Cursor {
    let frame: FrameBytes
    /// The offset of the next header.
    var at = 0
    /// The offset of the end of the current layer's payload, by the headers; may be past the
    /// captured bytes.
    var end: Int
    /// The number of tags, labels and tunnels so far.
    var layers = 0

    init(frame: FrameBytes, end: Int) {
        self.frame = frame
        self.end = end
    }

    /// Whether the next `length` bytes are captured.
    @inline(__always)
    func has(_ length: Int) -> Bool { frame.has(length, at: at) }

    @inline(__always) func u8(_ offset: Int) -> UInt8 { frame.u8(at &+ offset) }
    @inline(__always) func u16(_ offset: Int) -> UInt16 { frame.u16(at &+ offset) }
    @inline(__always) func u32(_ offset: Int) -> UInt32 { frame.u32(at &+ offset) }
}
