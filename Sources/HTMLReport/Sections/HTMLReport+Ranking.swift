internal import AnomalyDetection
import AttackPatterns
internal import FeatureExtraction
internal import NetworkAddresses
internal import TextFormats

extension HTMLReport {
    /// The greatest number of addresses described in full.
    package static let rankedLimit = 25

    /// Without a model: the most anomalous addresses, with the reasons.
    var rankingSection: HTML {
        let told: [HTML] = ranking.prefix(Self.rankedLimit).enumerated().map {
            article($0.offset + 1, $0.element)
        }
        let rest: HTML =
            ranking.count > Self.rankedLimit
            ? """
            <p class="muted">\(HTML.grouped(ranking.count - Self.rankedLimit)) further addresses \
            are less anomalous; \
            <code>--format json</code> has all.</p>
            """ : ""
        let content: HTML =
            ranking.isEmpty
            ? "<p>No flow was opened, so there is no host to rank.</p>"
            : "\(Self.barKey(of: "windows of all hosts"))\n\(told)\(rest)"
        return """
            <section id="incidents" aria-labelledby="incidents-title">
            <h2 id="incidents-title">Ranking</h2>
            \(content)
            </section>
            """
    }

    private func article(_ number: Int, _ entry: OutlierRanking.Entry) -> HTML {
        let title = "incident-\(number)-title"
        let what = entry.pattern.map { "looks like: \($0.title)" } ?? "no known pattern"
        let technique = entry.pattern?.technique.map { " ATT&CK \($0)." } ?? ""
        let reasons: HTML =
            entry.reasons.isEmpty
            ? "<p class=\"small\">No feature exceeds those of the other hosts.</p>"
            : Self.reasons(
                entry.reasons, window: entry.window, number: number, comparedWith: "all hosts")
        return """
            <article class="incident" id="incident-\(number)" aria-labelledby="\(title)">
            <div class="head"><h3 id="\(title)">#\(number) \
            \(Self.who(entry.workload, "\(entry.subject)"))</h3> \
            <span class="\(entry.pattern == nil ? "muted" : "tag seen")">\(what)</span></div>
            <p class="small">Score \(HTML.fixed(entry.rank)), \
            \(UTC.span(Int64(entry.window.startSecond), Int64(entry.window.endSecond + 1))).\
            \(technique) \(rankingContacts[entry.subject] ?? "")</p>
            \(reasons)
            </article>

            """
    }
}
