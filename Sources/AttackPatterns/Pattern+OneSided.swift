import FeatureExtraction

/// Contacts without a visible answer that are no attack.
extension Pattern {
    /// Contacts that refuse a client that is no scanner, in ten seconds. Kernels send at least six
    /// ICMP errors before they limit them.
    private static let mostRefusals: Float = 2
    /// Where the answers take another path, none is seen; or, of several paths, those of one.
    /// The accepted connections for each one that is used without an answer.
    private static let leastSeen: Float = 0.25
    /// Contacts without an explanation beside others: fewer than a scan has, or one in four, but no
    /// more than a small scan, or one in fifty, in ten seconds: an accomplice outside can explain
    /// any number of others.
    private static let mostUnexplained: Float = 10
    private static let unexplainedShare: Float = 0.25
    private static let smallScan: Float = 20
    private static let leastShare: Float = 0.02
    /// The pairs that a call checks, and the share of them that answers.
    private static let mostCandidates: Float = 64
    private static let leastAnswered: Float = 0.125
    /// Those of which one answer is enough: where only the relay can be reached.
    private static let fewCandidates: Float = 24
    /// The most datagrams a second of one-way streams, the streams that begin in ten seconds, and
    /// the least datagrams of a flow.
    static let mostStreamed: Float = 2000
    private static let mostStreams: Float = 64
    private static let leastPerFlow: Float = 16

    /// Why contacts without answers may be used, or get them later, as text that follows a reason;
    /// nil: they are not.
    static func sightDoubt(about window: Window, _ pattern: Pattern) -> String? {
        guard window[.foreignSources] == 0 else { return nil }
        switch pattern {
        case .verticalScan, .horizontalScan:
            if awaitsAnswers(window) {
                return "; not fenced yet: these began at once, and their answers may be late"
            }
            let length = (Float(window.scale.seconds) / 10).squareRoot()
            let unsolicited = Float(window.unsolicited.total)
            // Who tries the same pair again scans nothing more by that.
            let left = min(
                window.unanswered + unsolicited - min(window.underWay, mostUnderWay),
                window[.edges] - window.oneSided.accepted + unsolicited)
            let explained = explained(window.oneSided, window.scale.seconds)
            let share = min(unexplainedShare * left, smallScan * length + leastShare * left)
            guard left - explained < max(mostUnexplained, share), explained > 0 else { return nil }
            return "; not fenced: most of these contacts are used, though no answer is seen"
        case .packetFlood:
            return isStreamed(window)
                ? "; not fenced: these may be streams, which nobody answers" : nil
        default: return nil
        }
    }

    /// Whether most contacts began in a burst just now: a later window shows whether they
    /// are answered.
    private static func awaitsAnswers(_ window: Window) -> Bool {
        let tried = window.unanswered + Float(window.unsolicited.total)
        return window.recent <= mostUnderWay && (tried - window.recent) * 2 < tried
    }

    /// The contacts without an answer that are no probes. Who finds something by them is answered,
    /// and a closed port refuses: both take the excuse away.
    private static func explained(_ contacts: OneSidedContacts, _ seconds: Int) -> Float {
        let length = (Float(seconds) / 10).squareRoot()
        guard contacts.refused <= mostRefusals * length else { return contacts.besideHTTPS }
        var sum = contacts.besideHTTPS
        if contacts.streams <= mostStreams * length { sum += contacts.streams }
        if contacts.accepted == 0 || contacts.accepted >= leastSeen * contacts.used {
            sum += contacts.used
        }
        if contacts.acceptedOverIPv6 + contacts.refused == 0 { sum += contacts.besideIPv4 }
        if contacts.checks <= mostCandidates,
            contacts.answeredChecks >= leastAnswered * contacts.checks
                || contacts.answeredChecks >= 1 && contacts.checks <= fewCandidates
        {
            sum += contacts.checks - contacts.answeredChecks
        }
        return sum
    }

    /// Whether most packets belong to streams of datagrams, each and all no faster than sound and
    /// pictures.
    private static func isStreamed(_ window: Window) -> Bool {
        let packets = window[.packetsOut]
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        return packets <= mostStreamed * Float(window.scale.seconds)
            && window.oneSided.streams <= mostStreams * length
            && window.oneSided.stretches * OneSidedContacts.stretch * 2 >= packets
            && window[.flows] * leastPerFlow <= packets && window[.icmpPackets] * 10 <= packets
    }
}
