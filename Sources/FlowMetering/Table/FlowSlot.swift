internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// One flow in the table: four cache lines of 64 bytes, with the key and the links in the first.
///
/// The key is independent of direction: the lower (address, port) pair comes first.
struct FlowSlot: BitwiseCopyable {
    var low: IPAddress
    var high: IPAddress
    var lowPort: UInt16
    var highPort: UInt16
    var tunnelIdentifier: UInt32
    var vlan: UInt16
    var ipProtocol: UInt8
    var ipVersion: UInt8
    /// The upper half of the key's hash.
    var hash: UInt32
    /// The next slot in the timer's bucket, the list of ended flows, or the free list; -1 at the
    /// end.
    var next: Int32
    /// The previous slot in the timer's bucket; for the first slot, the complement of the bucket's
    /// index.
    var previous: Int32
    /// The slot itself; in a copy for a report, that of the flow.
    var number: Int32
    /// The index of a tunnelled flow's outer pair; -1 without.
    var wrapping: Int32
    var start: Timestamp
    /// Zeek's history, five bits per letter, the first letter lowest.
    var history: UInt64
    /// The counters of the lower end.
    var fromLow: SideCounters
    /// The counters of the higher end.
    var fromHigh: SideCounters

    /// The flow's bits, stored in the spare field of the lower side's counters.
    var bits: FlowBits {
        get { FlowBits(rawValue: fromLow.extra) }
        set { fromLow.extra = newValue.rawValue }
    }

    /// The inner VLAN id of QinQ, stored in the spare field of the higher side's counters.
    var innerVLAN: UInt16 {
        get { fromHigh.extra }
        set { fromHigh.extra = newValue }
    }

    /// An order of flows that started at the same time.
    func hasLowerKey(than other: FlowSlot) -> Bool {
        (low, high, lowPort, highPort, tunnelIdentifier, link)
            < (
                other.low, other.high, other.lowPort, other.highPort, other.tunnelIdentifier,
                other.link
            )
    }

    private var link: UInt32 {
        UInt32(vlan) << 16 | UInt32(ipProtocol) << 8 | UInt32(ipVersion)
    }

    /// The time of the last packet.
    @inline(__always)
    var last: Timestamp { max(fromLow.last, fromHigh.last) }

    /// The time of the first packet in the current interval.
    var recordStart: Timestamp {
        if fromLow.packets == 0 { return fromHigh.packets == 0 ? start : fromHigh.first }
        return fromHigh.packets == 0 ? fromLow.first : min(fromLow.first, fromHigh.first)
    }
}

/// Flags of a flow as a whole.
struct FlowBits: OptionSet, BitwiseCopyable {
    let rawValue: UInt16
    static let originatorIsHigh = FlowBits(rawValue: 1)
    static let midstream = FlowBits(rawValue: 2)
    static let established = FlowBits(rawValue: 4)
    /// Both ends have sent FIN, or one has sent RST.
    static let closed = FlowBits(rawValue: 8)
    static let refused = FlowBits(rawValue: 16)
    static let answered = FlowBits(rawValue: 32)
    /// An interval of the flow was already reported.
    static let continued = FlowBits(rawValue: 64)
    /// The originator was determined by the port numbers, not by the first packet.
    static let flipped = FlowBits(rawValue: 128)
    /// The originator sent something that a refusal of a login may answer. Together with
    /// `decided`: it sent no such thing, and the responder's answers can be read.
    static let asked = FlowBits(rawValue: 1 << 14)
    /// The responder granted or refused a login.
    static let decided = FlowBits(rawValue: 1 << 15)

    /// The kind of tunnel in bits 8 to 10; the end reason of an ended flow is in bits 11 to 13.
    static func tunnel(_ tunnel: Packet.Tunnel) -> FlowBits {
        FlowBits(rawValue: UInt16(tunnel.rawValue & 7) << 8)
    }

    static func reason(_ reason: FlowEndReason) -> FlowBits {
        FlowBits(rawValue: UInt16(reason.rawValue & 7) << 11)
    }

    /// Whether an end reason is set.
    var hasEnded: Bool { rawValue >> 11 & 7 != 0 }
    var tunnel: Packet.Tunnel { Packet.Tunnel(rawValue: UInt8(rawValue >> 8 & 7)) ?? .none }
    var reason: FlowEndReason { FlowEndReason(rawValue: UInt8(rawValue >> 11 & 7)) ?? .forcedEnd }
}

/// The counters of one end, in 88 bytes. The fields that the other end's packets need come first,
/// so a packet of the lower end touches three cache lines of the slot.
struct SideCounters: BitwiseCopyable {
    var last = Timestamp.distantPast
    var packets: UInt32 = 0
    var retransmissions: UInt32 = 0
    var wireBytes: UInt64 = 0
    var ipBytes: UInt64 = 0
    var payloadBytes: UInt64 = 0
    /// The sum of the squares of the wire lengths; exact up to 2^53.
    var sizeSquares: Double = 0
    /// The sum of the squares of the intervals, in ns².
    var intervalSquares: Double = 0
    var first = Timestamp.epoch
    var sizeMinimum: UInt32 = .max
    var sizeMaximum: UInt32 = 0
    /// In the format of `encode`.
    var intervalMinimum: UInt32 = .max
    var intervalMaximum: UInt32 = 0
    /// TCP: the sequence number after the highest byte sent.
    var nextSequence: UInt32 = 0
    /// All TCP flags that were set.
    var flags: UInt8 = 0
    /// The history letters of this end, one bit each.
    var letters: UInt8 = 0
    /// A spare field; see `FlowSlot.bits` and `FlowSlot.innerVLAN`.
    var extra: UInt16 = 0

    /// Encodes an interval in four bytes: exact below 2^31 ns, then in steps of 1,024 ns up to 36
    /// minutes, the maximum. Codes compare like the intervals.
    @inline(__always)
    static func encode(_ interval: Interval) -> UInt32 {
        let nanoseconds = interval.nanoseconds
        if nanoseconds < 0x8000_0000 { return UInt32(truncatingIfNeeded: max(0, nanoseconds)) }
        return 0x8000_0000 | UInt32(min(nanoseconds >> 10, 0x7FFF_FFFF))
    }

    static func decode(_ code: UInt32) -> Interval {
        Interval(
            nanoseconds: code < 0x8000_0000 ? Int64(code) : Int64(code & 0x7FFF_FFFF) << 10)
    }

    /// Counts a packet.
    @inline(__always)
    mutating func count(_ packet: inout Packet) {
        let time = packet.time
        let size = packet.wireLength
        wireBytes &+= UInt64(size)
        ipBytes &+= UInt64(packet.ipLength)
        payloadBytes &+= UInt64(packet.payloadLength)
        sizeSquares += Double(size) * Double(size)
        sizeMinimum = min(sizeMinimum, size)
        sizeMaximum = max(sizeMaximum, size)
        flags |= packet.tcpFlags
        if packets == 0 {
            first = time
            last = time
        } else {
            let interval = max(.zero, time - last)
            let square = Double(interval.nanoseconds)
            intervalSquares += square * square
            let code = Self.encode(interval)
            intervalMinimum = min(intervalMinimum, code)
            intervalMaximum = max(intervalMaximum, code)
            first = min(first, time)
            last = max(last, time)
        }
        packets &+= 1
    }

    /// The payload in bytes, also in a capture whose frames were cut and have lost their lengths:
    /// then by the lengths in the IP headers.
    ///
    /// - Parameter header: the headers of a segment; a SYN has 8 bytes more.
    func carried(header: UInt64) -> UInt32 {
        let headers = UInt64(packets) &* header &+ 8
        return UInt32(clamping: max(payloadBytes, ipBytes &- min(ipBytes, headers)))
    }

    /// Starts the next interval: resets the counters and keeps the connection's state.
    mutating func restart() {
        var fresh = SideCounters()
        fresh.last = last
        fresh.nextSequence = nextSequence
        fresh.letters = letters
        fresh.extra = extra
        self = fresh
    }
}

/// The outer pair of a tunnelled flow, stored separately because few flows have one.
struct Wrapping: BitwiseCopyable {
    var low: IPAddress
    var high: IPAddress
    var next: Int32
}
