internal import Glibc

/// How factors become shares of 0...1, and shares a score. `docs/risk.md` gives the reason for each
/// number.
///
/// Independent causes are combined as probabilities that are not all absent ("noisy or"): the
/// result rises with each of them, and never exceeds 1.
enum RiskFormula {
    /// The greatest share of the score that a part can have alone.
    static let weights: [RiskPart.Kind: Double] = [
        .anomaly: 0.7, .indicators: 0.5, .runtime: 0.5, .vulnerability: 0.45, .posture: 0.25,
        .exposure: 0.2,
    ]

    /// What evidence counts at most that anybody could have forged by writing another's address.
    static let mostUnproven = 0.3
    /// What counts where nobody has looked.
    static let unknownVulnerability = 0.3
    static let unknownPosture = 0.15
    static let unknownPublishing = 0.15

    /// Whether at least one of independent causes holds.
    static func any(_ shares: [Double]) -> Double { 1 - shares.reduce(1) { $0 * (1 - unit($1)) } }

    /// `count` equal causes of this share each; more than 20 count as 20.
    static func many(_ count: Int, _ share: Double) -> Double {
        1 - pow(1 - share, Double(min(max(count, 0), 20)))
    }

    /// Approaches 1 with a growing count; a half at `half`.
    static func saturating(_ count: Int, half: Double) -> Double {
        1 - exp2(-Double(min(max(count, 0), 1 << 20)) / half)
    }

    /// What is left of 1 after some days.
    static func fading(_ ageDays: Double, halfLife: Double) -> Double {
        ageDays > 0 ? exp2(-ageDays / halfLife) : 1
    }

    /// A number within 0...1; what is no number counts as 0.
    static func unit(_ value: Double) -> Double { value >= 0 ? min(value, 1) : 0 }

    // MARK: - Parts

    static func anomaly(_ factors: RiskFactors) -> Double {
        func weights(isProven: Bool) -> [Double] {
            factors.incidents.filter { $0.isProven == isProven }.map(weight)
        }
        let unproven = any(
            weights(isProven: false) + [0.2 * saturating(factors.newOutsidePeers, half: 2)])
        return any([any(weights(isProven: true)), min(unproven, mostUnproven)])
    }

    static func weight(_ incident: RiskFactors.Incident) -> Double {
        let weight =
            switch (incident.judgement, incident.severity) {
            case (.dismissed, _): 0.0
            case (.malicious, _): 0.9
            case (.open, .high): 0.6
            case (.open, .medium): 0.35
            case (.open, .low): 0.15
            }
        return weight * fading(incident.ageDays, halfLife: 3)
    }

    static func indicators(_ factors: RiskFactors) -> Double {
        func share(isProven: Bool) -> Double {
            any(
                factors.indicators.filter { $0.isProven == isProven }.map {
                    0.8 * unit(Double($0.confidence) / 100) * fading($0.ageDays, halfLife: 7)
                })
        }
        return any([share(isProven: true), min(share(isProven: false), mostUnproven)])
    }

    static func runtime(_ events: RiskFactors.Runtime?) -> Double {
        guard let events else { return 0 }
        let share = any([
            many(events.critical, 0.6), many(events.error, 0.4), many(events.warning, 0.25),
            many(events.notice, 0.05),
        ])
        return share * fading(events.ageDays, halfLife: 3)
    }

    /// How easily it can be broken into, by somebody who reaches it.
    static func vulnerability(_ found: RiskFactors.Vulnerability?) -> Double {
        guard let found else { return unknownVulnerability }
        // After 30 days, what a report does not know grows; after 90 it counts like no report.
        let staleness = found.isIncomplete ? 1 : unit((found.reportAgeDays - 30) / 60)
        return any([
            many(found.exploited, 0.5), 0.5 * unit(found.highestEPSS), many(found.critical, 0.2),
            many(found.high, 0.05), many(found.medium, 0.01), many(found.low, 0.002),
            unknownVulnerability * staleness,
        ])
    }

    static func posture(_ found: RiskFactors.Posture?) -> Double {
        guard let found else { return unknownPosture }
        return any([
            many(found.critical, 0.5), many(found.high, 0.2), many(found.medium, 0.05),
            many(found.low, 0.01),
        ])
    }

    static func exposure(_ exposure: RiskFactors.Exposure) -> Double {
        let fromOutside = exposure.hopsFromOutside.map { exp2(1 - Double(max($0, 1))) } ?? 0
        return any([
            exposure.publishedPorts.map { 0.4 * saturating($0, half: 0.5) } ?? unknownPublishing,
            0.4 * fromOutside, 0.3 * saturating(exposure.callers, half: 8),
            0.3 * saturating(exposure.reached, half: 8),
        ])
    }

    /// Each part's share, 0...1, in the order of `RiskPart.Kind`.
    static func shares(_ factors: RiskFactors) -> [(kind: RiskPart.Kind, share: Double)] {
        let exposure = exposure(factors.exposure)
        return RiskPart.Kind.allCases.map { kind in
            let share =
                switch kind {
                case .anomaly: anomaly(factors)
                case .indicators: indicators(factors)
                case .runtime: runtime(factors.runtime)
                // What nobody reaches is hardly broken into.
                case .vulnerability:
                    vulnerability(factors.vulnerability) * (0.4 + 0.6 * exposure)
                case .posture: posture(factors.posture) * (0.5 + 0.5 * exposure)
                case .exposure: exposure
                }
            return (kind, unit(share))
        }
    }
}
