import BaselineGraph
package import FeatureExtraction
import SenderAttribution
import Workloads

/// Password guessing: logins that were refused, never a rate of connections alone.
extension Pattern {
    /// People mistype one of five passwords at most, and so many users behind one address no more
    /// than 20 in ten seconds: own logins in between excuse no more refusals than that.
    private static let mistypedPerGranted: Float = 0.25
    private static let mostMistyped: Float = 20
    /// Of conversations from outside, the share that must have equal sizes.
    private static let equalShare: Float = 0.8

    /// The refusals of a window that mistyped passwords do not explain.
    private static func failed(_ window: Window) -> Float {
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let excused = min(Float(window.grantedLogins) * mistypedPerGranted, mostMistyped * length)
        return max(0, Float(window.refusedLogins) - excused)
    }

    func guessing(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        if isAnomalous(.failedLogins) {
            let failed = Self.failed(window)
            // Connections to a service where all that a short one can be is a login.
            let unread =
                window[.failedLogins] - Float(window.refusedLogins) - Float(window.unansweredLogins)
            let isMostOfAll =
                unread * 2 > window[.flows] && window[.edges] <= 8
                && window.unanswered < 0.6 * max(window[.flows], 1)
            let logins = failed + (isMostOfAll ? unread : 0)
            if logins >= 4 { return logins / (5 * length) }
        }
        return equalConversations(window, isAnomalous) / (12 * length)
    }

    /// The flows to each service of a host, all of whose connections are short and of the same
    /// sizes: those of an outside address, which tries a form or a page again and again over TLS;
    /// or to a database, with answers that are no longer than a refusal. Otherwise most services
    /// inside talk to each other like that, and so does who has a port of the node, whatever its
    /// address.
    private func equalConversations(_ window: Window, _ isAnomalous: (Feature) -> Bool) -> Float {
        let flows = max(window[.flows], 1)
        let contact = window.lastContact
        // A client whose logins are granted in clear guesses none.
        guard Float(window.grantedLogins) * 2 < flows else { return 0 }
        let mostFetched: Float
        if Self.isFromOutside(window) {
            // Over ten minutes the answers to many users behind one address are pages.
            mostFetched = window.scale == .long ? 4000 : 12_000
        } else {
            guard Service(ipProtocol: contact.ipProtocol, port: contact.port).isDatabase else {
                return 0
            }
            mostFetched = 1000
        }
        guard contact.ipProtocol == 6, window[.edges] <= 8, window.unanswered < 0.6 * flows,
            isAnomalous(.flows) || isAnomalous(.flowsPerEdge),
            Float(window.equalConversations) >= Self.equalShare * flows,
            window[.bytesIn] / flows < mostFetched
        else { return 0 }
        return window[.flowsPerEdge]
    }

    /// Whether the subject is beyond the node's gateway: its address is of no network here, and its
    /// packets came in by no port of a container.
    private static func isFromOutside(_ window: Window) -> Bool {
        window.identity?.place == .outside && window.evidence != .port
    }

    /// Whether a window of this pattern rests on logins: on refusals, or on connections to services
    /// for which a login is all that they can be.
    package static func restsOnLogins(_ window: Window) -> Bool {
        window[.failedLogins] >= 4
    }

    /// Why a window of guessing does not prove that its subject guessed, as text that follows a
    /// reason; nil if it does.
    ///
    /// A server decides what it refuses. Over a usual contact that proves nothing, unless the
    /// subject itself did far more than in any clean window, and no clients of its own asked for
    /// that: it opened connections, or it tried more logins than it ever sent packets.
    package static func doubt(
        about window: Window, isBeyond: (Feature, Float) -> Bool
    ) -> String? {
        guard restsOnLogins(window) || isFromOutside(window) else {
            return "; leads to no fence: no answer to a login could be read"
        }
        let refused = Float(window.refusedLogins)
        guard refused * 2 >= window[.failedLogins], refused > 0,
            Float(window.newPairLogins) * 2 < window[.failedLogins]
        else { return nil }
        if Float(window.outageCount) * 2 >= refused {
            return "; leads to no fence: the service refuses several of its usual clients"
        }
        let tried = refused + Float(window.grantedLogins)
        // A request has three packets or more, with its handshake.
        guard tried * 3 > window[.served] else {
            return "; leads to no fence: it may pass on what its own clients ask"
        }
        let isItsOwn =
            isBeyond(.flows, window[.flows])
            || isBeyond(.flowsPerEdge, window[.flowsPerEdge])
            || isBeyond(.packetsOut, tried)
        return isItsOwn
            ? nil : "; leads to no fence: it asks a usual service no more often than usual"
    }
}
