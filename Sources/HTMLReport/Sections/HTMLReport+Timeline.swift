internal import AnomalyDetection
internal import Events
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
            class="word">Highest</span></th></tr></thead>
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

    /// The workloads with incidents or with the highest scores, sorted by name.
    private var drawnNames: [String] {
        let troubled = Set(incidents.map(\.workload))
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
            The evidence against each workload in each \(bin), on a logarithmic scale: it grows \
            with every unusual minute and falls with every ordinary one. The dashed line is where \
            the false-alarm budget allows an alert; a window that raises one by itself reaches the \
            top. A filled peak with a number over it is an incident.
            """
    }

    private var thresholds: [Float] { model == nil ? [] : [RunningEvidence.lineShare] }

    private var axis: HTML {
        let labels = timeline.ticks(limit: 7).map { second in
            let clock = UTC.clock(Int64(second))
            let text =
                timeline.binCount * timeline.binSeconds > 172_800
                ? String(UTC.date(Int64(second)).suffix(5))
                : timeline.binCount * timeline.binSeconds < 300 ? clock : String(clock.prefix(5))
            return (timeline.place(second), text)
        }
        return HTMLScoreLine.axis(labels)
    }

    private func row(_ name: String) -> HTML {
        guard let line = timeline.lines[name] else { return "" }
        let own = incidents.enumerated().filter { $0.element.workload == name }
        let marks = own.map { number, incident in
            HTMLScoreLine.Mark(
                start: timeline.place(incident.firstSecond),
                end: timeline.place(incident.lastSecond + 1), label: "\(number + 1)")
        }
        let highest = HTML.fixed(line.highest)
        let count = own.isEmpty ? "no incidents" : "\(own.count) incidents"
        let picture = HTMLScoreLine(
            scores: line.scores, odd: line.odd, binCount: timeline.binCount, thresholds: thresholds,
            marks: marks, title: "\(model == nil ? "Scores" : "Evidence") of \(name)",
            summary: "Highest \(model == nil ? "score" : "evidence") \(highest); "
                + "\(model == nil ? "no threshold" : count)."
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
