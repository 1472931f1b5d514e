/// The classes of a pattern in ATT&CK and in Suricata.
extension Pattern {
    /// The ATT&CK technique, if the pattern has one.
    public var technique: String? {
        switch self {
        case .spoofing: nil
        case .arpSweep: "T1018"
        case .verticalScan, .horizontalScan, .nullScan, .finScan, .xmasScan, .maimonScan,
            .ackScan, .synAckScan, .invalidFlagsScan, .fragmentedScan, .protocolScan,
            .osFingerprinting:
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
        case .newService, .serviceDown, .retries: nil
        case .listedAddress: "T1071"
        case .listedName: "T1071.004"
        case .arpSpoofing, .arpFlood: "T1557.002"
        case .rogueDHCP: "T1557.003"
        case .neighbourSpoofing, .macSpoofing, .nextHop, .rogueRouter: "T1557"
        }
    }

    /// The number of its alerts in EVE. Numbers never change, and those of removed patterns are not
    /// used again; 1 is unusual traffic without a pattern.
    public var signatureID: Int {
        switch self {
        case .spoofing: 2
        case .arpSweep: 3
        case .nullScan: 4
        case .finScan: 5
        case .xmasScan: 6
        case .maimonScan: 7
        case .ackScan: 8
        case .synAckScan: 9
        case .invalidFlagsScan: 10
        case .fragmentedScan: 11
        case .protocolScan: 12
        case .nullFlood: 13
        case .finFlood: 14
        case .xmasFlood: 15
        case .ackFlood: 16
        case .synAckFlood: 17
        case .rstFlood: 18
        case .invalidFlagsFlood: 19
        case .replyFlood: 20
        case .fragmentFlood: 21
        case .broadcastFlood: 22
        case .verticalScan: 23
        case .horizontalScan: 24
        case .synFlood: 25
        case .packetFlood: 26
        case .requestFlood: 27
        case .guessing: 28
        case .dnsTunnel: 29
        case .icmpTunnel: 30
        case .exfiltration: 31
        case .beacon: 32
        case .slowRequests: 33
        case .lateralMovement: 34
        case .newService: 35
        case .arpSpoofing: 36
        case .neighbourSpoofing: 37
        case .macSpoofing: 38
        case .nextHop: 39
        case .rogueDHCP: 40
        case .rogueRouter: 41
        case .arpFlood: 42
        case .serviceDown: 43
        case .osFingerprinting: 44
        case .retries: 45
        case .listedAddress: 46
        case .listedName: 47
        }
    }

    /// The number of alerts without a pattern.
    public static let unusualSignatureID = 1

    /// The alert's category in Suricata's terms.
    public var category: String {
        switch self {
        case .spoofing, .synFlood, .packetFlood, .requestFlood, .slowRequests, .nullFlood,
            .finFlood, .xmasFlood, .ackFlood, .synAckFlood, .rstFlood, .invalidFlagsFlood,
            .replyFlood, .fragmentFlood, .broadcastFlood:
            "Attempted Denial of Service"
        case .arpSweep, .verticalScan, .horizontalScan, .nullScan, .finScan, .xmasScan,
            .maimonScan, .ackScan, .synAckScan, .invalidFlagsScan, .fragmentedScan, .protocolScan,
            .osFingerprinting:
            "Detection of a Network Scan"
        case .guessing: "Attempted User Privilege Gain"
        case .dnsTunnel, .icmpTunnel, .beacon: "Malware Command and Control Activity Detected"
        case .exfiltration: "Potential Corporate Privacy Violation"
        case .lateralMovement, .newService, .serviceDown, .retries: "Misc activity"
        case .arpSpoofing, .neighbourSpoofing, .macSpoofing, .nextHop, .rogueDHCP, .rogueRouter,
            .arpFlood, .listedAddress, .listedName:
            "Potentially Bad Traffic"
        }
    }
}
