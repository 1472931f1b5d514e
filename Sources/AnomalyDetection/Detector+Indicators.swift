import AnomalyModel
import AttackPatterns
public import FeatureExtraction
public import Indicators
import NetworkAddresses
import Workloads

/// Lists of indicators: what they say raises an alert and explains others, and never leads to a
/// fence.
extension Detector {
    /// The verdict on a host that has contacted a listed address, or asked for a listed name.
    ///
    /// It is not remembered: a question for a listed name does not hide what else a host does.
    ///
    /// - Parameter window: one of `WindowTracker.nextSighting`.
    public mutating func judgeSighting(_ window: Window) -> Verdict? {
        guard let hit = window.indicator else { return nil }
        let identity = identity(of: window)
        let pattern: Pattern = hit.isName ? .listedName : .listedAddress
        let name = Self.feedbackName(workload: identity.name, subject: window.subject)
        guard !feedback.excuses(pattern, of: name),
            let group = group(of: identity, window.subject, window.scale)
        else { return nil }
        let scaleModel = model[window.scale]
        var verdict = Verdict(
            window: window,
            workload: window.isContested ? identity.name + Self.contestedSuffix : identity.name,
            isKnown: identity.isNamed || scaleModel.baseline.groups[identity.name] != nil,
            baselineName: group.name, score: Float(hit.confidence) / 100, pValue: 1,
            threshold: scaleModel.threshold, pattern: pattern, strength: 1, excess: 0,
            level: .watch, isFarBeyond: false,
            grounds: .stated([pattern.ruleReason(hit.text, window, group.baseline)]))
        verdict.indicators = [hit]
        return verdict.settled()
    }
}

extension Verdict {
    /// Adds what lists of indicators say of the addresses that the verdict names. Level and fence
    /// stay what they are.
    public mutating func addIndicators(from table: IndicatorTable?) {
        guard let table, indicators.isEmpty else { return }
        let contact = window.lastContact
        var addresses = [subject, attacked?.address].compactMap(\.self)
        if contact.second >= window.startSecond { addresses.append(contact.address) }
        var seen: Set<IPAddress> = []
        for address in addresses where seen.insert(address).inserted {
            if let hit = table.hit(address, at: window.endSecond) { indicators.append(hit) }
        }
    }
}
