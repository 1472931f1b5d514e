/// Why a flow record was written, by the names of IPFIX `flowEndReason` (RFC 5102, element 136).
public enum FlowEndReason: UInt8, Sendable, BitwiseCopyable {
    case idleTimeout = 1
    case activeTimeout = 2
    case endOfFlow = 3
    case forcedEnd = 4
    case lackOfResources = 5
}

extension FlowEndReason {
    /// The name of IPFIX (RFC 5102, element 136).
    package var ipfixName: StaticString {
        switch self {
        case .idleTimeout: "idle timeout"
        case .activeTimeout: "active timeout"
        case .endOfFlow: "end of flow detected"
        case .forcedEnd: "forced end"
        case .lackOfResources: "lack of resources"
        }
    }

    /// The reason with this name of IPFIX; nil for other text.
    package init?(ipfixName: String) {
        let found = (1...5).lazy.compactMap(Self.init).first { "\($0.ipfixName)" == ipfixName }
        guard let found else { return nil }
        self = found
    }

    /// The reason as Suricata's EVE names it.
    package var eveName: StaticString {
        switch self {
        case .idleTimeout: "timeout"
        case .activeTimeout: "active_timeout"
        case .endOfFlow: "tcp_closed"
        case .forcedEnd: "shutdown"
        case .lackOfResources: "forced"
        }
    }

    /// The state that Suricata's EVE has for a flow that ended for this reason.
    ///
    /// - Parameter isAnswered: whether both ends sent packets.
    package func eveState(isAnswered: Bool) -> StaticString {
        if self == .endOfFlow { return "closed" }
        return isAnswered ? "established" : "new"
    }
}
