package import FeatureExtraction
import NetworkAddresses
import SenderAttribution

/// Floods, and what looks like them.
extension Pattern {
    /// The most flows a second with which a client tries again and again to reach a service that
    /// does not answer: one that it is known to use, and another. A flood has many times as many,
    /// or its target answers.
    private static let mostRetries: Float = 200
    private static let mostNewRetries: Float = 30
    /// The most datagrams a second, each from a new port, that a client sends to a collector inside
    /// that refuses them, and the services of a collector. One that takes them in silence gets as
    /// many as a stream has.
    private static let mostRefusedMeasurements: Float = 100
    private static let mostCollectors: Float = 4
    /// The half-open connections a second by which a balancer checks one service, and all.
    private static let mostChecks: Float = 10
    private static let mostChecksOfAll: Float = 100
    /// The most answered datagrams a second that a client sends to a service.
    private static let mostAnswered: Float = 100
    /// Queries that one of a client brings: a resolver asks several servers.
    private static let queriesEach: Float = 4
    /// Contacts that a scanner has found, on pairs that are not in the baseline, by which its
    /// handshakes are evidence for the scan.
    private static let leastFound: Float = 4
    /// Packets of a flow that is not answered: the kernel repeats them.
    var packetsEach: Float { 4 }

    /// The strength of a flood: many flows to few services that were refused, unanswered or closed
    /// at once, with hardly any data. Retries count only where they are too many.
    func flowFlood(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        guard isManyFlows(window, isAnomalous) else { return 0 }
        let flows = max(window[.flows], 1)
        let retried = retried(window)
        let ended = ended(window)
        let others = max(flows - retried - ended, 1)
        let isUnanswered = (window.unanswered - retried) / others > 0.7
        guard isUnanswered || window[.bytesOut] / flows < 130 && !isAsked(window) else { return 0 }
        let datagrams = served(window)
        guard datagrams == 0 || window.lastContact.ipProtocol != 17 else { return 0 }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let harmless = retried + ended + datagrams + closedChecks(window) + window.unused
        return (flows - harmless) / (100 * length)
    }

    /// Half-open connections that their opener closed itself as soon as they were accepted, so that
    /// the server keeps none: no more than a balancer's checks.
    private func closedChecks(_ window: Window) -> Float {
        let seconds = Float(window.scale.seconds)
        let closed = min(Float(window.resetCount), window[.flows])
        guard window.lastContact.ipProtocol == 6, closed * 10 >= window[.flows] * 9,
            window[.flowsPerEdge] <= Self.mostChecks * seconds,
            window[.flows] <= Self.mostChecksOfAll * seconds
        else { return 0 }
        return closed
    }

    /// The flows of UDP, if they are no more than a client's, and few flows have no answer.
    private func served(_ window: Window) -> Float {
        let datagrams =
            window.lastContact.ipProtocol == 17 ? window[.flows] : Float(window.datagramFlows)
        let isServed =
            datagrams <= Self.mostAnswered * Float(window.scale.seconds)
            && window.unanswered < 0.3 * max(window[.flows], 1)
        return isServed ? datagrams : 0
    }

    /// Whether a window has unusually many flows to few services.
    func isManyFlows(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Bool {
        guard isAnomalous(.flows) || isAnomalous(.failed), window[.flowsPerEdge] > 10 else {
            return false
        }
        // A server that refuses several of its clients is down: its clients only try again, as
        // often as a client does.
        return Float(window.outageCount) < max(window[.flows], 1) / 2
            || window[.flows] > mostUsualRetries(window)
    }

    /// The connections that came to nothing after they were accepted, if they are no more than
    /// those of a client that tries again.
    private func ended(_ window: Window) -> Float {
        guard window[.foreignSources] == 0 else { return 0 }
        let new = min(window.cutCount, window.newAccepted)
        let usual = window.cutCount - new
        let mostNew = Self.mostNewRetries * Float(window.scale.seconds)
        return (Float(usual) <= mostUsualRetries(window) ? Float(usual) : 0)
            + (Float(new) <= mostNew ? Float(new) : 0)
    }

    /// The unanswered and refused flows by which a client only tries again: no more than a client
    /// tries, or than its own clients ask. A client uses its own address.
    func retried(_ window: Window) -> Float {
        guard window[.foreignSources] == 0 else { return 0 }
        let new = min(Float(window.newUnanswered), window.unanswered)
        let usual = window.unanswered - new
        // Of few services inside, which refuse or only take them.
        let areMeasurements =
            (window.oneSided.refusedInside >= 1 || window[.newOutsidePeers] == 0)
            && window[.newEdges] <= Self.mostCollectors
            && Float(window.datagramFlows) * 10 >= window[.flows] * 7
        let isTaken =
            areMeasurements && window.oneSided.refused == 0
            && window.peakPackets < Self.mostStreamed
        let most =
            isTaken
            ? Self.mostStreamed
            : areMeasurements ? Self.mostRefusedMeasurements : Self.mostNewRetries
        return (usual <= mostUsualRetries(window) ? usual : 0)
            + (new <= most * Float(window.scale.seconds) ? new : 0)
    }

    private func mostUsualRetries(_ window: Window) -> Float {
        max(Self.mostRetries * Float(window.scale.seconds), window[.served] / 2)
    }

    /// Whether datagrams are answered, and clients asked for as many, as a resolver's queries.
    private func isAsked(_ window: Window) -> Bool {
        window.lastContact.ipProtocol == 17
            && window[.flows] <= Self.queriesEach * window[.served]
    }

    /// Whether the packets are the segments of a few connections, whose receiver acknowledges
    /// them.
    func isUpload(_ window: Window) -> Bool {
        window[.bytesPerPacket] >= 300 && Self.isAcknowledged(window)
    }

    /// Whether most packets may be those of a few connections, one of three of which at least is
    /// acknowledged, by packets of 40 bytes.
    static func isAcknowledged(_ window: Window) -> Bool {
        window.lastContact.ipProtocol == 6 && window[.bytesIn] >= 13 * window[.packetsOut]
            && window[.flows] * 100 <= window[.packetsOut]
    }

    /// The strength of a flood of datagrams in few flows, none of which was answered.
    func silentDatagrams(_ window: Window) -> Float {
        let stretches = window.oneSided.stretches + window.oneSided.fastStretches
        let packets = stretches * OneSidedContacts.stretch
        let seconds = Float(window.scale.seconds)
        guard packets >= Self.mostStreamed * seconds, window[.bytesPerPacket] < 1200 else {
            return 0
        }
        return packets / (1000 * (seconds / 10).squareRoot())
    }

    /// The strength of a flood of full packets, to which nothing comes back, not even
    /// acknowledgments. Those of a connection outside may take another path.
    func oneWay(_ window: Window) -> Float {
        let isSeenWhole =
            window.lastContact.ipProtocol == 17 || window[.bytesOutside] * 2 < window[.bytesOut]
        guard window[.bytesPerPacket] <= 1600, window[.bytesIn] * 2 < window[.packetsOut],
            isSeenWhole
        else { return 0 }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let packets = window[.packetsOut] / (10 * Self.mostStreamed * length)
        // Half as many are told of.
        return min(packets * 2, max(packets, 1))
    }

    /// Why a window of a scan or a flood does not prove that its subject did that, as text that
    /// follows a reason; nil if it does.
    package static func requestDoubt(about window: Window, _ pattern: Pattern) -> String? {
        if pattern == .spoofing {
            return window.isAnnounced
                ? "; not fenced: it announced the address, and nobody else has used it since" : nil
        }
        // Who writes an ARP request can write any MAC address into it.
        if pattern == .arpSweep, window.evidence != .port {
            return "; not fenced: without its port, the MAC address may be another's"
        }
        if let text = sightDoubt(about: window, pattern) { return text }
        guard pattern == .verticalScan || pattern == .horizontalScan else { return nil }
        // Handshakes of the owner of an address with the services that it uses prove nothing about
        // contacts that came to nothing: those may bear its address only.
        let found = window[.newEdges] - window[.newEdgeFailed]
        if window.evidence == .handshake, found < Self.leastFound {
            return "; not fenced: what failed may have been sent by another host"
        }
        let tried = pattern == .verticalScan ? window[.ports] : window[.peers]
        // A scan that opens no flow has none that was asked for.
        guard window.requestedPairs * 2 >= max(window[.newEdges], tried, 1) else { return nil }
        return "; not fenced: its clients may have asked for these connections"
    }

    /// The strength of connections that are held open by a few bytes at a time (slowloris): the
    /// other end sends hardly more than acknowledgments.
    func slowRequests(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        let flows = max(window[.flows], 1)
        guard window.lastContact.ipProtocol == 6, window.scale != .short,
            isAnomalous(.flows) || isAnomalous(.flowsPerEdge), window.unanswered / flows < 0.5
        else { return 0 }
        let packets = max(window[.packetsOut], 1)
        guard packets > 3 * flows, !Self.isAnswered(window), window[.bytesPerPacket] < 120
        else { return 0 }
        return window[.flowsPerEdge] / (30 * (Float(window.scale.seconds) / 10).squareRoot())
    }

    /// Whether more than acknowledgments comes back: 52 bytes with time stamps, 72 of IPv6. A
    /// refused login has at least one packet with data among six.
    private static func isAnswered(_ window: Window) -> Bool {
        let acknowledgment: Float = window.lastContact.address.isIPv4 ? 52 : 72
        return window[.bytesIn] >= 1.12 * acknowledgment * max(window[.packetsOut], 1)
    }
}
