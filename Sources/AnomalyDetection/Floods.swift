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
    /// What was usual before a flood stays usual for so many seconds of it: a flood would otherwise
    /// become usual by itself. Of what may be new load, for as many as `longestLoad`.
    private static let longest = 86_400
    private static let longestLoad = 3600
    /// Seconds of watching a target after which what is usual for it is known; and of watching the
    /// network after which a new target is known to have received nothing.
    private static let leastAge = 120
    private static let leastWatch = Scale.long.seconds

    private struct Flood {
        var first: Int
        var last: Int
        /// What was usual before it; nil: that was not known.
        var usual: TargetCounts?
        /// Whether the target had been watched before.
        var wasWatched: Bool
    }

    private var floods: [IPAddress: Flood] = [:]
    /// Verdicts that wait for the next second.
    private var held: [Verdict] = []
    private var newest = Int.min
    private var firstSecond = Int.max

    /// Records a flood.
    mutating func note(_ window: TargetWindow) {
        if floods.count > Self.mostTargets { floods.removeAll() }
        if let flood = floods[window.target], Self.goesOn(flood, window.endSecond) {
            floods[window.target]?.last = window.endSecond
            return
        }
        let wasWatched = window.ageSeconds >= Self.leastAge
        let isKnown = wasWatched || window.endSecond - Self.leastWatch >= firstSecond
        floods[window.target] = Flood(
            first: window.endSecond, last: window.endSecond,
            usual: isKnown ? window.usual : nil, wasWatched: wasWatched)
    }

    private static func goesOn(_ flood: Flood, _ second: Int) -> Bool {
        (0...Scale.long.seconds).contains(second - flood.last) && second - flood.first < longest
    }

    /// What is usual for a target: during a flood, what was so before it.
    func usual(of window: TargetWindow) -> TargetCounts {
        guard let flood = floods[window.target], Self.goesOn(flood, window.endSecond),
            let before = flood.usual
        else { return window.usual }
        let isLoad = flood.wasWatched && window.endSecond - flood.first < Self.longestLoad
        var usual = window.usual
        for column in [TargetCounts.Column.tcp, .completed] { usual[column] = before[column] }
        if isLoad {
            for column in [TargetCounts.Column.udp, .icmp, .other] {
                usual[column] = before[column]
            }
        }
        for kind in UnsolicitedKind.allCases where isLoad || !kind.isPlausible {
            usual[kind] = before[kind]
        }
        return usual
    }

    /// Notes that windows of this second are judged.
    mutating func advance(to second: Int) {
        newest = max(newest, second)
        firstSecond = min(firstSecond, second)
    }

    /// Whether a window shows only that an address, which may be forged, takes part in a flood that
    /// is reported for its target.
    func contain(_ window: Window, _ pattern: Pattern?) -> Bool {
        guard !floods.isEmpty, Self.mayContain(window, pattern),
            let flood = floods[window.lastContact.address]
        else { return false }
        return flood.last >= window.startSecond
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
