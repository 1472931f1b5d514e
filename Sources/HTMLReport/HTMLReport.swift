public import AnomalyDetection
import FeatureExtraction
public import Quarantine
import TextFormats
public import Timestamps

/// A replay as one HTML file: everything is in it, nothing is loaded, and the same input gives the
/// same bytes. Sections are in `HTMLReport+….swift`, the parts they share with other pages in
/// `HTML….swift`.
public struct HTMLReport: Sendable {
    /// A file that went into the report.
    public struct File: Sendable {
        /// What it was used for: capture, model, inventory.
        public var role: String
        public var name: String
        public var byteCount: Int
        /// SHA-256 in hexadecimal.
        public var digest: String

        public init(role: String, name: String, byteCount: Int, digest: String) {
            self.role = role
            self.name = name
            self.byteCount = byteCount
            self.digest = digest
        }
    }

    /// Counters of one stage, as `lazaret flows --stats` names them.
    public struct Counters: Sendable {
        public var title: String
        public var rows: [(name: String, count: UInt64)]

        public init(title: String, rows: [(name: String, count: UInt64)]) {
            self.title = title
            self.rows = rows
        }
    }

    /// What the windows were judged by; nil: ranked against each other.
    public var model: Model?
    public var incidents: [Incident] = []
    public var decisions: [QuarantineDecision] = []
    /// Without a model: the addresses, oddest first.
    public var ranking: [OutlierRanking.Entry] = []
    /// The file with the packets of an incident, by its first event's identifier.
    public var slices: [String: String] = [:]
    public var timeline = ScoreTimeline()
    public var contacts = ContactGraph()

    public var packetCount = 0
    public var windowCount = 0
    /// Packet times.
    public var first = Timestamp.epoch
    public var last = Timestamp.epoch
    public var counters: [Counters] = []
    /// What is wrong with frames, by kind.
    public var malformed: [(name: String, count: UInt64)] = []
    public var warnings: [String] = []

    /// The program's version, the command that makes the report again, and what it reads.
    public var version = ""
    public var command = ""
    public var files: [File] = []

    /// Incidents and addresses that are told in full, and those that are listed; a file of millions
    /// would open in no browser.
    static let toldLimit = 200
    static let listLimit = 1000

    public init() {}

    /// The page.
    public func render() -> String {
        let body: HTML = """
            <header>
            <h1>\(headline)</h1>
            <p class="muted">\(span)</p>
            \(navigation)
            </header>
            <main id="main">
            \(summarySection)
            \(timelineSection)
            \(graphSection)
            \(model == nil ? rankingSection : incidentSection)
            \(captureSection)
            \(reproductionSection)
            </main>
            <footer><p>Made by Lazaret \(version). Times are UTC. The file loads nothing and runs one script of its own: \
            the theme's button.</p></footer>
            """
        return HTMLTheme.page(
            title: "Lazaret: \(headline)",
            style: HTMLScoreLine.style + HTMLBar.style + HTMLContactGraph.style + Self.style,
            body: body)
    }

    /// Names of the captures, without their folders.
    private var captureNames: String {
        let names = files.filter { $0.role == "capture" }.map { file in
            String(file.name.split(separator: "/").last ?? "capture")
        }
        let more = names.count > 3 ? " and \(names.count - 3) more" : ""
        return names.prefix(3).joined(separator: ", ") + more
    }

    private var headline: String {
        guard model != nil else { return "Who stands out in \(captureNames)" }
        switch incidents.count {
        case 0: return "No incidents in \(captureNames)"
        case 1: return "One incident in \(captureNames)"
        default: return "\(HTML.grouped(incidents.count)) incidents in \(captureNames)"
        }
    }

    private var span: String {
        guard packetCount > 0 else { return "The capture holds no packets." }
        let (first, last) = (Int64(first.second), Int64(last.second))
        let end = UTC.date(first) == UTC.date(last) ? "" : UTC.date(last) + " "
        return "\(UTC.date(first)) \(UTC.clock(first)) to \(end)\(UTC.clock(last)) UTC, "
            + Self.length(seconds: last - first)
    }

    private var navigation: HTML {
        let sections = [
            ("summary", "Summary"), ("timeline", "Time line"), ("graph", "Graph"),
            ("incidents", model == nil ? "Ranking" : "Incidents"), ("capture", "Capture"),
            ("reproduce", "Reproduce"),
        ]
        let items: [HTML] = sections.map { "<li><a href=\"#\($0.0)\">\($0.1)</a></li>" }
        return "<nav aria-label=\"Contents\"><ul>\(items)</ul></nav>"
    }

    /// "18 min 30 s".
    static func length(seconds: Int64) -> String {
        func text(_ whole: Int64, _ unit: String, _ part: Int64, _ smaller: String) -> String {
            part == 0 ? "\(whole) \(unit)" : "\(whole) \(unit) \(part) \(smaller)"
        }
        return switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: text(seconds / 60, "min", seconds % 60, "s")
        case ..<172_800: text(seconds / 3600, "h", seconds / 60 % 60, "min")
        default: text(seconds / 86_400, "d", seconds / 3600 % 24, "h")
        }
    }

    /// Rules of this page's own parts.
    private static let style = """
        .lines th[scope=row]{min-width:12rem;max-width:12rem}
        .lines td,.lines th{vertical-align:middle}
        .lines .pic{width:100%;padding-top:.6rem}
        .lines th[scope=row]{font-weight:600}
        .columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1.5rem 3rem;align-items:start;margin-bottom:1.5rem}
        .columns td,.columns th{padding-top:.25rem;padding-bottom:.25rem}
        .incident{border-top:1px solid var(--line);padding:1.25rem 0}
        .incident:last-child{padding-bottom:0}
        .head{display:flex;flex-wrap:wrap;gap:.15rem .75rem;align-items:baseline;margin-bottom:.5rem}
        .reasons th[scope=row]{width:55%}
        .reasons .unit{padding-left:.5rem}
        .bars{margin-top:1.5rem}
        .key{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;list-style:none;padding:0;margin:.5rem 0 1.25rem;font-size:.875rem}
        .key li{display:flex;align-items:center;gap:.5rem}
        .key .bar{width:2rem;height:1.1rem;margin:0;flex:none}
        @media (max-width:40rem){
        .lines,.lines tbody{display:block}
        .lines tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid var(--line);padding:.5rem 0}
        .lines tr>*{border:0;padding:.1rem 0}
        .lines th[scope=row]{max-width:none}
        .lines thead .word{display:none}
        .lines .pic{grid-column:1/-1;grid-row:2}
        .lines .refs{grid-column:1/-1;grid-row:3}
        .reasons,.reasons tbody{display:block}
        .reasons thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
        .reasons tr{display:flex;flex-wrap:wrap;gap:0 .9rem;border-bottom:1px solid var(--line);padding:.5rem 0}
        .reasons tr>*{border:0;padding:.1rem 0}
        .reasons th[scope=row]{flex:0 0 100%}
        .reasons td{font-size:.8rem;color:var(--muted)}
        .reasons td[data-name]::before{content:attr(data-name) " "}
        .reasons td[data-name=value]{color:var(--ink)}
        .reasons .unit{padding:.1rem 0}
        .index .wide{display:none}
        .index{font-size:.8rem}
        .index .tag{font-size:.7rem;padding:.05rem .3rem}
        }
        @media print{.incident{break-inside:avoid}}

        """
}
