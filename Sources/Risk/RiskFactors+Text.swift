internal import TextFormats

/// The factors in words.
extension RiskFactors {
    /// Whether nobody has looked at what this part is about.
    func isUnknown(_ kind: RiskPart.Kind) -> Bool {
        switch kind {
        case .anomaly, .indicators: false
        case .runtime: runtime == nil
        case .vulnerability: vulnerability == nil
        case .posture: posture == nil
        case .exposure: exposure.publishedPorts == nil
        }
    }

    func text(of kind: RiskPart.Kind) -> String {
        switch kind {
        case .anomaly: anomalyText
        case .indicators: indicatorText
        case .runtime: runtimeText
        case .vulnerability: vulnerabilityText
        case .posture: postureText
        case .exposure: exposureText
        }
    }

    /// What to do about a part; nil: nothing.
    func action(against kind: RiskPart.Kind) -> String? {
        switch kind {
        case .anomaly:
            if let worst = worstIncident {
                return "look at it: " + Shell.line(["lazaret", "explain", worst.id])
            }
            return newOutsidePeers > 0 ? "look at them: \(command("flows", "--workload"))" : nil
        case .indicators:
            return indicators.isEmpty
                ? nil : "look at its incidents: \(command("incidents", "--match"))"
        case .runtime:
            guard let runtime else { return nil }
            return runtime.counts.isEmpty ? nil : "look at the process that the event names"
        case .vulnerability:
            guard let found = vulnerability else { return "scan its image" }
            if found.fixable > 0 { return "update its image" }
            if found.isIncomplete { return "scan its other images" }
            if found.reportAgeDays > 30 { return "scan its image again" }
            return found.counts.isEmpty ? nil : "make it harder to reach"
        case .posture:
            guard let posture else { return nil }
            return posture.mend
        case .exposure:
            if let ports = exposure.publishedPorts, ports > 0 {
                return "publish its ports on one address, or behind a proxy"
            }
            return exposure.hopsFromOutside == nil
                ? nil : "restrict who reaches it: lazaret policy export"
        }
    }

    /// A command about this workload. Names are quoted: what is copied into a shell must not be
    /// more than a name.
    private func command(_ name: String, _ option: String) -> String {
        Shell.line(["lazaret", name, "\(option)=\(workload)"])
    }

    /// The incident that counts most.
    private var worstIncident: Incident? {
        incidents.filter { $0.judgement != .dismissed }
            .max { RiskFormula.weight($0) < RiskFormula.weight($1) }
    }

    private var anomalyText: String {
        let counted = incidents.filter { $0.judgement != .dismissed }
        var words: [String] = []
        if let worst = worstIncident {
            let judged =
                worst.judgement == .malicious ? "malicious" : "\(worst.severity) severity"
            words.append(
                "\(Self.count(counted.count, "incident")), the worst \(judged) "
                    + "\(Self.age(worst.ageDays)) ago\(worst.isProven ? "" : " (may be forged)"): "
                    + worst.summary)
        }
        if newOutsidePeers > 0 {
            words.append("\(Self.count(newOutsidePeers, "new outside peer")) today")
        }
        if counted.count < incidents.count {
            words.append(
                "\(Self.count(incidents.count - counted.count, "incident")) benign or closed")
        }
        return words.isEmpty ? "no incidents" : words.joined(separator: "; ")
    }

    private var worstIndicator: Indicator? {
        indicators.max {
            ($0.confidence, $1.ageDays, $1.value) < ($1.confidence, $0.ageDays, $0.value)
        }
    }

    private var indicatorText: String {
        guard let worst = worstIndicator else { return "no contact with listed addresses or names" }
        return
            "\(Self.count(indicators.count, "listed address or name", "listed addresses or names"))"
            + " contacted, such as \(worst.value): confidence \(worst.confidence), "
            + "\(Self.age(worst.ageDays)) ago\(worst.isProven ? "" : " (may be forged)")"
    }

    private var runtimeText: String {
        guard let runtime else { return "unknown: no events of a runtime sensor" }
        guard !runtime.counts.isEmpty else { return "no events of a runtime sensor" }
        return Self.list(runtime.counts) + " events of a runtime sensor, the last "
            + "\(Self.age(runtime.ageDays)) ago" + (runtime.last.map { ": \($0)" } ?? "")
    }

    private var vulnerabilityText: String {
        guard let found = vulnerability else { return "unknown: no report on its image" }
        var words = [
            found.counts.isEmpty
                ? "no known vulnerability"
                : Self.list(found.counts) + " vulnerabilities, \(found.fixable) with a fix"
        ]
        if found.exploited > 0 { words.append("\(found.exploited) known to be exploited") }
        if found.highestEPSS > 0 {
            let percent = (RiskFormula.unit(found.highestEPSS) * 1000).rounded() / 10
            words.append("highest EPSS \(percent) %")
        }
        if let worst = found.worst { words.append("the worst is \(worst)") }
        if found.isIncomplete { words.append("some of its images have no report") }
        if found.reportAgeDays > 30 {
            words.append("the report is \(Self.age(found.reportAgeDays)) old")
        }
        return words.joined(separator: "; ")
    }

    private var postureText: String {
        guard let posture else { return "unknown: its settings were not read" }
        guard !posture.counts.isEmpty else { return "no findings" }
        return Self.list(posture.counts) + " findings"
            + (posture.worst.map { ", the worst: \($0)" } ?? "")
    }

    private var exposureText: String {
        var words: [String] = []
        switch exposure.publishedPorts {
        case nil: words.append("published ports unknown")
        case .some(0): break
        case .some(let ports):
            words.append("\(Self.count(ports, "port")) published on all addresses")
        }
        switch exposure.hopsFromOutside {
        case nil: words.append("no way from outside seen")
        case .some(1): words.append("contacted from outside")
        case .some: words.append("a way from outside by \(exposure.way.joined(separator: ", "))")
        }
        words.append("contacted by \(exposure.callers) and contacts \(exposure.reached) inside")
        return words.joined(separator: "; ")
    }

    // MARK: - Words

    static func count(_ number: Int, _ one: String, _ more: String? = nil) -> String {
        "\(number) \(number == 1 ? one : more ?? one + "s")"
    }

    static func list(_ counts: [(name: String, count: Int)]) -> String {
        counts.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
    }

    static func age(_ days: Double) -> String {
        let minutes = days > 0 ? min(days, 1e6) * 1440 : 0
        switch minutes {
        case ..<120: return "\(Int(minutes)) min"
        case ..<2880: return "\(Int(minutes / 60)) h"
        default: return "\(Int(minutes / 1440)) days"
        }
    }
}

extension RiskFactors.Runtime {
    /// The counts that are not 0, the most urgent first.
    var counts: [(name: String, count: Int)] {
        [("critical", critical), ("error", error), ("warning", warning), ("notice", notice)]
            .filter { $0.1 > 0 }
    }
}

extension RiskFactors.Vulnerability {
    /// The counts that are not 0, the worst first.
    var counts: [(name: String, count: Int)] {
        [("critical", critical), ("high", high), ("medium", medium), ("low", low)]
            .filter { $0.1 > 0 }
    }
}

extension RiskFactors.Posture {
    /// The counts that are not 0, the worst first.
    var counts: [(name: String, count: Int)] {
        [("critical", critical), ("high", high), ("medium", medium), ("low", low)]
            .filter { $0.1 > 0 }
    }
}
