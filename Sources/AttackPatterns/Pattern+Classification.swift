/// The classes of a pattern in ATT&CK and in Suricata.
extension Pattern {
    /// The ATT&CK technique, if the pattern has one.
    public var technique: String? {
        switch self {
        case .spoofing: nil
        case .arpSweep: "T1018"
        case .verticalScan, .horizontalScan, .nullScan, .finScan, .xmasScan, .maimonScan,
            .ackScan, .synAckScan, .invalidFlagsScan, .fragmentedScan, .protocolScan:
            "T1046"
        case .synFlood: "T1499.001"
        case .packetFlood, .nullFlood, .finFlood, .xmasFlood, .ackFlood, .synAckFlood, .rstFlood,
            .invalidFlagsFlood, .replyFlood, .fragmentFlood:
            "T1498.001"
        case .broadcastFlood: "T1498.002"
        case .requestFlood, .slowRequests: "T1499.002"
        case .guessing: "T1110"
        case .dnsTunnel: "T1071.004"
        case .icmpTunnel: "T1095"
        case .exfiltration: "T1048"
        case .beacon: "T1071"
        case .lateralMovement: "T1021"
        case .newService, .serviceDown: nil
        case .arpSpoofing, .arpFlood: "T1557.002"
        case .rogueDHCP: "T1557.003"
        case .neighbourSpoofing, .macSpoofing, .nextHop, .rogueRouter: "T1557"
        }
    }

    /// The alert's category in Suricata's terms.
    public var category: String {
        switch self {
        case .spoofing, .synFlood, .packetFlood, .requestFlood, .slowRequests, .nullFlood,
            .finFlood, .xmasFlood, .ackFlood, .synAckFlood, .rstFlood, .invalidFlagsFlood,
            .replyFlood, .fragmentFlood, .broadcastFlood:
            "Attempted Denial of Service"
        case .arpSweep, .verticalScan, .horizontalScan, .nullScan, .finScan, .xmasScan,
            .maimonScan, .ackScan, .synAckScan, .invalidFlagsScan, .fragmentedScan, .protocolScan:
            "Detection of a Network Scan"
        case .guessing: "Attempted User Privilege Gain"
        case .dnsTunnel, .icmpTunnel, .beacon: "Malware Command and Control Activity Detected"
        case .exfiltration: "Potential Corporate Privacy Violation"
        case .lateralMovement, .newService, .serviceDown: "Misc activity"
        case .arpSpoofing, .neighbourSpoofing, .macSpoofing, .nextHop, .rogueDHCP, .rogueRouter,
            .arpFlood:
            "Potentially Bad Traffic"
        }
    }
}
