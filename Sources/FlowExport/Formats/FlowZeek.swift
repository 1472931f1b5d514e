package import FlowMetering
internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// Zeek's `conn.log` (docs.zeek.org/en/master/logs/conn.html), tab-separated with its header.
extension FlowText {
    package mutating func addZeekHeader() {
        add("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n")
        add("#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto")
        add("\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp")
        add("\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes")
        add("\ttunnel_parents\tvlan\tinner_vlan\tcommunity_id\n")
        add("#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount")
        add("\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\tint")
        add("\tint\tstring\n")
    }

    package mutating func addZeekFooter() { add("#close\t-\n") }

    package mutating func addZeek(_ flow: borrowing FlowRecord, flowIdentifier: UInt64) {
        let key = flow.key
        add(seconds: flow.start)
        add("\tC")
        addBase62(Self.mixed(flow, flowIdentifier))
        tab()
        add(key.originator, version: key.ipVersion)
        tab()
        add(UInt64(key.originatorPort))
        tab()
        add(key.responder, version: key.ipVersion)
        tab()
        add(UInt64(key.responderPort))
        tab()
        switch key.ipProtocol {
        case 6: add("tcp")
        case 17: add("udp")
        case 1, 58: add("icmp")
        default: add("unknown_transport")
        }
        add("\t-\t")
        // Zeek sets neither for a flow of one moment.
        if flow.duration > .zero {
            add(seconds: flow.duration, digits: 6)
            tab()
            add(flow.originator.payloadOctetCount)
            tab()
            add(flow.responder.payloadOctetCount)
        } else {
            add("-\t-\t-")
        }
        tab()
        // Only TCP and UDP have states and a history in Zeek.
        let hasState = key.ipProtocol == 6 || key.ipProtocol == 17
        if hasState { add(flow.connectionState.name) } else { add("OTH") }
        add("\t-\t-\t0\t")
        let start = count
        if hasState { flow.forEachHistoryLetter { add(byte: $0) } }
        if count == start { add("-") }
        tab()
        add(flow.originator.packetCount)
        tab()
        add(flow.originator.ipOctetCount)
        tab()
        add(flow.responder.packetCount)
        tab()
        add(flow.responder.ipOctetCount)
        add("\t-\t")
        addTag(key.vlan)
        tab()
        addTag(flow.innerVLAN)
        tab()
        add(CommunityID(of: key))
        add(byte: 10)
    }

    private mutating func tab() { add(byte: 9) }

    private mutating func addTag(_ identifier: UInt16) {
        if identifier == 0 { add("-") } else { add(UInt64(identifier)) }
    }

    /// Appends eleven characters that differ between flows and are the same in every run.
    private mutating func addBase62(_ value: UInt64) {
        var rest = value
        for _ in 0..<11 {
            let digit = UInt8(truncatingIfNeeded: rest % 62)
            rest /= 62
            add(byte: digit < 10 ? 48 + digit : digit < 36 ? 55 + digit : 61 + digit)
        }
    }

    private static func mixed(_ flow: borrowing FlowRecord, _ identifier: UInt64) -> UInt64 {
        var value =
            UInt64(bitPattern: flow.start.nanoseconds) ^ identifier &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
