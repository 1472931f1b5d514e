import AnomalyModel
import AttackPatterns
public import FeatureExtraction
import IsolationForest
public import NetworkAddresses
import RuntimeEvents
import Workloads

/// What an evaluation can leave out of a detector.
public enum DetectorPart: String, CaseIterable, Sendable {
    /// The scores of the isolation forests: a window counts if a value is beyond its range.
    case forest
    /// The patterns, which name alerts and distinguish attacks from busy hours.
    case patterns
    /// The evidence over minutes.
    case minutes
    /// The comparison with the time of the day.
    case times
    /// The conversations of ten minutes.
    case sustained
    /// The verdicts before the end of a second.
    case early
}

/// Evidence over minutes that are ordinary by themselves.
extension Detector {
    /// The evidence about an address, and the line from which it is reported; nil if none of its
    /// minutes were judged.
    public func runningEvidence(of subject: IPAddress) -> RunningEvidence? {
        seen.evidence.evidence(of: subject, line: evidenceLine)
    }

    /// The evidence about the workload that a window is of, on the scale of
    /// `RunningEvidence.share`; 0 if none of its minutes were judged: those of an earlier owner of
    /// the address are not its own.
    public mutating func evidenceShare(of window: Window) -> Float {
        guard seen.evidence.workload(of: window.subject) == identity(of: window).name else {
            return 0
        }
        return runningEvidence(of: window.subject)?.share ?? 0
    }

    /// Whether a window closes a minute of its subject that counts.
    mutating func closesMinute(_ window: Window, _ identity: Identity) -> Bool {
        window.scale == .medium && screen.judgesMinutes && !omitted.contains(.minutes)
            && MinuteModel.covers(identity)
            && seen.evidence.closesMinute(window, workload: identity.name)
    }

    /// The verdict on a minute that is ordinary by itself.
    mutating func judgeMinute(
        _ window: Window, _ identity: Identity, _ minutes: MinuteModel
    ) -> Verdict? {
        guard !window.isContested, !isReported(window, identity) else { return nil }
        let verdict = accumulate(window, identity, minutes)
        latestEvidence = (shownName(identity, window), evidenceShare(of: window))
        return verdict
    }

    /// Adds a minute to the evidence; returns a verdict if that is over the line.
    ///
    /// Such a verdict never leads to a fence: many slightly unusual minutes do not say what they
    /// are.
    mutating func accumulate(
        _ window: Window, _ identity: Identity, _ minutes: MinuteModel
    ) -> Verdict? {
        guard let (name, group) = minutes.group(of: identity) else { return nil }
        let workload = Self.feedbackName(workload: identity.name, subject: window.subject)
        let row = group.row(
            RelativeVector.transformed(window.values, seconds: window.scale.seconds),
            allowed: feedback.allowed(for: workload, scale: window.scale))
        let score = minutes.forest.minuteScore(row)
        let isScored = !omitted.contains(.forest)
        // If other members of the group score as high, the group has changed since the training.
        let share = seen.peers.add(window.subject, second: window.endSecond, score: score, to: name)
        let chance = max(
            group.pValue(isScored || score == 0 ? score : .leastNonzeroMagnitude), share)
        let line = raised.line(evidenceLine, of: identity.name, at: window.endSecond)
        guard
            let running = seen.evidence.add(
                window.subject, p: chance, line: line, budgetLine: evidenceLine,
                at: window.endSecond)
        else { return nil }
        let pattern =
            omitted.contains(.patterns) ? nil : Pattern.match(window) { row[$0.rawValue] > 0 }
        var verdict = Verdict(
            window: window, workload: identity.name,
            isKnown: identity.isNamed || minutes.groups[identity.name] != nil,
            baselineName: name, score: score, pValue: chance,
            threshold: min(score, group.score(atChance: 0.1)), pattern: pattern?.pattern,
            strength: pattern?.strength ?? 0, excess: 0, level: .watch, isFarBeyond: false,
            grounds: .stated(reasons(window, group, row, minutes.forest)), running: running)
        // A clean minute says nothing new.
        let last = seen.evidence.lastRaised(window.subject) ?? window.endSecond
        let raised = max(last, window.endSecond - Scale.long.seconds)
        verdict.newestTraffic = raised - window.scale.bucketSeconds + 1...raised
        return verdict
    }

    private func reasons(
        _ window: Window, _ group: MinuteGroup, _ row: [Float], _ forest: IsolationForest
    ) -> [Verdict.Reason] {
        var shares = [Float](repeating: 0, count: Feature.count)
        forest.attribute(row, to: &shares)
        let order = Feature.allCases.filter { row[$0.rawValue] > 0 }.sorted {
            shares[$0.rawValue] * row[$0.rawValue] > shares[$1.rawValue] * row[$1.rawValue]
        }
        return order.prefix(5).map { feature in
            let column = feature.rawValue
            let description = FeatureSchema.description(of: feature)
            let seconds = window.scale.seconds
            let upper = description.raw(group.upper[column], seconds: seconds)
            return Verdict.Reason(
                feature: feature, value: window[feature],
                baselineMedian: description.raw(group.median[column], seconds: seconds),
                baselineP99: upper, baselineLargest: upper, share: shares[column],
                text: Explanation.amount(window[feature], description, window)
                    + " \(description.counts) in \(seconds) s; 95 % of clean minutes have at most "
                    + Explanation.number(upper, description))
        }
    }
}
