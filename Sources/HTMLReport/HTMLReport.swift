public import AnomalyDetection
public import AnomalyModel
import FeatureExtraction
public import NetworkAddresses
public import Quarantine
import TextFormats
public import Timestamps

/// A replay as one self-contained HTML file, which loads nothing; the same input yields the same
/// bytes. Sections are in `HTMLReport+….swift`, the parts that they share with other pages in
/// `HTML….swift`.
public struct HTMLReport: Sendable {
    /// A file that was read for the report.
    public struct File: Sendable {
        /// The purpose of the file: capture, model, inventory.
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

    /// The counters of one stage, with the names of `lazaret flows --stats`.
    public struct Counters: Sendable {
        public var title: String
        public var rows: [(name: String, count: UInt64)]

        public init(title: String, rows: [(name: String, count: UInt64)]) {
            self.title = title
            self.rows = rows
        }
    }

    /// The model that judged the windows; nil: they were ranked against each other.
    public var model: Model?
    public var incidents: [Incident] = []
    public var decisions: [QuarantineDecision] = []
    /// Without a model: the addresses, most anomalous first.
    public var ranking: [OutlierRanking.Entry] = []
    /// What the ranking says, and how sure that is.
    public var rankingVerdict: [String] = []
    /// Whom an address of the ranking opened flows to, in words.
    public var rankingContacts: [IPAddress: String] = [:]
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
    /// The counts of malformed frames, by kind.
    public var malformed: [(name: String, count: UInt64)] = []
    public var warnings: [String] = []

    /// The program's version, the command that creates the report again, and the files that it
    /// reads.
    public var version = ""
    public var command = ""
    public var files: [File] = []

    /// The greatest number of incidents or addresses that are described in full, and that are
    /// listed; no browser could open a page with millions.
    static let listedLimit = 200
    static let listLimit = 1000

    public init() {}

    /// Returns the page.
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
            <footer><p>Made by Lazaret \(version). Times are UTC. The file loads nothing and runs \
            one script of its own: \
            the theme's button.</p></footer>
            """
        return HTMLTheme.page(
            title: "Lazaret: \(headline)",
            style: String(decoding: PackageResources.report_css, as: UTF8.self),
            body: body)
    }

    /// The names of the captures, without their folders.
    private var captureNames: String {
        let names = files.filter { $0.role == "capture" }.map { file in
            String(file.name.split(separator: "/").last ?? "capture")
        }
        let more = names.count > 3 ? " and \(names.count - 3) more" : ""
        return names.prefix(3).joined(separator: ", ") + more
    }

    private var headline: String {
        guard model != nil else { return "Most anomalous hosts in \(captureNames)" }
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
}
