import FeatureExtraction

/// Contacts without a visible answer that are no attack.
extension Pattern {
    /// Contacts that refuse a client that is no scanner, in ten seconds. Kernels send at least six
    /// ICMP errors before they limit them.
    private static let mostRefusals: Float = 2
    /// Where the answers take another path, none is seen; or, of several paths, those of one.
    /// The accepted connections for each one that is used without an answer.
    private static let leastSeen: Float = 0.25
    /// The contacts that a client uses in ten seconds if no answer is seen at all. Anybody can send
    /// data that acknowledges nothing.
    private static let mostUsed: Float = 300
    /// Contacts without an explanation beside others: fewer than a scan has, or one in four, but no
    /// more than a small scan, or one in fifty, in ten seconds: an accomplice outside can explain
    /// any number of others.
    private static let mostUnexplained: Float = 10
    private static let unexplainedShare: Float = 0.25
    private static let smallScan: Float = 20
    private static let leastShare: Float = 0.02
    /// The pairs that a call checks, of which one answer is enough: that of its relay.
    private static let mostCandidates: Float = 64
    /// The peers outside that a client of many tries in ten seconds without an answer, if at least
    /// two answer for every five of them; and the datagrams that may need no answer.
    private static let mostSilentPeers: Float = 100
    private static let leastPeersAnswered: Float = 0.4
    private static let mostOneWay: Float = 64
    /// The members of a service that a balancer or a monitor checks, how often it tries each before
    /// that is plain, and the members for each port.
    private static let mostMembers: Float = 40
    private static let leastRounds: Float = 3
    private static let membersForPort: Float = 4
    /// The packets a second from which datagrams that nobody answers are a flood, the streams that
    /// begin in ten seconds, and the least datagrams of a flow.
    static let mostStreamed: Float = 2000
    private static let mostStreams: Float = 64
    private static let leastPerFlow: Float = 16
    /// The mean bytes of measurements, and of lines of a log.
    private static let smallDatagram: Float = 256

    /// Why contacts without answers may be used, or get them later, as text that follows a reason;
    /// nil: they are not.
    static func sightDoubt(about window: Window, _ pattern: Pattern) -> String? {
        guard window[.foreignSources] == 0 else { return nil }
        switch pattern {
        case .verticalScan, .horizontalScan:
            if awaitsAnswers(window) {
                return "; not fenced yet: these began just now, and their answers may be late"
            }
            if let text = checkDoubt(about: window) { return text }
            if haveAnswered(window) { return "; not fenced: these have answered before" }
            let length = (Float(window.scale.seconds) / 10).squareRoot()
            let unsolicited = Float(window.unsolicited.total)
            // Who tries the same pair again scans nothing more by that.
            let left = min(
                window.unanswered + unsolicited - min(window.underWay, mostUnderWay),
                window[.edges] - answered(window) + unsolicited)
            let used = explained(window.oneSided, window.scale.seconds)
            let peers = silentPeers(window)
            let explained = max(used, peers)
            let share = min(unexplainedShare * left, smallScan * length + leastShare * left)
            guard left - explained < max(mostUnexplained, share), explained > 0 else { return nil }
            return peers > used
                ? "; not fenced: enough of these peers answer, or their datagrams need no answer"
                : "; not fenced: most of these contacts are used, though no answer is seen"
        case .packetFlood:
            return isStreamed(window)
                ? "; not fenced: these may be measurements or streams, which nobody answers" : nil
        default: return nil
        }
    }

    /// Whether most contacts began just now: a later window shows whether they are answered.
    private static func awaitsAnswers(_ window: Window) -> Bool {
        let tried = window.unanswered + Float(window.unsolicited.total)
        return window.recent <= mostUnderWay && (tried - window.recent) * 2 < tried
    }

    /// Whether hardly any pair is one that has not answered in the last ten minutes: members of a
    /// service that are gone, and no discovery.
    private static func haveAnswered(_ window: Window) -> Bool {
        let others =
            window[.newEdges] - window.acceptedNewEdges + Float(window.unsolicited.total)
        return window.acceptedNewEdges > 0 && others < mostUnexplained
            && others * 10 <= window[.newEdges]
    }

    /// Pairs that answered.
    private static func answered(_ window: Window) -> Float {
        let contacts = window.oneSided
        return max(
            contacts.outside.answered + contacts.outsideIPv6.answered, window.acceptedNewEdges)
    }

    /// Why contacts inside may be checks of the members of few services, as those of a balancer or
    /// a monitor: these are tried again and again, whether they answer or not. A probe is not.
    private static func checkDoubt(about window: Window) -> String? {
        let members = window[.newEdges]
        guard members <= mostMembers, window[.ports] * membersForPort <= window[.peers],
            window.oneSided.outside.tried + window.oneSided.outsideIPv6.tried < mostUnexplained,
            window.unsolicited.total == 0
        else { return nil }
        if window.oneSided.rounds >= leastRounds * members {
            return "; not fenced: these are tried again and again, as checks are"
        }
        let isGoingOn = window.scale == .short || window.recentNewEdges * 4 >= members
        return isGoingOn ? "; not fenced yet: these may be checks, which are repeated" : nil
    }

    /// The contacts outside without an answer that a client of many peers has, some of which are
    /// gone. A port or two of each peer are tried.
    private static func silentPeers(_ window: Window) -> Float {
        let contacts = window.oneSided
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        guard contacts.outside.tried + contacts.outsideIPv6.tried <= 2 * window[.peers] else {
            return 0
        }
        let explained = [contacts.outside, contacts.outsideIPv6].reduce(Float(0)) {
            let isAnswered = $1.answered >= leastPeersAnswered * $1.silent
            return $0 + (isAnswered && $1.silent <= mostSilentPeers * length ? $1.silent : 0)
        }
        if explained > 0 { return explained }
        let datagrams = contacts.datagrams - contacts.answeredDatagrams
        let areFew =
            datagrams <= mostOneWay * length && contacts.refused <= mostRefusals * length
        return areFew ? datagrams : 0
    }

    /// The contacts without an answer that are no probes. Who finds something by them is answered,
    /// and a closed port refuses: both take the excuse away.
    private static func explained(_ contacts: OneSidedContacts, _ seconds: Int) -> Float {
        let length = (Float(seconds) / 10).squareRoot()
        guard contacts.refused <= mostRefusals * length else { return contacts.besideHTTPS }
        var sum = contacts.besideHTTPS
        if contacts.streams <= mostStreams * length { sum += contacts.streams }
        let isNoneSeen = contacts.accepted == 0 && contacts.used <= mostUsed * length
        if isNoneSeen || contacts.accepted >= leastSeen * max(contacts.used, 1) {
            sum += contacts.used
        }
        if contacts.outsideIPv6.answered + contacts.refused == 0 { sum += contacts.besideIPv4 }
        if contacts.checks <= mostCandidates, contacts.answeredChecks >= 1 {
            sum += contacts.checks - contacts.answeredChecks
        }
        return sum
    }

    /// Whether most packets are datagrams of few flows, or measurements, to which nothing comes
    /// back, at a rate that harms nobody.
    private static func isStreamed(_ window: Window) -> Bool {
        let retried = Pattern.packetFlood.retried(window)
        let packets = window[.packetsOut] - retried
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let isSmall = window[.bytesPerPacket] <= smallDatagram
        let stretches =
            window.oneSided.stretches + (isSmall ? window.oneSided.fastStretches : 0)
        return window.peakPackets < mostStreamed
            && window.oneSided.streams <= mostStreams * length
            && stretches * OneSidedContacts.stretch * 2 >= packets
            && (window[.flows] - retried) * leastPerFlow <= packets
            && window[.icmpPackets] * 10 <= packets
    }
}
