@testable import AnomalyDetection
import Digests
import FeatureExtraction
import Foundation
import Testing
import TextFormats
import Timestamps

@testable import HTMLReport

struct HTMLTests {
    @Test(arguments: [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
        ("a\u{0}b\u{1B}[31m\u{7F}", "a\\u{0}b\\u{1b}[31m\\u{7f}"),
        ("web\u{202E}gnp.exe\u{2066}", "web\\u{202e}gnp.exe\\u{2066}"),
        ("Größe, 大小, 🚢", "Größe, 大小, 🚢"), ("", ""),
    ])
    func textIsEscaped(text: String, escaped: String) {
        #expect(HTML.escaped(text) == escaped)
        let page: HTML = "<p title=\"\(text)\">\(text)</p>"
        #expect(page.text == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test func markupStaysMarkup() {
        let inner: HTML = "<b>\("<")</b>"
        let outer: HTML = "<p>\(inner)\([inner, inner])\(7)</p>"
        #expect(outer.text == "<p><b>&lt;</b><b>&lt;</b><b>&lt;</b>7</p>")
    }

    @Test func thePolicyAllowsTheScript() {
        let script = Array(HTMLTheme.script.utf8)
        let digest = Data(SHA256.hash(script.span)).base64EncodedString()
        #expect(HTMLTheme.scriptDigest == digest)
        let page = HTMLTheme.page(title: "</title><script>", body: "")
        #expect(page.contains("<script>\(HTMLTheme.script)</script>"))
        #expect(page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"))
    }

    @Test(arguments: [(7, "7"), (999, "999"), (1000, "1\u{202F}000"), (-12345, "-12\u{202F}345")])
    func numbersAreGrouped(value: Int, text: String) {
        #expect(HTML.grouped(value) == text)
    }

    @Test func aTimeLineStaysSmallAndKeepsItsPeaks() {
        var timeline = ScoreTimeline()
        for second in 0..<100_000 {
            timeline.add(
                second == 77_777 ? 0.99 : 0.4, isAnomalous: second == 77_777, of: "web",
                second: 1_700_000_000 + second)
        }
        timeline.add(.nan, isAnomalous: true, of: "web", second: 1_700_000_000)
        #expect(timeline.binCount <= ScoreTimeline.binLimit)
        #expect(timeline.binCount * timeline.binSeconds >= 100_000)
        let line = timeline.lines["web"]
        #expect(line?.highest == 0.99)
        #expect(line?.odd.compactMap { $0 } == [0.99])
        #expect(line?.odd.firstIndex { $0 != nil } == 77_777 / timeline.binSeconds)
        #expect(abs(timeline.place(1_700_000_000 + 50_000) - 0.5) < 0.05)
    }

    @Test func aTimeThatJumpsFarAheadIsHarmless() {
        var timeline = ScoreTimeline()
        timeline.add(0.5, isAnomalous: false, of: "a", second: 0)
        timeline.add(0.5, isAnomalous: false, of: "a", second: 4_611_686_018)
        #expect(timeline.binCount <= ScoreTimeline.binLimit && !timeline.ticks(limit: 7).isEmpty)
    }

    @Test func curvesAreStepsWithGaps() {
        let line = HTMLScoreLine(
            scores: [0.5, 0.5, nil, 1], odd: [nil, nil, nil, 1], binCount: 5,
            levels: [
                .init(value: 0.75, text: "line", isThreshold: true), .init(value: 0, text: "0"),
            ],
            marks: [.init(start: 0.6, end: 0.8, label: "<1>")], title: "a & b", summary: "")
        let svg = line.svg.text
        #expect(svg.contains(#"class="all" d="M0 100V50H2V100ZM3 100V0H4V100Z""#))
        #expect(svg.contains(#"class="odd" d="M3 100V0H4V100Z""#))
        #expect(svg.contains("<title>a &amp; b</title>") && svg.contains("&lt;1&gt;"))
        // The axis of values: the line is dashed at three quarters of the height.
        #expect(svg.contains(#"class="least" x1="0" x2="100%" y1="24.5""#))
        #expect(svg.contains(#"text-anchor="end">line</text>"#))
        let axis = HTMLScoreLine.axis([(place: 0, text: "01:10")], title: "2026-11-21, UTC").text
        #expect(axis.contains(">2026-11-21, UTC</text>") && axis.contains(">01:10</text>"))
    }

    @Test func theTargetsOfAScanAreOneNode() {
        var graph = ContactGraph()
        let scanner = graph.node("worker", network: "jobs", isNamed: true)
        let server = graph.node("10.0.0.1", network: "data", isNamed: false)
        graph.know(graph.node("web", network: "dmz", isNamed: true), server, service: "TCP 80")
        graph.add(scanner, server, service: "TCP 80", isNew: false)
        for host in 2..<200 {
            graph.add(
                scanner, graph.node("10.0.0.\(host)", network: "data", isNamed: false),
                service: "TCP \(host)", isNew: true)
        }
        let drawn = graph.gathered(limit: 36, keeping: [])
        #expect(
            drawn.nodes.map(\.name).sorted() == ["10.0.0.1", "198 others in data", "web", "worker"])
        let scan = drawn.sortedContacts.first { $0.contact.isNew }?.contact
        #expect(scan?.newFlowCount == 198 && scan?.hasMore == true)
        #expect(scan?.newServices.count == ContactGraph.serviceLimit)
        let picture = HTMLContactGraph(graph, notes: ["worker": "1 incident"], hasBaseline: true)
        #expect(picture.svg.text == picture.svg.text)
    }

    @Test func targetsAreMarkedAndNoLabelIsCutOff() {
        var graph = ContactGraph()
        let long = String(repeating: "w", count: 200)
        let scanner = graph.node(long, network: "jobs", isNamed: true)
        for number in 0..<60 {
            graph.add(
                scanner, graph.node("db\(number)", network: "data", isNamed: true),
                service: "TCP 5432", isNew: number == 59)
        }
        let picture = HTMLContactGraph(
            graph, notes: [long: "1 incident"], targets: ["db59"], hasBaseline: true)
        #expect(picture.graph.nodes.contains { $0.name == "db59" })
        let text = picture.svg.text
        #expect(text.contains("class=\"hit\"") && text.contains("Targets: db59."))
        // One picture for wide pages and one for narrow ones; both have arrows.
        for kind in ["wide", "narrow"] {
            #expect(text.contains("<svg class=\"graph \(kind)\""))
            #expect(text.contains("marker-end=\"url(#tip-new-\(kind))\""))
        }
        // Bold text of 13 pixels has at most 8 pixels a letter.
        let wide = text.prefix(upTo: text.range(of: "graph narrow")?.lowerBound ?? text.endIndex)
        for (part, width) in [(wide, 900.0), (text.dropFirst(wide.count), 320.0)] {
            let labels = part.matches(
                of: #/<text class="name" x="(\d+)" y="\d+" text-anchor="(\w+)">([^<]*)</#)
            #expect(labels.count == picture.graph.nodes.count)
            for label in labels {
                let x = Double(label.1) ?? 0
                let length = Double(label.3.count) * 8
                #expect(label.2 == "end" ? x - length >= 0 : x + length <= width, "\(label.0)")
            }
        }
    }

    @Test func addressesThatMayBeForgedAreOneNode() {
        var graph = ContactGraph()
        let web = graph.node("web", network: "dmz", isNamed: true)
        for host in 0..<9000 {
            graph.add(
                graph.node("10.9.\(host / 250).\(host % 250)", network: "dmz", isNamed: false), web,
                service: "TCP 80", isNew: true)
        }
        // Addresses never take the place of a workload.
        let late = graph.node("db", network: "data", isNamed: true)
        graph.add(late, web, service: "TCP 443", isNew: false)
        let forged = Set(graph.nodes.filter { !$0.isNamed }.map(\.name))
        let joined = graph.joining(forged, as: "addresses that may be forged")
        #expect(joined.nodes.map(\.name).sorted() == ["addresses that may be forged", "db", "web"])
        #expect(joined.sortedContacts.map(\.contact.flowCount).reduce(0, +) == 9001)
        #expect(graph.joining([], as: "x").nodes.count == graph.nodes.count)
    }

    @Test func reasonsHaveOneScale() {
        func bar(_ value: Float, p99: Float, _ feature: Feature = .ports) -> String {
            HTMLBar(
                Verdict.Reason(
                    feature: feature, value: value, baselineMedian: 0, baselineP99: p99,
                    baselineLargest: p99, share: 1, text: ""), seconds: 10
            ).svg.text
        }
        func length(_ bar: String) -> Double {
            bar.firstMatch(of: #/class="value" y="5" width="([\d.]+)%"/#)
                .flatMap { Double($0.1) } ?? -1
        }
        // A quarter of the width is the clean range, the rest ten steps: the same in every bar.
        let description = FeatureSchema.description(of: .ports)
        let three = description.raw(
            description.transformed(7, seconds: 10) + 3 * description.resolution, seconds: 10)
        #expect(abs(length(bar(three, p99: 7)) - 47.5) < 0.1)
        #expect(abs(length(bar(7, p99: 7)) - 25) < 0.1 && length(bar(3, p99: 7)) < 25)
        #expect(length(bar(1e30, p99: 0)) == 100 && length(bar(.infinity, p99: 0)) <= 100)
        #expect(length(bar(0, p99: 0)) >= 0.4)
        // A logarithm of shares may be negative.
        #expect(length(bar(-3, p99: -1, .outboundExcess)) <= 25)
        #expect(HTMLBar.ruler.text.contains(">+10</text>"))
        #expect(HTMLBar.ruler.text.contains(">99 %</text>"))
    }

    @Test(arguments: [
        ("plain-1.2/x", "plain-1.2/x"), ("two words", "'two words'"), ("it's", #"'it'\''s'"#),
        ("", "''"), ("$(reboot)", "'$(reboot)'"),
    ])
    func wordsAreQuotedForTheShell(word: String, line: String) {
        #expect(Shell.line([word]) == line)
    }

    @Test(arguments: [
        ("2026-11-21T01:12:57.000250+0000", 1_795_223_577_000_250_000 as Int64?),
        ("2026-11-21T02:12:57+0100", 1_795_223_577_000_000_000),
        ("2026-11-20T20:12:57.5-05:00", 1_795_223_577_500_000_000),
        ("1970-01-01T00:00:00Z", 0), ("yesterday", nil),
        ("9999999999-99-99T99:99:99", nil),
    ])
    func timeStampsAreRead(text: String, nanoseconds: Int64?) {
        #expect(UTC.time(text)?.nanoseconds == nanoseconds)
    }
}
