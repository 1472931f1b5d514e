import FeatureExtraction

/// Scans among other traffic.
extension Pattern {
    /// The strength of a scan among the usual traffic: contacts that the baseline never used, most
    /// of which failed, or so many ports of few hosts that no answers of another host explain it.
    func freshlyFailed(_ window: Window) -> Float {
        let edges = window[.newEdges]
        let underWay = min(window.newUnderWay, Self.mostUnderWay)
        // Who tries the same pair again, as checks of a host that is down do, scans no more.
        let failed = max(
            0, min(window[.newEdgeFailed], edges - window.acceptedNewEdges) - underWay)
        let isSweep =
            failed >= Self.mostFailedPorts * (Float(window.scale.seconds) / 10).squareRoot()
            && window[.newPorts] >= 10 * max(newPeers(window), 1)
        return isSweep || failed * 2 > edges ? min(edges, failed) / 10 : 0
    }

    /// The strength of a sweep of outside addresses beside flows that are answered, which its
    /// sender may open to hide it. Pairs count once, so a site that is visited again explains no
    /// more; a flow that was reset by another host and answered then is no failure.
    func silentOutside(_ window: Window) -> Float {
        let contacts = window.oneSided
        let tried = contacts.outside.tried + contacts.outsideIPv6.tried
        let silent = contacts.outside.silent + contacts.outsideIPv6.silent
        let least = Self.mostFailedPorts * (Float(window.scale.seconds) / 10).squareRoot()
        let failed = min(silent, window.unanswered) - min(window.underWay, Self.mostUnderWay)
        return failed >= least && failed * 2 > tried ? failed / 10 : 0
    }

    /// The strength of a sweep of new peers that do not accept, beside connections to any number of
    /// ports of a few others, which its sender may open to hide it.
    func silentHosts(_ window: Window) -> Float {
        let answered = window.acceptedNewPeers
        let silent = min(
            window[.newPeers] - answered,
            window[.newEdgeFailed] - min(window.newUnderWay, Self.mostUnderWay))
        let least = Self.mostSilentHosts * (Float(window.scale.seconds) / 10).squareRoot()
        return silent >= least && silent > Self.silentEach * answered ? silent / 10 : 0
    }

    /// Peers that are not in the baseline, by name or, outside, by address.
    func newPeers(_ window: Window) -> Float {
        max(window[.newPeers], window[.newOutsidePeers])
    }

    /// Contacts that a client begins within half a second.
    static let mostUnderWay: Float = 64
    /// Ports that a client of few hosts tries in vain in ten seconds.
    private static let mostFailedPorts: Float = 50
    /// New peers that a client tries in vain in ten seconds.
    private static let mostSilentHosts: Float = 20
    /// Silent hosts for each that answers, beyond those of a client whose members are gone.
    private static let silentEach: Float = 4
}
