public import NetworkAddresses

public import PacketDecoding
public import Timestamps

/// The key of a flow: both ends, protocol, and the network it was seen in.
///
/// `originator` is the end that opened the flow: the sender of the TCP SYN, otherwise of the first
/// packet.
public struct FlowKey: Hashable, Sendable, BitwiseCopyable {
    public var originator: IPAddress
    public var responder: IPAddress
    public var originatorPort: UInt16
    public var responderPort: UInt16
    public var ipProtocol: UInt8
    /// 4 or 6.
    public var ipVersion: UInt8
    /// Outermost VLAN id, 0 without.
    public var vlan: UInt16
    /// VNI, key or tunnel id, 0 without.
    public var tunnelIdentifier: UInt32

    public init(
        originator: IPAddress, responder: IPAddress, originatorPort: UInt16, responderPort: UInt16,
        ipProtocol: UInt8, ipVersion: UInt8, vlan: UInt16 = 0, tunnelIdentifier: UInt32 = 0
    ) {
        self.originator = originator
        self.responder = responder
        self.originatorPort = originatorPort
        self.responderPort = responderPort
        self.ipProtocol = ipProtocol
        self.ipVersion = ipVersion
        self.vlan = vlan
        self.tunnelIdentifier = tunnelIdentifier
    }
}

/// One report of a flow: the whole flow, or the interval since the previous report.
///
/// Counters are those of the interval; the connection's state, history and start are the flow's.
public struct FlowRecord: Sendable, BitwiseCopyable {
    public var key: FlowKey
    /// Inner VLAN id of QinQ, 0 without.
    public var innerVLAN: UInt16
    public var tunnel: Packet.Tunnel
    /// The outermost IP pair of a tunnelled flow, from its first packet; unspecified without a
    /// tunnel.
    public var outerOriginator: IPAddress
    public var outerResponder: IPAddress
    /// When the flow began.
    public var flowStart: Timestamp
    /// The first packet of this report.
    public var start: Timestamp
    /// The last packet of this report.
    public var end: Timestamp
    public var endReason: FlowEndReason
    /// Whether an earlier interval of the flow was already reported.
    public var isContinuation: Bool
    /// Whether the flow probably began before the capture.
    public var isMidstream: Bool
    /// Whether an ICMP "unreachable" or a RST refused it.
    public var isRefused: Bool
    /// Zeek's `conn_state`.
    public var connectionState: ConnectionState
    public var originator: FlowSide
    public var responder: FlowSide
    /// The flow's slot, as in `FlowUpdate`: no other flow has it before this record is taken.
    public var flow: Int32
    /// The letters of `history`, five bits each.
    var historyCode: UInt64
}

/// The counters of one end in the interval of a report.
public struct FlowSide: Sendable, BitwiseCopyable {
    public var packetCount: UInt64 = 0
    /// Bytes of the frames on the wire.
    public var wireOctetCount: UInt64 = 0
    /// Bytes of the IP packets, as their headers claim.
    public var ipOctetCount: UInt64 = 0
    /// Bytes after the transport header.
    public var payloadOctetCount: UInt64 = 0
    /// First and last packet; 1970 without packets.
    public var start = Timestamp.epoch
    public var end = Timestamp.epoch
    /// Smallest and largest frame in bytes; 0 without packets.
    public var sizeMinimum: UInt32 = 0
    public var sizeMaximum: UInt32 = 0
    public var sizeMean: Double = 0
    /// The population's standard deviation.
    public var sizeDeviation: Double = 0
    /// The time between consecutive packets of the same end; 0 with fewer than two packets.
    public var intervalMinimum = Interval.zero
    public var intervalMaximum = Interval.zero
    /// In nanoseconds, as is the deviation.
    public var intervalMean: Double = 0
    public var intervalDeviation: Double = 0
    /// Segments whose payload was sent before.
    public var retransmissionCount: UInt64 = 0
    /// All TCP flags that were set.
    public var tcpFlags: UInt8 = 0
}
