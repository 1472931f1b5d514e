import BaselineGraph
package import NetworkAddresses
package import Timestamps

/// A flow event in the format of `lazaret flows --format eve` and Suricata.
package struct EVEFlow: Sendable {
    package var source: IPAddress
    package var sourcePort: UInt16?
    package var destination: IPAddress
    package var destinationPort: UInt16?
    /// The protocol's name, or its number.
    package var transport: String
    package var communityID: String?
    package var start: Timestamp
    package var end: Timestamp
    package var state: String?
    package var packetsToServer: UInt64
    package var packetsToClient: UInt64
    package var bytesToServer: UInt64
    package var bytesToClient: UInt64

    package init(
        source: IPAddress, sourcePort: UInt16?, destination: IPAddress, destinationPort: UInt16?,
        ipProtocol: UInt8, start: Timestamp, end: Timestamp, state: String,
        packets: (toServer: UInt64, toClient: UInt64), bytes: (toServer: UInt64, toClient: UInt64)
    ) {
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
        transport = Service.protocolName(ipProtocol)
        self.start = start
        self.end = end
        self.state = state
        (packetsToServer, packetsToClient) = packets
        (bytesToServer, bytesToClient) = bytes
    }
}

extension EVEFlow: Decodable {
    private enum Key: String, CodingKey {
        case flow
        case type = "event_type"
        case source = "src_ip"
        case sourcePort = "src_port"
        case destination = "dest_ip"
        case destinationPort = "dest_port"
        case transport = "proto"
        case communityID = "community_id"
    }

    private enum FlowKey: String, CodingKey {
        case start, end, state
        case packetsToServer = "pkts_toserver"
        case packetsToClient = "pkts_toclient"
        case bytesToServer = "bytes_toserver"
        case bytesToClient = "bytes_toclient"
    }

    package init(from decoder: any Decoder) throws {
        let line = try decoder.container(keyedBy: Key.self)
        let type = try line.decode(String.self, forKey: .type)
        guard type == "flow" else { throw EVEError.unknownType(type) }
        source = try line.parse(.source)
        sourcePort = try line.decodeIfPresent(UInt16.self, forKey: .sourcePort)
        destination = try line.parse(.destination)
        destinationPort = try line.decodeIfPresent(UInt16.self, forKey: .destinationPort)
        transport = try line.decode(String.self, forKey: .transport)
        communityID = try line.decodeIfPresent(String.self, forKey: .communityID)
        let flow = try line.nestedContainer(keyedBy: FlowKey.self, forKey: .flow)
        start = try flow.time(.start)
        end = try flow.time(.end)
        state = try flow.decodeIfPresent(String.self, forKey: .state)
        packetsToServer = try flow.decode(UInt64.self, forKey: .packetsToServer)
        packetsToClient = try flow.decode(UInt64.self, forKey: .packetsToClient)
        bytesToServer = try flow.decode(UInt64.self, forKey: .bytesToServer)
        bytesToClient = try flow.decode(UInt64.self, forKey: .bytesToClient)
    }
}
