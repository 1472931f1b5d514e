package import FlowMetering
internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// Suricata's EVE JSON, event type `flow` (docs.suricata.io): the originator is the client.
extension FlowText {
    package mutating func addEVE(_ flow: borrowing FlowRecord, flowIdentifier: UInt64) {
        let key = flow.key
        add("{\"timestamp\":\"")
        add(timestamp: flow.end)
        add("\",\"flow_id\":")
        add(flowIdentifier)
        add(",\"event_type\":\"flow\"")
        if key.vlan != 0 {
            add(",\"vlan\":[")
            add(UInt64(key.vlan))
            if flow.innerVLAN != 0 {
                add(",")
                add(UInt64(flow.innerVLAN))
            }
            add("]")
        }
        add(",\"src_ip\":\"")
        add(key.originator, version: key.ipVersion)
        if flow.hasPorts {
            add("\",\"src_port\":")
            add(UInt64(key.originatorPort))
            add(",\"dest_ip\":\"")
        } else {
            add("\",\"dest_ip\":\"")
        }
        add(key.responder, version: key.ipVersion)
        add("\"")
        if flow.hasPorts {
            add(",\"dest_port\":")
            add(UInt64(key.responderPort))
        }
        add(",\"ip_v\":")
        add(UInt64(key.ipVersion))
        add(",\"proto\":\"")
        addProtocol(key.ipProtocol)
        add("\"")
        if flow.isICMP {
            add(",\"icmp_type\":")
            add(UInt64(key.originatorPort))
            add(",\"icmp_code\":")
            add(UInt64(flow.icmpCode))
        }
        add(",\"community_id\":\"")
        add(CommunityID(of: key))
        add("\"")
        addEVETunnel(flow)
        addEVECounters(flow)
        add("}\n")
    }

    private mutating func addEVETunnel(_ flow: borrowing FlowRecord) {
        guard flow.tunnel != .none else { return }
        add(",\"tunnel\":{\"src_ip\":\"")
        add(flow.outerOriginator, version: 0)
        add("\",\"dest_ip\":\"")
        add(flow.outerResponder, version: 0)
        add("\",\"proto\":\"")
        add(flow.tunnelName)
        add("\",\"id\":")
        add(UInt64(flow.key.tunnelIdentifier))
        add("}")
    }

    private mutating func addEVECounters(_ flow: borrowing FlowRecord) {
        add(",\"flow\":{\"pkts_toserver\":")
        add(flow.originator.packetCount)
        add(",\"pkts_toclient\":")
        add(flow.responder.packetCount)
        add(",\"bytes_toserver\":")
        add(flow.originator.wireOctetCount)
        add(",\"bytes_toclient\":")
        add(flow.responder.wireOctetCount)
        add(",\"start\":\"")
        add(timestamp: flow.start)
        add("\",\"end\":\"")
        add(timestamp: flow.end)
        add("\",\"age\":")
        add(UInt64(flow.duration.wholeSeconds))
        add(",\"state\":\"")
        let (sent, received) = (flow.originator.packetCount, flow.responder.packetCount)
        add(flow.endReason.eveState(isAnswered: sent > 0 && received > 0))
        add("\",\"reason\":\"")
        add(flow.endReason.eveName)
        add("\",\"alerted\":false}")
        guard flow.key.ipProtocol == 6 else { return }
        add(",\"tcp\":{\"tcp_flags\":\"")
        addHexByte(flow.originator.tcpFlags | flow.responder.tcpFlags)
        add("\",\"tcp_flags_ts\":\"")
        addHexByte(flow.originator.tcpFlags)
        add("\",\"tcp_flags_tc\":\"")
        addHexByte(flow.responder.tcpFlags)
        add("\"}")
    }

    private mutating func addHexByte(_ value: UInt8) {
        if value < 16 { add(byte: 48) }
        addHex(UInt64(value))
    }

    /// Appends `1:` and 28 characters.
    mutating func add(_ identifier: CommunityID) {
        identifier.forEachCharacter { add(byte: $0) }
    }

    /// Appends the protocol's name as Suricata writes it, or its number.
    mutating func addProtocol(_ number: UInt8) {
        switch number {
        case 1: add("ICMP")
        case 2: add("IGMP")
        case 6: add("TCP")
        case 17: add("UDP")
        case 47: add("GRE")
        case 50: add("ESP")
        case 51: add("AH")
        case 58: add("IPv6-ICMP")
        case 132: add("SCTP")
        default: add(UInt64(number))
        }
    }
}

extension FlowRecord {
    /// Whether the protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
    var hasPorts: Bool {
        switch key.ipProtocol {
        case 6, 17, 33, 132, 136: true
        default: false
        }
    }

    var isICMP: Bool { key.ipProtocol == 1 || key.ipProtocol == 58 }

    /// The code of a one-way ICMP message; 0 for messages that have an answer.
    var icmpCode: UInt16 {
        CommunityID.isAnswered(type: key.originatorPort, ipVersion: key.ipVersion)
            ? 0 : key.responderPort
    }

    var tunnelName: StaticString {
        switch tunnel {
        case .none: "none"
        case .vxlan: "vxlan"
        case .geneve: "geneve"
        case .gre: "gre"
        case .ipInIP: "ip_in_ip"
        case .gtpU: "gtp_u"
        }
    }
}
