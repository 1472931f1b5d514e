internal import AnomalyDetection
internal import AnomalyModel
import AttackPatterns
internal import Quarantine
internal import Timestamps

extension HTMLReport {
    /// The key figures and a short summary.
    var summarySection: HTML {
        let tiles: [HTML] = figures.map { figure in
            "<div><dt>\(figure.name)</dt><dd>\(figure.value)</dd></div>"
        }
        let notes: [HTML] = summary.map { "<p>\($0)</p>" }
        return """
            <section id="summary" aria-labelledby="summary-title">
            <h2 id="summary-title">Summary</h2>
            \(notes)
            <dl class="tiles">\(tiles)</dl>
            \(warningList)
            </section>
            """
    }

    private var figures: [(name: String, value: String)] {
        let counts = [
            ("Packets", HTML.grouped(packetCount)), ("Windows judged", HTML.grouped(windowCount)),
            ("Workloads seen", HTML.grouped(timeline.lines.count)),
        ]
        guard model != nil else {
            let shaped = ranking.count { $0.pattern != nil }
            return [
                ("Addresses ranked", HTML.grouped(ranking.count)),
                ("With a plain pattern", HTML.grouped(shaped)),
            ] + counts
        }
        let fenced = Set(decisions.filter(\.isFence).map { "\($0.target)" })
        return [
            ("Incidents", HTML.grouped(incidents.count)),
            ("Offenders", HTML.grouped(Set(incidents.map(\.offender)).count)),
            ("Would be fenced", HTML.grouped(fenced.count)),
        ] + counts
    }

    private var summary: [HTML] {
        guard packetCount > 0 else { return ["There was nothing to judge."] }
        guard let model else { return rankingSummary }
        guard !incidents.isEmpty else {
            return [
                "All traffic matches the baseline: no window reached the threshold.",
                baselineText(model),
            ]
        }
        let fenced = Set(decisions.filter(\.isFence).map { "\($0.target)" }).sorted()
        let fences: HTML =
            fenced.isEmpty
            ? """
            Nothing would have been fenced: what was found is clear enough to watch, but not to \
            fence.
            """
            : "Enforcing would have fenced <strong>\(Self.list(fenced, limit: 20))</strong>."
        return [fences, byPattern, baselineText(model)]
    }

    private var rankingSummary: [HTML] {
        rankingVerdict.map { "\($0)" }
    }

    /// "port scan 4, beacon 2".
    private var byPattern: HTML {
        var counts: [String: Int] = [:]
        for incident in incidents {
            counts[incident.patternsByStrength.first?.title ?? "unusual traffic", default: 0] += 1
        }
        let order = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return
            "What they look like: \(order.map { "\($0.key) \($0.value)" }.joined(separator: ", "))."
    }

    private func baselineText(_ model: Model) -> HTML {
        let provenance = model.provenance
        let seconds = Int64((provenance.last - provenance.first).wholeSeconds)
        let capped: HTML =
            model.minutes == nil
            ? " That is too little to accumulate evidence over minutes." : ""
        return """
            Judged by model <code>\(model.identifier)</code>, learned from \
            \(Self.list(provenance.sources, limit: 4)): \
            \(HTML.grouped(provenance.packetCount)) packets over \
            \(Self.length(seconds: seconds)).\(capped)
            """
    }

    private var warningList: HTML {
        guard !warnings.isEmpty else { return "" }
        let items: [HTML] = warnings.prefix(100).map { "<li>\($0)</li>" }
        let more: HTML =
            warnings.count > 100 ? "<li>and \(warnings.count - 100) more</li>" : ""
        return "<h3>Warnings</h3><ul>\(items)\(more)</ul>"
    }

    static func list(_ items: [String], limit: Int) -> String {
        items.prefix(limit).joined(separator: ", ")
            + (items.count > limit ? " and \(items.count - limit) more" : "")
    }

    /// The offender, or who is attacked by offenders that are not known.
    static func who(_ incident: Incident) -> String {
        guard incident.isAgainstTarget, let target = incident.target else {
            return who(incident.workload, "\(incident.offender)")
        }
        return "\(incident.workload) to \(target)"
    }

    /// `worker (10.60.4.13)`, or the address alone if it has no name of its own.
    static func who(_ workload: String, _ address: String) -> String {
        workload == address || workload == "outside" || workload.isEmpty
            ? address : "\(workload) (\(address))"
    }
}
