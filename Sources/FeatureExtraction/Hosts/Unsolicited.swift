import FlowMetering
import NetworkAddresses
import PacketDecoding

/// The kinds of packets that open no flow and continue none that is known.
public enum UnsolicitedKind: Int, CaseIterable, Sendable {
    /// TCP without any flag (nmap -sN).
    case null
    /// TCP with FIN alone (nmap -sF).
    case fin
    /// TCP with FIN, PSH and URG (nmap -sX).
    case xmas
    /// TCP with FIN and ACK (nmap -sM), which also ends connections older than the capture.
    case maimon
    /// TCP with ACK, with or without data (nmap -sA, -sW).
    case ack
    /// TCP with SYN and ACK: the answer to a connection that was never opened.
    case synAck
    case reset
    /// TCP with flags that no connection uses.
    case invalid
    /// A datagram from a service port to an unprivileged one: the answer to no question.
    case reply
    /// An ICMP answer to no request, or an error about no known flow.
    case icmpReply
    /// A later fragment without its first.
    case fragment
    /// A first fragment that ends within the TCP header (RFC 1858; nmap -f).
    case fragmentedHeader

    static let count = 12

    /// Whether hosts send such packets, too, on connections older than the monitor, or of which
    /// it sees only one direction.
    public var isPlausible: Bool {
        switch self {
        case .null, .fin, .xmas, .invalid, .fragmentedHeader: false
        default: true
        }
    }

    /// As in "1000 FIN".
    public var name: String {
        switch self {
        case .null: "NULL"
        case .fin: "FIN"
        case .xmas: "Xmas"
        case .maimon: "FIN/ACK"
        case .ack: "ACK"
        case .synAck: "SYN/ACK"
        case .reset: "RST"
        case .invalid: "invalid flags"
        case .reply: "UDP reply"
        case .icmpReply: "ICMP reply"
        case .fragment: "fragment"
        case .fragmentedHeader: "fragmented TCP header"
        }
    }

    /// The kind of a packet that opens no flow; nil if it is expected, or not counted.
    init?(_ packet: Packet, _ update: FlowUpdate) {
        switch packet.ipProtocol {
        case _ where packet.fragment == .later: self = .fragment
        case 6: self = Self.tcp(packet)
        case 17: self = .reply
        case 1, 58:
            guard Self.isUnexpectedICMP(packet, update) else { return nil }
            self = .icmpReply
        default: return nil
        }
    }

    private static func tcp(_ packet: Packet) -> UnsolicitedKind {
        if packet.fragment == .first, packet.tcpFlags == 0, packet.tcpWindow == 0,
            packet.tcpSequence == 0
        {
            return .fragmentedHeader
        }
        return switch packet.tcpFlags & 0x3F {
        case 0: .null
        case 0x01: .fin
        case 0x29: .xmas
        case 0x11, 0x19: .maimon
        case 0x10, 0x18, 0x30, 0x38: .ack
        case 0x12: .synAck
        case 0x04, 0x14, 0x1C: .reset
        default: .invalid
        }
    }

    /// An answer to a request, or an error that quotes a TCP, UDP or SCTP packet of no known flow,
    /// or nothing. Errors about other protocols cannot be checked.
    private static func isUnexpectedICMP(_ packet: Packet, _ update: FlowUpdate) -> Bool {
        let type = packet.icmpType
        let isAnswer = packet.ipProtocol == 1 ? [0, 14, 16, 18].contains(type) : type == 129
        if isAnswer { return true }
        let isError = packet.ipProtocol == 1 ? [3, 4, 11, 12].contains(type) : 1...4 ~= type
        guard isError, update.relatedFlow < 0 else { return false }
        return packet.quotedProtocol != 0 || packet.quotedSource.isUnspecified
    }
}

/// Unsolicited packets of a window, by kind.
public struct UnsolicitedCounts: Sendable, Equatable {
    fileprivate var columns = SIMD16<UInt32>(repeating: 0)

    public init() {}

    /// Packets of a kind, without those that the other end accepted.
    public subscript(kind: UnsolicitedKind) -> Int {
        get {
            let accepted =
                switch kind {
                case .ack: columns[Column.acceptedACK]
                case .maimon: columns[Column.acceptedFIN]
                case .reply: columns[Column.acceptedReply]
                default: UInt32(0)
                }
            let count = columns[kind.rawValue]
            return Int(count - min(count, accepted))
        }
        set { columns[kind.rawValue] = UInt32(clamping: newValue) }
    }

    /// Packets that the other end refused with RST or ICMP unreachable.
    public var rejected: Int {
        get { Int(columns[Column.rejected]) }
        set { columns[Column.rejected] = UInt32(clamping: newValue) }
    }

    public var total: Int {
        var sum = 0
        for column in 0..<Column.acceptedACK { sum += Int(columns[column]) }
        func accepted(_ kind: UnsolicitedKind, _ column: Int) -> Int {
            Int(min(columns[kind.rawValue], columns[column]))
        }
        return sum - accepted(.ack, Column.acceptedACK) - accepted(.maimon, Column.acceptedFIN)
            - accepted(.reply, Column.acceptedReply)
    }

    /// Whether there is no such packet, and no answer to one.
    public var isEmpty: Bool { columns == SIMD16(repeating: 0) }

    /// The most frequent kind, and its count.
    public var dominant: (kind: UnsolicitedKind, count: Int)? {
        guard !isEmpty else { return nil }
        var best: (kind: UnsolicitedKind, count: Int)?
        for kind in UnsolicitedKind.allCases where self[kind] > best?.count ?? 0 {
            best = (kind, self[kind])
        }
        return best
    }

    /// "1000 FIN, 3 RST", the most frequent first; at most three kinds.
    public var text: String {
        UnsolicitedKind.allCases.filter { self[$0] > 0 }
            .sorted { (self[$1], $0.rawValue) < (self[$0], $1.rawValue) }
            .prefix(3).map { "\(self[$0]) \($0.name)" }.joined(separator: ", ")
    }
}

/// The columns after those of the kinds.
private enum Column {
    static let acceptedACK = 12
    static let acceptedFIN = 13
    static let acceptedReply = 14
    static let rejected = 15
}

/// A host's unsolicited packets over the sliding windows; takes memory from the first one on.
struct UnsolicitedWindow: Sendable {
    /// The buckets of all scales, then the sums, then the current second.
    private var rows: [SIMD16<UInt32>] = []
    private var targets = DistinctWindow()
    /// The last packet's destination.
    private(set) var contact = Contact()

    private static let sums = Scale.ringSize
    private static let now = Scale.ringSize + Scale.allCases.count

    var isEmpty: Bool { rows.isEmpty }

    /// How the other end answered.
    enum Answer { case acceptedACK, acceptedFIN, acceptedReply, rejected }

    mutating func note(_ kind: UnsolicitedKind, to target: Contact) {
        allocate()
        rows[Self.now][kind.rawValue] &+= 1
        let address = target.address.high ^ DistinctWindow.mix(target.address.low)
        targets.insert(
            DistinctWindow.mix(address &+ UInt64(target.ipProtocol) << 16 &+ UInt64(target.port)),
            second: target.second, isNovel: false)
        contact = target
    }

    mutating func note(_ answer: Answer) {
        allocate()
        let column =
            switch answer {
            case .acceptedACK: Column.acceptedACK
            case .acceptedFIN: Column.acceptedFIN
            case .acceptedReply: Column.acceptedReply
            case .rejected: Column.rejected
            }
        rows[Self.now][column] &+= 1
    }

    private mutating func allocate() {
        guard rows.isEmpty else { return }
        rows = Array(repeating: SIMD16(repeating: 0), count: Self.now + 1)
    }

    /// Ends `second`, after `expire`.
    mutating func roll(_ second: Int) {
        guard !rows.isEmpty else { return }
        let now = rows[Self.now]
        for scale in Scale.allCases {
            rows[scale.ringIndex(second)] &+= now
            rows[Self.sums + scale.rawValue] &+= now
        }
        rows[Self.now] = SIMD16(repeating: 0)
    }

    /// Removes the buckets that begin after one second and up to another.
    mutating func expire(after first: Int, through second: Int) {
        guard !rows.isEmpty else { return }
        for scale in Scale.allCases {
            for bucket in scale.reused(after: first, through: second) {
                let index = scale.ringIndex(bucket: bucket)
                rows[Self.sums + scale.rawValue] &-= rows[index]
                rows[index] = SIMD16(repeating: 0)
            }
        }
    }

    func counts(_ scale: Scale) -> UnsolicitedCounts {
        var counts = UnsolicitedCounts()
        if !rows.isEmpty { counts.columns = rows[Self.sums + scale.rawValue] }
        return counts
    }

    /// The packets of all kinds.
    func total(_ scale: Scale) -> Int { rows.isEmpty ? 0 : counts(scale).total }

    /// The packets of all kinds in one bucket.
    func total(inBucket index: Int) -> Int {
        guard !rows.isEmpty else { return 0 }
        var counts = UnsolicitedCounts()
        counts.columns = rows[index]
        return counts.total
    }

    /// Whether the distinct pairs are estimated.
    var isEstimated: Bool { targets.isEstimated }

    /// Distinct pairs of address and port.
    mutating func targetCount(_ scale: Scale, at second: Int) -> Float {
        targets.count(scale, at: second)
    }
}
