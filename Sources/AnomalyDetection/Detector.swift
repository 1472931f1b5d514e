public import AnomalyModel
import AttackPatterns
public import FeatureExtraction
import IsolationForest
public import NetworkAddresses
public import RuntimeEvents
import SenderAttribution
public import Workloads

#if canImport(Glibc)
    import Glibc
#endif

/// Judges windows against a model.
///
/// A window is anomalous if its score reaches the model's threshold and at least one feature
/// exceeds the largest value in the clean windows of its group by the feature's resolution or more.
/// The second condition is checked first: it is cheap, and a window that fails it is not scored.
public struct Detector: Sendable {
    /// The sum of excesses from which one window is enough to act on.
    public static let farBeyond: Float = 7

    /// Follows the name of a workload whose address another host uses, too.
    public static let contestedSuffix = " (contested address)"

    let model: Model
    private let identities: IdentityMap
    let feedback: FeedbackBook
    private var cache: [IPAddress: Identity] = [:]
    var screen: WindowScreen
    /// Workloads with runtime events: their line is lower for a while.
    public var raised = RaisedWorkloads()
    var seen = Memory()

    /// What was seen over several windows. All of it has times.
    struct Memory: Sendable {
        /// Recent alerts of each subject: one entry for each pattern and scale.
        fileprivate var reported: [IPAddress: [Reported]] = [:]
        fileprivate var replicaScans = ReplicaScans()
        fileprivate var slowScans = SlowScans()
        var replicaRates = ReplicaRates()
        var floods = Floods()
        var evidence = EvidenceTable()
        var peers = PeerMinutes()
        fileprivate var unknownHosts = (second: Int.min, plain: 0, patterned: 0)
    }

    fileprivate struct Reported {
        var second: Int
        var scale: Scale
        var pattern: Pattern?
        /// Whether it was reason enough for a fence.
        var isFence: Bool
        /// The owner of the address at that time.
        var workload: String
    }

    /// Parts that are left out, to measure what they contribute.
    public var omitted: Set<DetectorPart> = []

    /// The line from which evidence over minutes raises a verdict.
    let evidenceLine: Double
    /// Exfiltration to a known peer is reported from this many steps beyond the clean range.
    private let leastToFriends: Float
    /// More conversations are reported from this growth over the clean maximum.
    let growthLimit: Float

    public init(model: Model, inventory: Inventory) {
        self.model = model
        screen = WindowScreen(model: model)
        feedback = FeedbackBook(model.feedback)
        identities = IdentityMap(inventory: inventory)
        evidenceLine = model.evidenceLine ?? .infinity
        leastToFriends = Self.leastToFriends(perDay: model.provenance.falseAlarmsPerDay)
        growthLimit = Self.leastGrowth(perDay: model.provenance.falseAlarmsPerDay)
    }

    /// A full copy instead of the usual one is an ordinary event of some days: 36 times the largest
    /// clean amount is 3 steps, 120 times is 4. A tenth of the budget takes one step more.
    private static func leastToFriends(perDay: Double) -> Float {
        Float(min(max(4 - log10(max(perDay, 1e-9)), 3), 5))
    }

    /// The name by which feedback refers to a subject.
    public static func feedbackName(workload: String, subject: IPAddress) -> String {
        workload == IdentityMap.outside ? "\(subject)" : workload
    }

    /// The number of windows that were scored, and of all that were seen.
    public private(set) var scoredCount = 0
    public internal(set) var seenCount = 0
    /// The histogram of scores, in twenty equal parts of 0…1.
    public private(set) var scoreCounts = [UInt64](repeating: 0, count: 20)

    /// Most anomalous windows of unknown hosts scored per second, and as many again that match a
    /// known pattern; further ones are only counted. Nil: no limit, for captures; a live
    /// monitor must keep up with its packets.
    public var unknownHostLimit: Int?
    /// The number of windows that were not scored because of this limit.
    public private(set) var unscoredCount = 0

    /// Continues the counts, and what was seen over several windows, of the detector that this one
    /// replaces.
    public mutating func resume(from other: Detector) {
        seen = other.seen
        raised = other.raised
        scoredCount = other.scoredCount
        seenCount = other.seenCount
        scoreCounts = other.scoreCounts
        unscoredCount = other.unscoredCount
    }

    /// Begins again after the clock was set back: what was seen at times that are now ahead would
    /// hide what follows. The counts continue.
    public mutating func restart() {
        seen = Memory()
    }

    /// The evidence about the workload of the last window judged, on the scale of
    /// `RunningEvidence.share`; nil if the window neither raised a verdict nor closed a minute.
    public internal(set) var latestEvidence: (workload: String, share: Float)?

    /// Whether the last window judged has no verdict, or none yet, because it is part of a target's
    /// flood, or may be. It is anomalous all the same.
    public private(set) var isPartOfFlood = false

    /// Returns the verdict on a window, or nil if there is nothing to report.
    public mutating func judge(_ window: Window) -> Verdict? { verdict(on: window)?.settled() }

    private mutating func verdict(on window: Window) -> Verdict? {
        seenCount += 1
        isPartOfFlood = false
        seen.floods.advance(to: window.endSecond)
        let identity = identity(of: window)
        let comparison = comparison(of: window, identity)
        let isOrdinary =
            window.takeover == nil && window.outage == nil
            && comparison?.amounts.contain(window.values) != false
        latestEvidence = nil
        if isOrdinary, window.scale != .long {
            guard closesMinute(window, identity), let minutes = model.minutes else { return nil }
            return judgeMinute(window, identity, minutes)
        }
        let alone =
            (isOrdinary ? nil : judgeAlone(window, identity, comparison))
            ?? (window.scale == .long
                ? judgeTime(window, identity) ?? judgeSustained(window, identity, comparison)
                : nil)
        if alone != nil { latestEvidence = (shownName(identity, window), 1) }
        guard closesMinute(window, identity), alone == nil, let minutes = model.minutes else {
            return alone
        }
        return judgeMinute(window, identity, minutes)
    }

    /// What the window is compared with; nil if the model has no group for it.
    mutating func comparison(of window: Window, _ identity: Identity) -> Comparison? {
        screen.comparison(of: window, identity)
    }

    func shownName(_ identity: Identity, _ window: Window) -> String {
        model.shownName(of: identity.name, mayBeForged: window.evidence.mayBeForged)
    }

    /// Whether a window that overlaps this one has raised an alert by itself.
    ///
    /// - Parameter shorterOnly: whether only shorter windows count.
    func isReported(
        _ window: Window, _ identity: Identity, shorterOnly: Bool = false
    ) -> Bool {
        seen.reported[window.subject]?.contains {
            $0.second >= window.startSecond && $0.workload == identity.name
                && (!shorterOnly || $0.scale.rawValue < window.scale.rawValue)
        } ?? false
    }

    /// The verdict on a window by itself.
    private mutating func judgeAlone(
        _ window: Window, _ identity: Identity, _ comparison: Comparison?
    ) -> Verdict? {
        guard let comparison else { return nil }
        let group = (name: comparison.name, baseline: comparison.baseline)
        let transformed = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        let excess = RelativeVector.excess(transformed, over: group.baseline)
        let isAnomalous = model[window.scale].covers(window) && excess.contains { $0 >= 1 }
        guard isAnomalous || window.takeover != nil || window.outage != nil else { return nil }
        var found = omitted.contains(.patterns) ? nil : pattern(in: window, excess)
        if let found, found.pattern.isRule {
            // A longer window with the same packets is no further alert.
            remember(window, identity, nil)
            return ruleVerdict(window, identity, group, excess, found)
        }
        guard isAnomalous else { return nil }
        let shared =
            identity.isNamed && window.scale == .long
            ? seen.replicaScans.note(window, workload: identity.name) : nil
        if let shared, found?.pattern.mayFence != true {
            found = (shared.pattern, shared.strength)
        }
        let slow = omitted.contains(.patterns) ? nil : seen.slowScans.note(window, identities)
        if let slow, found?.pattern.mayFence != true {
            return slowVerdict(window, identity, group, excess, slow)
        }
        guard !isEcho(window, identity, found) else { return nil }
        isPartOfFlood = seen.floods.contain(window, found?.pattern)
        guard !isPartOfFlood else { return nil }
        if isOneTooMany(window, identity, hasPattern: found != nil) {
            unscoredCount += 1
            return nil
        }
        scoredCount += 1
        let row = RelativeVector.relative(transformed, to: group.baseline)
        let score = model[window.scale].forest.score(row)
        scoreCounts[min(19, max(0, Int(score * 20)))] &+= 1
        guard score >= model[window.scale].threshold || omitted.contains(.forest) else {
            return nil
        }
        // More of the usual traffic without a clear pattern is a busy hour, not an attack.
        let isMore = Feature.allCases.allSatisfy { excess[$0.rawValue] < 1 || $0.isVolume }
        guard found != nil || !isMore else { return nil }
        var verdict = verdict(window, identity, group, excess, row, score, found)
        remember(window, identity, found?.pattern, isFence: verdict.level == .quarantine)
        if let shared, verdict.pattern == shared.pattern, verdict.strength == shared.strength {
            // No replica alone did enough to be fenced.
            verdict.level = .watch
            verdict.isFarBeyond = false
            verdict.headline = shared.text(
                workload: identity.name, seconds: window.scale.seconds)
        }
        isPartOfFlood = seen.floods.hold(verdict.settled())
        return isPartOfFlood ? nil : verdict
    }

    /// Whether the limit of unknown hosts' windows scored per second is reached.
    private mutating func isOneTooMany(
        _ window: Window, _ identity: Identity, hasPattern: Bool
    ) -> Bool {
        guard let unknownHostLimit else { return false }
        let isKnown =
            identity.place == .inside
            && (identity.isNamed || model[window.scale].baseline.groups[identity.name] != nil)
        guard !isKnown else { return false }
        if seen.unknownHosts.second != window.endSecond {
            seen.unknownHosts = (window.endSecond, 0, 0)
        }
        seen.unknownHosts.plain += hasPattern ? 0 : 1
        seen.unknownHosts.patterned += hasPattern ? 1 : 0
        return unknownHostLimit
            < (hasPattern ? seen.unknownHosts.patterned : seen.unknownHosts.plain)
    }

    /// The narrowest baseline that has enough windows, widened by the feedback *benign*.
    func group(
        of identity: Identity, _ subject: IPAddress, _ scale: Scale
    ) -> (name: String, baseline: GroupBaseline)? {
        guard var group = model[scale].baseline.group(of: identity, scale: scale) else {
            return nil
        }
        let name = Self.feedbackName(workload: identity.name, subject: subject)
        group.baseline = feedback.widened(group.baseline, for: name, scale: scale)
        return group
    }

    /// The same, by address.
    func group(of subject: IPAddress, scale: Scale) -> (name: String, baseline: GroupBaseline)? {
        group(of: identities.identity(of: subject), subject, scale)
    }

    func pattern(
        in window: Window, _ excess: [Float]
    ) -> (pattern: Pattern, strength: Float)? {
        let found = Pattern.match(window) { excess[$0.rawValue] >= 1 }
        // Much data to a known peer may be a full backup: never fenced, alerted only if far more.
        guard found?.pattern == .exfiltration, !window.hasUnknownPeers,
            excess[Feature.bytesOutside.rawValue] < leastToFriends
        else { return found }
        return Pattern.match(window, excluding: .exfiltration) { excess[$0.rawValue] >= 1 }
    }

    /// The forest's score of a window, anomalous or not; for evaluation.
    public mutating func score(_ window: Window) -> Float? {
        let identity = identity(of: window)
        let scaleModel = model[window.scale]
        guard let group = scaleModel.baseline.group(of: identity, scale: window.scale) else {
            return nil
        }
        let transformed = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        return scaleModel.forest.score(RelativeVector.relative(transformed, to: group.baseline))
    }

    /// Whether a longer window only repeats what a shorter one has already reported: any alert
    /// within it, unless the longer window matches a clear pattern that no shorter one matched, or
    /// matches it clearly enough for a fence, which no shorter one did.
    private func isEcho(
        _ window: Window, _ identity: Identity, _ found: (pattern: Pattern, strength: Float)?
    ) -> Bool {
        guard let reported = seen.reported[window.subject] else { return false }
        let shorter = reported.filter {
            $0.scale.rawValue < window.scale.rawValue && $0.second >= window.startSecond
                && $0.workload == identity.name
        }
        // Only long windows can show a periodic contact.
        if found?.pattern == .beacon { return shorter.contains { $0.pattern == .beacon } }
        guard let found, found.pattern.mayFence else { return !shorter.isEmpty }
        return shorter.contains {
            $0.pattern?.mayFence == true && ($0.isFence || found.strength < Pattern.fenceStrength)
        }
    }

    mutating func remember(
        _ window: Window, _ identity: Identity, _ pattern: Pattern?, isFence: Bool = false
    ) {
        if seen.reported.count > 65_536 { seen.reported.removeAll() }
        var list = seen.reported[window.subject] ?? []
        list.removeAll {
            ($0.pattern == pattern && $0.scale == window.scale) || $0.workload != identity.name
                || window.endSecond - $0.second > Scale.long.seconds
        }
        list.append(
            Reported(
                second: window.endSecond, scale: window.scale, pattern: pattern, isFence: isFence,
                workload: identity.name))
        seen.reported[window.subject] = list
    }

    func verdict(
        _ window: Window, _ identity: Identity, _ group: (name: String, baseline: GroupBaseline),
        _ excess: [Float], _ row: [Float], _ score: Float,
        _ found: (pattern: Pattern, strength: Float)?
    ) -> Verdict {
        let scaleModel = model[window.scale]
        let strength = found?.strength ?? 0
        let top = excess.sorted(by: >).prefix(4).reduce(0, +)
        let mayFence =
            found.map {
                $0.pattern.mayFence && ($0.pattern != .exfiltration || window.hasUnknownPeers)
            }
            ?? false
        let isKnownBad = feedback.mayFence(
            found?.pattern,
            of: Self.feedbackName(workload: identity.name, subject: window.subject))
        let calibration = scaleModel.calibration
        // Another host uses the address, and the owner is not known to use it.
        let isTheirs = !window.isContested
        // A workload of the training that was compared with others, for lack of its own windows.
        let own = identity.place == .outside ? nil : scaleModel.baseline.groups[identity.name]
        let lacking: String? =
            if isKnownBad || !mayFence {
                nil
            } else if found?.pattern.needsBaseline == true {
                ScaleBaseline.windowsLacking(own ?? group.baseline, window.scale)
                    ?? doubt(about: window, found?.pattern, group.baseline)
                    ?? found.flatMap { Pattern.requestDoubt(about: window, $0.pattern) }
            } else {
                found.flatMap { Pattern.requestDoubt(about: window, $0.pattern) }
            }
        let mayAct =
            isTheirs && lacking == nil
            && (isKnownBad || mayFence && strength >= Pattern.fenceStrength)
        return Verdict(
            window: found?.pattern.shown(window) ?? window,
            workload: isTheirs ? identity.name : identity.name + Self.contestedSuffix,
            isKnown: identity.isNamed || scaleModel.baseline.groups[identity.name] != nil,
            baselineName: group.name, score: score, pValue: calibration.pValue(score),
            threshold: scaleModel.threshold, pattern: found?.pattern, strength: strength,
            excess: top,
            level: mayAct ? .quarantine : .watch,
            isFarBeyond: mayFence && lacking == nil && top >= Self.farBeyond && strength >= 2,
            grounds: .window(
                JudgedWindow(
                    window: window, baseline: group.baseline, excess: excess, row: row,
                    forest: scaleModel.forest, measure: found?.pattern.measure, remark: lacking)))
    }

    /// Why a pattern does not prove that the subject did it, as text that follows a reason.
    private func doubt(
        about window: Window, _ pattern: Pattern?, _ baseline: GroupBaseline
    ) -> String? {
        guard pattern == .guessing else { return nil }
        let seconds = window.scale.seconds
        let transformed = RelativeVector.transformed(window.values, seconds: seconds)
        return Pattern.doubt(about: window) { feature, value in
            RelativeVector.excess(
                of: value, as: feature, transformed, seconds: seconds, over: baseline) >= 1
        }
    }

    mutating func identity(of window: Window) -> Identity {
        if let identity = window.identity { return identity }
        let address = window.subject
        if let known = cache[address] { return known }
        if cache.count > 65_536 { cache.removeAll() }
        let identity = identities.identity(of: address)
        cache[address] = identity
        return identity
    }
}
