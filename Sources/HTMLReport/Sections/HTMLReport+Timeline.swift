internal import AnomalyDetection
import AnomalyModel
internal import Events
internal import FeatureExtraction
internal import SenderAttribution
internal import TextFormats

extension HTMLReport {
    /// The greatest number of workloads that are drawn: those with the highest scores.
    private static let drawnLimit = 40

    /// One curve for each workload, under one axis.
    var timelineSection: HTML {
        let names = drawnNames
        let rest = timeline.lines.count - names.count
        let more: HTML =
            rest + timeline.droppedCount > 0
            ? "<p class=\"muted small\">\(HTML.grouped(rest)) more workloads scored lower.</p>" : ""
        let table: HTML =
            names.isEmpty
            ? """
            <p>No window was full: the capture is shorter than a second, or no host opened a \
            flow.</p>
            """
            : """
            <table class="lines" role="table">
            <caption>\(explanation)</caption>
            <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader"><span \
            class="word">Workload</span></th>\
            <th scope="col" role="columnheader" class="pic"><span \
            class="hidden">\(model == nil ? "Scores" : "Evidence")</span>\(axis)</th>\
            <th scope="col" role="columnheader" class="n"><span \
            class="word">\(model == nil ? "Highest" : "Highest, % of the line")</span></th>\
            </tr></thead>
            <tbody role="rowgroup">
            \(names.map(row))</tbody>
            </table>
            """
        return """
            <section id="timeline" aria-labelledby="timeline-title">
            <h2 id="timeline-title">Time line</h2>
            \(table)
            \(more)
            </section>
            """
    }

    /// The line that an incident is marked on.
    func line(of incident: Incident) -> String {
        model?.shownName(
            of: incident.workload, mayBeForged: incident.strongest.window.evidence.mayBeForged)
            ?? incident.workload
    }

    /// The workloads with incidents or with the highest scores, sorted by name.
    private var drawnNames: [String] {
        let troubled = Set(incidents.map(line))
        let order = timeline.lines.sorted { left, right in
            func rank(_ name: String, _ line: ScoreTimeline.Line) -> (Int, Float) {
                (troubled.contains(name) ? 0 : 1, -line.highest)
            }
            let (first, second) = (rank(left.key, left.value), rank(right.key, right.value))
            return first == second ? left.key < right.key : first < second
        }
        return order.prefix(Self.drawnLimit).map(\.key)
    }

    private var explanation: HTML {
        let bin = timeline.binSeconds == 1 ? "second" : "\(timeline.binSeconds) s"
        guard model != nil else {
            return """
                The highest score of all windows that ended in each \(bin), from 0 to 1. Without a \
                model, a score shows how easily a window is separated from the others.
                """
        }
        return """
            The evidence against each workload in each \(bin), as a share of the line from which \
            the false-alarm budget allows an alert (dashed; its logarithm, from 0 to 200 %): it \
            grows with every unusual minute and falls with every ordinary one, and clean time is \
            below the line. A window that raises an alert by itself reaches the top. A filled peak \
            with a number over it is an incident.
            """
    }

    /// The places that are marked on the axis of values, with their texts.
    private var levels: [HTMLScoreLine.Level] {
        model == nil
            ? [.init(value: 1, text: "1"), .init(value: 0, text: "0")]
            : [
                .init(value: 1, text: "200 %"),
                .init(value: RunningEvidence.lineShare, text: "line", isThreshold: true),
                .init(value: 0, text: "0"),
            ]
    }

    private var axis: HTML {
        let length = timeline.binCount * timeline.binSeconds
        let labels = timeline.ticks(limit: 7).map { second in
            let clock = UTC.clock(Int64(second))
            let text =
                length > 172_800
                ? String(UTC.date(Int64(second)).suffix(5))
                : length < 300 ? clock : String(clock.prefix(5))
            return (timeline.place(second), text)
        }
        let (first, last) = (
            UTC.date(Int64(timeline.firstSecond)),
            UTC.date(Int64(timeline.firstSecond + max(length - 1, 0)))
        )
        return HTMLScoreLine.axis(
            labels, title: first == last ? "\(first), UTC" : "\(first) to \(last), UTC")
    }

    private func row(_ name: String) -> HTML {
        guard let line = timeline.lines[name] else { return "" }
        let own = incidents.enumerated().filter { self.line(of: $0.element) == name }
        let marks = own.map { number, incident in
            HTMLScoreLine.Mark(
                start: timeline.place(incident.firstSecond),
                end: timeline.place(incident.lastSecond + 1), label: "\(number + 1)")
        }
        let highest =
            model == nil
            ? HTML.fixed(line.highest)
            : "\(Int((line.highest / RunningEvidence.lineShare * 100).rounded()))"
        let count =
            own.isEmpty ? "no incidents" : own.count == 1 ? "1 incident" : "\(own.count) incidents"
        let picture = HTMLScoreLine(
            scores: line.scores, odd: line.odd, binCount: timeline.binCount, levels: levels,
            marks: marks, title: "\(model == nil ? "Scores" : "Evidence") of \(name)",
            summary: (model == nil
                ? "Highest score \(highest); no threshold."
                : "Highest evidence \(highest) % of the line; \(count).")
                + (own.isEmpty ? "" : " Incidents: " + own.map(Self.words).joined(separator: "; ")))
        let links: [HTML] = own.prefix(12).map {
            "<a href=\"#incident-\($0.offset + 1)\">#\($0.offset + 1)</a> "
        }
        let more: HTML = own.count > 12 ? "and \(own.count - 12) more" : ""
        return """
            <tr role="row"><th scope="row" role="rowheader">\(name)<div \
            class="small refs">\(links)\(more)</div></th>\
            <td role="cell" class="pic">\(picture.svg)</td><td role="cell" \
            class="n">\(highest)</td></tr>

            """
    }

    private static func words(_ number: Int, _ incident: Incident) -> String {
        "#\(number + 1), \(incident.timeText)"
    }
}
