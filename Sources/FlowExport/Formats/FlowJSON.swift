package import FlowMetering
internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// Lazaret's own JSON lines: every counter of a record, one object per line.
extension FlowText {
    package mutating func addJSON(_ flow: borrowing FlowRecord) {
        let key = flow.key
        add("{\"start_ns\":")
        add(flow.start.nanoseconds)
        add(",\"end_ns\":")
        add(flow.end.nanoseconds)
        add(",\"flow_start_ns\":")
        add(flow.flowStart.nanoseconds)
        add(",\"proto\":")
        add(UInt64(key.ipProtocol))
        add(",\"orig\":\"")
        add(key.originator, version: key.ipVersion)
        add("\",\"orig_port\":")
        add(UInt64(key.originatorPort))
        add(",\"resp\":\"")
        add(key.responder, version: key.ipVersion)
        add("\",\"resp_port\":")
        add(UInt64(key.responderPort))
        if key.vlan != 0 { add(name: ",\"vlan\":", UInt64(key.vlan)) }
        if flow.innerVLAN != 0 { add(name: ",\"inner_vlan\":", UInt64(flow.innerVLAN)) }
        if flow.tunnel != .none {
            add(",\"tunnel\":\"")
            add(flow.tunnelName)
            add(name: "\",\"tunnel_id\":", UInt64(key.tunnelIdentifier))
            add(",\"outer_orig\":\"")
            add(flow.outerOriginator, version: 0)
            add("\",\"outer_resp\":\"")
            add(flow.outerResponder, version: 0)
            add("\"")
        }
        add(",\"end_reason\":\"")
        add(flow.endReason.ipfixName)
        add("\",\"conn_state\":\"")
        add(flow.connectionState.name)
        add("\",\"history\":\"")
        flow.forEachHistoryLetter { add(byte: $0) }
        add("\",\"community_id\":\"")
        add(CommunityID(of: key))
        add("\",\"originator\":")
        addJSON(flow.originator)
        add(",\"responder\":")
        addJSON(flow.responder)
        add("}\n")
    }

    private mutating func add(name: StaticString, _ value: UInt64) {
        add(name)
        add(value)
    }

    private mutating func addJSON(_ side: FlowSide) {
        add(name: "{\"packets\":", side.packetCount)
        add(name: ",\"wire_bytes\":", side.wireOctetCount)
        add(name: ",\"ip_bytes\":", side.ipOctetCount)
        add(name: ",\"payload_bytes\":", side.payloadOctetCount)
        add(name: ",\"size_min\":", UInt64(side.sizeMinimum))
        add(name: ",\"size_max\":", UInt64(side.sizeMaximum))
        add(",\"size_mean\":")
        add(hundredths: side.sizeMean)
        add(",\"size_dev\":")
        add(hundredths: side.sizeDeviation)
        add(name: ",\"gap_min_ns\":", UInt64(side.intervalMinimum.nanoseconds))
        add(name: ",\"gap_max_ns\":", UInt64(side.intervalMaximum.nanoseconds))
        add(",\"gap_mean_ns\":")
        add(whole: side.intervalMean)
        add(",\"gap_dev_ns\":")
        add(whole: side.intervalDeviation)
        add(name: ",\"retransmissions\":", side.retransmissionCount)
        add(name: ",\"tcp_flags\":", UInt64(side.tcpFlags))
        add("}")
    }
}
