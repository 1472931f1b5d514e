internal import AnomalyDetection
import AttackPatterns
internal import Events
internal import FeatureExtraction
internal import NetworkAddresses
internal import Quarantine
internal import RuntimeEvents
internal import SenderAttribution
internal import TextFormats
internal import Timestamps

extension HTMLReport {
    /// A table of the incidents, and a full description of each.
    var incidentSection: HTML {
        let told: [HTML] = incidents.prefix(Self.listedLimit).enumerated().map {
            article($0.offset + 1, $0.element)
        }
        let rest: HTML =
            incidents.count > Self.listedLimit
            ? """
            <p class="muted">\(HTML.grouped(incidents.count - Self.listedLimit)) further incidents \
            are listed without their details; \
            <code>--format json</code> has all.</p>
            """ : ""
        let content: HTML =
            incidents.isEmpty
            ? "<p>None: all traffic matches the baseline.</p>"
            : "\(index)\n\(Self.barKey(of: "clean windows"))\n\(told)\(rest)"
        return """
            <section id="incidents" aria-labelledby="incidents-title">
            <h2 id="incidents-title">Incidents</h2>
            \(content)
            </section>
            """
    }

    private var index: HTML {
        let rows: [HTML] = incidents.prefix(Self.listLimit).enumerated().map { offset, incident in
            let number = offset + 1
            let link: HTML =
                number <= Self.listedLimit
                ? "<a href=\"#incident-\(number)\">#\(number)</a>" : "#\(number)"
            return """
                <tr><th scope="row">\(link)</th><td \
                class="wide">\(incident.timeText)</td>\
                <td>\(Self.who(incident))</td>\
                <td>\(incident.attacked?.text ?? "–")</td>\
                <td>\(Self.titles(incident))</td>\
                <td class="wide">\(incident.strongest.pattern?.technique ?? "–")</td>\
                <td class="n wide">\(HTML.fixed(incident.strongest.score))</td>\
                <td>\(tag(incident))</td></tr>

                """
        }
        return """
            <div class="scroll"><table class="index"><caption>All incidents, by their \
            start</caption>
            <thead><tr><th scope="col">No.</th><th scope="col" class="wide">Time</th><th \
            scope="col">Offender</th><th scope="col">Target</th><th scope="col">Looks like</th>\
            <th scope="col" class="wide">ATT&amp;CK</th><th scope="col" \
            class="n wide">Score</th><th scope="col">Decision</th></tr></thead>
            <tbody>\(rows)</tbody></table></div>
            """
    }

    private static func titles(_ incident: Incident) -> String {
        let titles = incident.patternsByStrength.prefix(3).map(\.title)
        return titles.isEmpty ? "unusual traffic" : titles.joined(separator: ", ")
    }

    func fence(_ incident: Incident) -> QuarantineDecision? {
        IncidentReport.fence(of: incident, decisions)
    }

    private func tag(_ incident: Incident) -> HTML {
        fence(incident) == nil
            ? "<span class=\"tag seen\">watch</span>"
            : "<span class=\"tag fence\">quarantine</span>"
    }

    private func article(_ number: Int, _ incident: Incident) -> HTML {
        let strongest = incident.strongest
        let title = "incident-\(number)-title"
        return """
            <article class="incident" id="incident-\(number)" aria-labelledby="\(title)">
            <div class="head"><h3 id="\(title)">#\(number) \(Self.titles(incident))</h3> \
            \(tag(incident))</div>
            <p class="small">\(facts(incident))</p>
            \(Self.reasons(strongest.reasons, window: strongest.window, number: number))
            \(others(incident))
            <dl class="facts small">\(Self.runtimeEvents(incident))<dt>Evidence</dt>\
            <dd>\(IncidentReport.evidence(of: incident))</dd>\
            \(decisions(incident))\(trace(incident))</dl>
            </article>

            """
    }

    private func facts(_ incident: Incident) -> HTML {
        let strongest = incident.strongest
        let role = strongest.isKnown ? "" : ", unknown to the baseline"
        let count = incident.verdictCount
        let windows = "\(count) anomalous window\(count == 1 ? "" : "s")"
        let link: HTML =
            incident.spoofingLink.map {
                """
                 Sent by interface <code>\("\($0)")</code>, which borrowed the addresses of others.
                """
            } ?? ""
        let technique = strongest.pattern?.technique.map { " ATT&CK \($0)." } ?? ""
        let target: HTML =
            incident.attacked.map { ", against <strong>\($0.text)</strong>" } ?? ""
        return """
            <strong>\(Self.who(incident))</strong> as \
            source\(role)\(target), \
            \(incident.timeText), \(windows). \
            Score \(HTML.fixed(strongest.score)), threshold \
            \(HTML.fixed(strongest.threshold)), against the baseline of \
            \(strongest.baselineName).\(technique)\(link)
            """
    }

    /// A table of reasons, each with a bar.
    ///
    /// - Parameters:
    ///   - basis: with what the values are compared; nil: with clean windows.
    static func reasons(
        _ reasons: [Verdict.Reason], window: Window, number: Int,
        comparedWith basis: String? = nil
    ) -> HTML {
        let (median, most) =
            basis.map { ("Median of \($0)", "99 % of \($0)") } ?? ("Clean median", "Clean 99 %")
        let rows: [HTML] = reasons.map { reason in
            let unit = FeatureSchema.description(of: reason.feature).unit
            var bar = HTMLBar(reason, seconds: window.scale.seconds)
            if let basis { bar.basis = "windows of \(basis)" }
            return """
                <tr role="row"><th role="rowheader" scope="row">\(reason.text)\(bar.svg)</th>\
                <td role="cell" class="n" data-name="value">\(HTMLBar.text(reason.value))</td><td \
                role="cell" class="n" \
                data-name="\(median)">\(HTMLBar.text(reason.baselineMedian))</td>\
                <td role="cell" class="n" \
                data-name="\(most)">\(HTMLBar.text(reason.baselineP99))</td>\
                <td role="cell" class="unit">\(unit)</td></tr>

                """
        }
        return """
            <table class="reasons" role="table"><caption class="hidden">Reasons of #\(number), \
            most telling first</caption>
            <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Why</th><th \
            role="columnheader" scope="col" class="n">Value</th><th role="columnheader" \
            scope="col" class="n">\(median)</th>\
            <th role="columnheader" scope="col" class="n">\(most)</th><th role="columnheader" \
            scope="col" class="unit">Unit</th></tr></thead>
            <tbody role="rowgroup">\(rows)<tr role="row" class="scale" aria-hidden="true">\
            <td role="cell">\(HTMLBar.ruler)</td><td role="cell" colspan="4">steps</td></tr>
            </tbody></table>
            """
    }

    /// The other patterns of the incident.
    private func others(_ incident: Incident) -> HTML {
        let items: [HTML] = IncidentReport.others(of: incident).map { other in
            let target: HTML =
                other.verdict.attacked.map { "; target <strong>\($0.text)</strong>" } ?? ""
            let evidence = IncidentReport.evidence(of: other.verdict)
            return """
                <li>\(other.span.timeText): \(other.text)\(target); evidence: \(evidence)</li>

                """
        }
        return items.isEmpty ? "" : "<p class=\"small\">Also:</p><ul class=\"small\">\(items)</ul>"
    }

    private func decisions(_ incident: Incident) -> HTML {
        let own = IncidentReport.decisionsOf(incident, decisions)
        guard own.contains(where: { $0.kind == .add || $0.kind == .extend }) else {
            let words = IncidentReport.decision(incident, decisions).dropFirst("-> ".count)
            return "<dt>Decision</dt><dd>\(String(words))</dd>"
        }
        let steps: [HTML] = own.prefix(8).map { decided in
            let at = UTC.moment(decided.time)
            if case .refuse(let why) = decided.kind {
                return "<div>\(at) not fenced: \("\(why)")</div>"
            }
            let until = UTC.moment(decided.rule.expires)
            let length = Self.length(
                seconds: Int64((decided.rule.expires - decided.time).wholeSeconds))
            return """
                <div>\(at) \(decided.word) <strong>\("\(decided.target)")</strong>, \
                \(decided.rule.action.rawValue), \
                until \(until) (\(length))</div>
                """
        }
        return """
            <dt>Enforcing would have</dt><dd>\(steps)</dd>
            <dt>Undo</dt><dd><code>\(own.last?.rule.undo ?? "")</code></dd>
            """
    }

    private static func runtimeEvents(_ incident: Incident) -> HTML {
        guard !incident.runtimeEvents.isEmpty else { return "" }
        let lines: [HTML] = incident.runtimeEvents.map {
            "<div>\($0.text(from: incident.firstSecond))</div>"
        }
        return "<dt>Runtime events</dt><dd>\(lines)</dd>"
    }

    private func trace(_ incident: Incident) -> HTML {
        let slice: HTML =
            slices[incident.eventID].map { "<dt>Packets</dt><dd><code>\($0)</code></dd>" } ?? ""
        return "<dt>Event</dt><dd><code>\(incident.eventID)</code></dd>\(slice)"
    }

    /// How to read the bars.
    static func barKey(of windows: String) -> HTML {
        """
        <h3 class="small bars">How to read the bars</h3>
        <ul class="key">
        <li><svg class="bar" aria-hidden="true"><rect class="band" width="100%" height="18" \
        rx="3"/></svg>wide: up to 99 % of \(windows)</li>
        <li><svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="18" \
        rx="3"/><line class="median" x1="50%" x2="50%" y1="0" y2="18"/></svg>line: their median</li>
        <li><svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="18" \
        rx="3"/><rect class="value" y="5" width="100%" height="8" rx="2"/></svg>narrow: this \
        window</li>
        <li class="muted">All bars have one scale: right of the wide part, the steps by which the \
        value is beyond it. A step is the least difference that counts: for a number of things or \
        bytes it is a factor, between 1.6 and 5.</li>
        </ul>
        """
    }
}
