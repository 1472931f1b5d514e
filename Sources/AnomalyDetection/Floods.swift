import AnomalyModel
import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import SenderAttribution

/// The floods of targets whose senders are not known. What their addresses send is part of that
/// one incident.
struct Floods: Sendable {
    private static let mostTargets = 4096
    private static let mostHeld = 4096

    /// The last second of a flood of each target.
    private var seconds: [IPAddress: Int] = [:]
    /// Verdicts that wait for the next second.
    private var held: [Verdict] = []
    private var newest = Int.min

    /// Records a flood.
    mutating func note(_ window: TargetWindow) {
        if seconds.count > Self.mostTargets { seconds.removeAll() }
        seconds[window.target] = window.endSecond
    }

    /// Notes that windows of this second are judged.
    mutating func advance(to second: Int) { newest = max(newest, second) }

    /// Whether a window shows only that an address, which may be forged, takes part in a flood that
    /// is reported for its target.
    func contain(_ window: Window, _ pattern: Pattern?) -> Bool {
        guard !seconds.isEmpty, Self.mayContain(window, pattern),
            let second = seconds[window.lastContact.address]
        else { return false }
        return second >= window.startSecond
    }

    private static func mayContain(_ window: Window, _ pattern: Pattern?) -> Bool {
        window.evidence.mayBeForged && pattern?.mayFence != true
    }

    /// Keeps a verdict back if it is about one of many unknown senders of its target: a flood that
    /// began at the end of a second is seen in the next.
    ///
    /// - Returns: false if the verdict is to be reported at once.
    mutating func hold(_ verdict: Verdict) -> Bool {
        guard verdict.window.isInCrowd, Self.mayContain(verdict.window, verdict.pattern),
            held.count < Self.mostHeld
        else { return false }
        held.append(verdict)
        return true
    }

    /// The verdicts of earlier seconds that were held and are not part of a flood.
    ///
    /// - Parameter isLast: whether no further second follows.
    mutating func takeHeld(isLast: Bool) -> [Verdict] {
        guard !held.isEmpty else { return [] }
        let due = held.filter { isLast || $0.window.endSecond < newest }
        held.removeAll { isLast || $0.window.endSecond < newest }
        return due.filter { !contain($0.window, $0.pattern) }
    }
}

extension Detector {
    /// Verdicts on one of many unknown senders of a target, of earlier seconds: they waited to see
    /// whether a flood of the target follows, and none did.
    ///
    /// - Parameter isLast: whether no further second follows.
    public mutating func takeHeld(isLast: Bool = false) -> [Verdict] {
        seen.floods.takeHeld(isLast: isLast)
    }

    /// The name under which the subject of such a verdict is shown.
    public func shownName(of verdict: Verdict) -> String {
        model.shownName(
            of: verdict.workload, mayBeForged: verdict.window.evidence.mayBeForged)
    }
}
