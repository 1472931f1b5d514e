public import NetworkAddresses

/// What makes a flow one flow: both ends, protocol, and the network it was seen in.
///
/// `originator` is who opened the flow: the sender of the TCP SYN, else of the first packet.
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

/// Why a flow record was written, by the names of IPFIX `flowEndReason` (RFC 5102, element 136).
public enum FlowEndReason: UInt8, Sendable, BitwiseCopyable {
    case idleTimeout = 1
    case activeTimeout = 2
    case endOfFlow = 3
    case forcedEnd = 4
    case lackOfResources = 5
}
