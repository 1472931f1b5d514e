public import FeatureExtraction
import Workloads

/// Patterns without a baseline, and those of windows that are only compared with others of a
/// capture.
extension Pattern {
    /// The clearest pattern in a window without a baseline, and its strength in multiples of its
    /// least amount.
    public static func match(_ window: Window) -> (pattern: Pattern, strength: Float)? {
        matchWithoutBaseline(window) { _ in true }
    }

    /// The same, of features that may be unusual.
    static func matchWithoutBaseline(
        _ window: Window, _ isAnomalous: (Feature) -> Bool
    ) -> (pattern: Pattern, strength: Float)? {
        // Without a baseline, many short calls inside are no sign of anything.
        let mayGuess = restsOnLogins(window) || window.identity?.place == .outside
        guard
            var found = match(
                window, excluding: mayGuess ? nil : .guessing, isAnomalous: isAnomalous)
        else { return nil }
        // Uploads are common, so without a baseline five times as much is needed.
        if found.pattern == .exfiltration { found.strength /= 5 }
        return found.strength >= 1 ? found : nil
    }

    /// The clearest pattern in a window that is only compared with others of a capture.
    ///
    /// Nobody is fenced or trained by a ranking, so guessing is named from fewer connections on:
    /// eight a minute to a service that hides its logins, nearly all of them short and of the same
    /// sizes, as those of wrong passwords are.
    package static func ranked(_ window: Window) -> (pattern: Pattern, strength: Float)? {
        let (areFew, isConversation) = (window[.peers] < leastSwept, isConversation(window))
        let found = matchWithoutBaseline(window) {
            switch $0 {
            case .peers, .newEdges: !areFew
            case .packetsOut: !isConversation
            default: true
            }
        }
        if let found { return found }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let flows = max(window[.flows], 1)
        let hidden = window[.failedLogins] - Float(window.refusedLogins)
        guard hidden >= leastRanked, hidden * 4 >= flows * 3, window[.edges] <= 2,
            window.unanswered * 4 < flows,
            Float(window.equalConversations) >= rankedShare * hidden
        else { return nil }
        let strength = hidden / (3 * length)
        return strength >= 1 ? (.guessing, strength) : nil
    }

    private static let leastRanked: Float = 6
    private static let rankedShare: Float = 0.6
    /// The peers from which contacts in vain are a sweep. Map servers, peers of a tunnel or of a
    /// measurement, and the addresses of a few sites over broken IPv6 are fewer.
    private static let leastSwept: Float = 20

    /// Whether the packets are those of a few connections whose receiver acknowledges them, as of a
    /// remote desktop: no flood, though far more is sent than fetched.
    private static func isConversation(_ window: Window) -> Bool {
        let packets = window[.packetsOut]
        let others =
            window[.icmpPackets] + window[.unsolicited]
            + (window.oneSided.stretches + window.oneSided.fastStretches) * OneSidedContacts.stretch
        return isAcknowledged(window) && window.datagramFlows == 0 && others * 10 <= packets
    }

    /// The feature that triggered it in a window.
    package func trigger(in window: Window) -> Feature {
        guard window[measure] == 0 else { return measure }
        switch self {
        // Of probes that open no flow, and of conversations of equal sizes.
        case .verticalScan: return .unsolicitedTargets
        case .guessing: return .flowsPerEdge
        default: return measure
        }
    }
}
