import BaselineGraph
public import NetworkAddresses
import PacketDecoding

/// One contact, as an event names it.
public struct Contact: Sendable, Equatable, BitwiseCopyable {
    public var address: IPAddress = .unspecified
    public var sourcePort: UInt16 = 0
    public var port: UInt16 = 0
    public var ipProtocol: UInt8 = 0
    public var second: Int = 0

    public init() {}

    /// The receiver of a packet.
    init(to packet: Packet, second: Int) {
        address = packet.destination
        sourcePort = packet.sourcePort
        port = packet.destinationPort
        ipProtocol = packet.ipProtocol
        self.second = second
    }

    /// Whether its protocol has ports.
    public var hasPorts: Bool { Service.hasPorts(ipProtocol) }
}
