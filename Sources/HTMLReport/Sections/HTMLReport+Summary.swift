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
        return """
            <section id="summary" aria-labelledby="summary-title">
            <h2 id="summary-title">Summary</h2>
            \(summary)
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
        guard packetCount > 0 else { return ["<p>There was nothing to judge.</p>"] }
        guard let model else { return rankingSummary }
        guard !incidents.isEmpty else {
            return [
                """
                <p>All traffic matches the baseline: no window raised an alert by itself, and the \
                evidence against every workload stayed below the line.</p>
                """,
                baselineText(model),
            ]
        }
        let isFenced = decisions.contains(where: \.isFence)
        let fences: HTML =
            isFenced
            ? ""
            : """
            <p>Nothing would have been fenced: what was found is clear enough to watch, but not to \
            fence.</p>
            """
        return [offenders, fences, baselineText(model)]
    }

    private var rankingSummary: [HTML] {
        rankingVerdict.map { "<p>\($0)</p>" }
    }

    /// The most offenders that the summary lists.
    private static let offenderLimit = 12

    /// The workloads with incidents, and what those look like; addresses without a name are one
    /// entry, since most of them may be forged.
    private var offenders: HTML {
        var groups: [String: [Incident]] = [:]
        for incident in incidents { groups[Self.group(of: incident), default: []].append(incident) }
        let order = groups.sorted { left, right in
            func rank(_ name: String, _ list: [Incident]) -> (Int, Int, Int) {
                (name.isEmpty ? 1 : 0, list.contains { fence($0) != nil } ? 0 : 1, -list.count)
            }
            let (first, second) = (rank(left.key, left.value), rank(right.key, right.value))
            return first == second ? left.key < right.key : first < second
        }
        let items: [HTML] = order.prefix(Self.offenderLimit).map { offender($0.key, $0.value) }
        let rest = order.count - items.count
        let more: HTML = rest > 0 ? "<li>and \(rest) more</li>" : ""
        return "<ul class=\"offenders\">\(items)\(more)</ul>"
    }

    /// The workload of an incident; empty: an address without a name.
    private static func group(of incident: Incident) -> String {
        let name = incident.workload
        return name == "\(incident.offender)" || name == "outside" ? "" : name
    }

    private func offender(_ name: String, _ list: [Incident]) -> HTML {
        var patterns: [String: Int] = [:]
        for incident in list {
            patterns[incident.patternsByStrength.first?.title ?? "unusual traffic", default: 0] += 1
        }
        let shapes = patterns.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
            title, count in
            count == 1 ? title : "\(title) (\(HTML.grouped(count)))"
        }
        let addresses = Set(list.map(\.offender)).count
        let who: HTML =
            name.isEmpty
            ? "\(HTML.grouped(addresses)) address\(addresses == 1 ? "" : "es") without a name"
            : "<strong>\(name)</strong>"
        let count = list.count { fence($0) != nil }
        let fate =
            count == 0
            ? "only watched" : count == list.count ? "would be fenced" : "\(count) would be fenced"
        return """
            <li>\(who): \(Self.list(shapes, limit: 6)); \(HTML.grouped(list.count)) \
            incident\(list.count == 1 ? "" : "s"), \(fate)</li>

            """
    }

    private func baselineText(_ model: Model) -> HTML {
        let provenance = model.provenance
        let seconds = Int64((provenance.last - provenance.first).wholeSeconds)
        let capped: HTML =
            model.minutes == nil
            ? " That is too little to accumulate evidence over minutes." : ""
        return """
            <p>Judged by model <code>\(model.identifier)</code>, learned from \
            \(Self.list(provenance.sources, limit: 4)): \
            \(HTML.grouped(provenance.packetCount)) packets over \
            \(Self.length(seconds: seconds)).\(capped)</p>
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
