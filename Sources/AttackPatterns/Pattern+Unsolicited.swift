package import FeatureExtraction

/// Patterns of packets that open no flow.
extension Pattern {
    /// The window as an event of this pattern shows it: with the contact that the pattern is about.
    package func shown(_ window: Window) -> Window {
        let isUnsolicited =
            Self.floodOf.values.contains(self)
            || self == .osFingerprinting
            || Self.scanOf.values.contains(self) && Float(window.unsolicited.total) > window[.flows]
        let contact: Contact
        switch self {
        case _ where isUnsolicited: contact = window.unsolicitedContact
        case .dnsTunnel: contact = window.queryContact
        case .guessing where Self.restsOnLogins(window): contact = window.loginContact
        default: return window
        }
        // A window of a capture's ranking, or of other logins, has none.
        guard isUnsolicited || contact.second >= window.startSecond else { return window }
        var window = window
        window.contact = contact
        window.newContact = Contact()
        return window
    }

    private static let scanOf: [UnsolicitedKind: Pattern] = [
        .null: .nullScan, .fin: .finScan, .xmas: .xmasScan, .maimon: .maimonScan, .ack: .ackScan,
        .synAck: .synAckScan, .invalid: .invalidFlagsScan, .fragmentedHeader: .fragmentedScan,
        .reply: .verticalScan,
    ]

    private static let floodOf: [UnsolicitedKind: Pattern] = [
        .null: .nullFlood, .fin: .finFlood, .maimon: .finFlood, .xmas: .xmasFlood,
        .ack: .ackFlood, .synAck: .synAckFlood, .reset: .rstFlood, .invalid: .invalidFlagsFlood,
        .reply: .replyFlood, .icmpReply: .replyFlood, .fragment: .fragmentFlood,
        .fragmentedHeader: .fragmentFlood,
    ]

    /// The flood of a kind of unsolicited packets.
    package static func flood(of kind: UnsolicitedKind) -> Pattern { floodOf[kind] ?? .packetFlood }

    /// The strength of a scan by the window's most frequent kind; 0 if that is another pattern's.
    func unsolicitedScan(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        guard isAnomalous(.unsolicitedTargets), let kind = window.unsolicited.dominant?.kind,
            Self.scanOf[kind] == self
        else { return 0 }
        return scanned(window)
    }

    /// Targets of unsolicited packets, in multiples of the least number of a scan.
    func scanned(_ window: Window) -> Float {
        guard let (kind, _) = window.unsolicited.dominant else { return 0 }
        let total = window.unsolicited.total
        guard Float(total) < 10 * max(window[.unsolicitedTargets], 1) else { return 0 }
        let rejected = window.unsolicited.rejected
        // Kernels limit how many datagrams they refuse with ICMP.
        if kind == .reply { return rejected > 0 ? window[.unsolicitedTargets] / 20 : 0 }
        // A host that restarts ends connections of many peers, which answer.
        guard !kind.isPlausible || rejected * 3 >= total else { return 0 }
        return window[.unsolicitedTargets] / 10
    }

    /// The strength of probes by which nmap finds out what system a host runs (-O): a few segments
    /// with flags that no connection uses, of several kinds, to an open and a closed port. Many
    /// more are a scan or a flood.
    func oddFlags(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        guard isAnomalous(.unsolicited) else { return 0 }
        let kinds = [UnsolicitedKind.null, .xmas, .invalid].map { window.unsolicited[$0] }
        let count = kinds.reduce(0, +)
        guard kinds.count(where: { $0 > 0 }) >= 2,
            Float(count) < 10 * max(window[.unsolicitedTargets], 1)
        else { return 0 }
        return Float(min(count, Self.mostOddFlags)) / 4
    }

    /// No more than this many probes make fingerprinting stronger.
    private static let mostOddFlags = 20

    /// The strength of a flood by the window's most frequent kind; 0 if that is another pattern's.
    func unsolicitedFlood(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        guard isAnomalous(.unsolicited), let (kind, count) = window.unsolicited.dominant,
            Self.floodOf[kind] == self
        else { return 0 }
        // Datagrams to ever other ports, none of which is refused, are no scan.
        let isSprayed = kind == .reply && window.unsolicited.rejected == 0
        guard isSprayed || Float(count) > 10 * window[.unsolicitedTargets] else { return 0 }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let isProven = !kind.isPlausible || window.unsolicited.rejected * 3 >= count
        return Float(count) / ((isProven ? 200 : 1000) * length)
    }
}
