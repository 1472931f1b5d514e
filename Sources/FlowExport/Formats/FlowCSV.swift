package import FlowMetering
internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// Comma-separated values (RFC 4180): every counter of a record, one line per record.
extension FlowText {
    /// - Parameters:
    ///   - isNamed: whether the lines name the workloads.
    ///   - isIdentified: whether they end with the Community ID.
    package mutating func addCSVHeader(isNamed: Bool = false, isIdentified: Bool = false) {
        add("start_ns,end_ns,flow_start_ns,proto,orig,orig_port,resp,resp_port,vlan,inner_vlan,")
        add("tunnel,tunnel_id,outer_orig,outer_resp,end_reason,conn_state,history")
        for side in ["orig", "resp"] {
            for name in [
                "packets", "wire_bytes", "ip_bytes", "payload_bytes", "size_min", "size_max",
                "size_mean", "size_dev", "gap_min_ns", "gap_max_ns", "gap_mean_ns", "gap_dev_ns",
                "retransmissions", "tcp_flags",
            ] {
                add(text: ",\(side)_\(name)")
            }
        }
        if isNamed { add(",orig_workload,resp_workload") }
        if isIdentified { add(",community_id") }
        add("\n")
    }

    /// - Parameters:
    ///   - names: the workloads of originator and responder; nil: the lines have none.
    ///   - isIdentified: whether to add the Community ID.
    package mutating func addCSV(
        _ flow: borrowing FlowRecord, names: (originator: String?, responder: String?)? = nil,
        isIdentified: Bool = false
    ) {
        let key = flow.key
        add(flow.start.nanoseconds)
        comma()
        add(flow.end.nanoseconds)
        comma()
        add(flow.flowStart.nanoseconds)
        comma()
        add(UInt64(key.ipProtocol))
        comma()
        add(key.originator, version: key.ipVersion)
        comma()
        add(UInt64(key.originatorPort))
        comma()
        add(key.responder, version: key.ipVersion)
        comma()
        add(UInt64(key.responderPort))
        comma()
        add(UInt64(key.vlan))
        comma()
        add(UInt64(flow.innerVLAN))
        comma()
        if flow.tunnel == .none {
            add(",,,")
        } else {
            add(flow.tunnelName)
            comma()
            add(UInt64(key.tunnelIdentifier))
            comma()
            add(flow.outerOriginator, version: 0)
            comma()
            add(flow.outerResponder, version: 0)
        }
        comma()
        add(flow.endReason.ipfixName)
        comma()
        add(flow.connectionState.name)
        comma()
        flow.forEachHistoryLetter { add(byte: $0) }
        addCSV(flow.originator)
        addCSV(flow.responder)
        if let names {
            addCSV(names.originator)
            addCSV(names.responder)
        }
        if isIdentified {
            comma()
            add(CommunityID(of: key))
        }
        add(byte: 10)
    }

    /// Appends a comma and a name, in quotes if it needs them.
    private mutating func addCSV(_ name: String?) {
        comma()
        guard let name else { return }
        let needsQuotes = name.contains { ",\"\r\n".contains($0) }
        add(text: needsQuotes ? "\"\(name.replacing("\"", with: "\"\""))\"" : name)
    }

    private mutating func addCSV(_ side: FlowSide) {
        if side.packetCount == 0 {
            add(",0,0,0,0,0,0,0.00,0.00,0,0,0,0,0,0")
            return
        }
        comma()
        add(side.packetCount)
        comma()
        add(side.wireOctetCount)
        comma()
        add(side.ipOctetCount)
        comma()
        add(side.payloadOctetCount)
        comma()
        add(UInt64(side.sizeMinimum))
        comma()
        add(UInt64(side.sizeMaximum))
        comma()
        add(hundredths: side.sizeMean)
        comma()
        add(hundredths: side.sizeDeviation)
        if side.packetCount == 1 {
            add(",0,0,0,0,")
        } else {
            comma()
            add(side.intervalMinimum.nanoseconds)
            comma()
            add(side.intervalMaximum.nanoseconds)
            comma()
            add(whole: side.intervalMean)
            comma()
            add(whole: side.intervalDeviation)
            comma()
        }
        add(side.retransmissionCount)
        comma()
        add(UInt64(side.tcpFlags))
    }

    @inline(__always)
    private mutating func comma() { add(byte: 44) }

    /// Appends a number with two digits after the point.
    mutating func add(hundredths value: Double) {
        let bounded = value.isFinite ? min(max(value, 0), 9e15) : 0
        let all = UInt64(bounded * 100 + 0.5)
        let whole = all / 100
        add(whole)
        add(byte: 46)
        let rest = UInt8(truncatingIfNeeded: all &- whole &* 100)
        add(byte: 48 + rest / 10)
        add(byte: 48 + rest % 10)
    }

    /// Appends a number rounded to the nearest whole number.
    mutating func add(whole value: Double) {
        add(UInt64(value.isFinite ? min(max(value, 0), 9e18) + 0.5 : 0))
    }
}
