import ControlServer
import Events
import FoundationEssentials
import Monitor
import Quarantine
import StatusReport
import TextFormats

/// The content of one screen.
struct TopScreen {
    private struct Rate: Decodable {
        var packets: Double
    }

    private struct Talkers: Decodable {
        struct Talker: Decodable {
            var name: String
            var flows: Int
            var bytesSent: UInt64
            var bytesReceived: UInt64
            var newPeers: Int
        }

        var talkers: [Talker]
    }

    private var status: MonitorStatus
    private var incidents: [ControlClient.Incident]
    private var rules: [RuleStatus]
    private var rates: [Rate]
    /// Nil: there is no flow history.
    private var talkers: Talkers?
    private var talkersRead: ContinuousClock.Instant

    /// - Parameter last: the screen before; its talkers are shown for ten seconds, since they are
    ///   counted anew for each request.
    static func read(
        _ client: ControlClient, after last: TopScreen? = nil
    ) async throws -> TopScreen {
        func list<T: Decodable>(_ path: String) async throws -> [T] {
            try JSONDecoder().decode([T].self, from: Data(try await client.get(path)))
        }
        func countTalkers() async -> Talkers? {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            guard let bytes = try? await client.get("/api/v1/talkers?limit=10") else { return nil }
            return try? decoder.decode(Talkers.self, from: Data(bytes))
        }
        let now = ContinuousClock.now
        let recent = last.flatMap { now - $0.talkersRead < .seconds(10) ? $0 : nil }
        let talkers: Talkers?
        if let recent { talkers = recent.talkers } else { talkers = await countTalkers() }
        let incidents = try await client.incidents(limit: 50).list
        return TopScreen(
            status: try await client.status(),
            incidents: incidents.sorted { ($1.end, $0.eventId) < ($0.end, $1.eventId) },
            rules: try await client.rules(),
            rates: try await list("/api/v1/rates"), talkers: talkers,
            talkersRead: recent?.talkersRead ?? now)
    }

    /// The parts of the screen, which keys show and hide.
    enum Part: Character, CaseIterable {
        case status = "s"
        case talkers = "t"
        case fences = "f"
        case incidents = "i"
    }

    /// The screen, no wider and no higher than `size`.
    ///
    /// - Parameters:
    ///   - parts: the parts that are shown.
    ///   - footer: the last line; nil: none.
    func text(
        size: (columns: Int, rows: Int), isColoured: Bool,
        parts: Set<Part> = Set(Part.allCases), footer: String? = nil
    ) -> String {
        func paint(_ text: String, _ code: String) -> String {
            isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
        }
        func clip(_ text: String) -> String { Self.clipped(text.printable, size.columns) }
        var lines: [String] = []
        if parts.contains(.status) {
            lines = StatusText.text(status, isColoured: isColoured).split(separator: "\n")
                .map { Self.clipped(String($0), size.columns) }
            let graph = Self.bars(rates.suffix(size.columns - 14).map(\.packets))
            if !graph.isEmpty { lines.append("packets/s   " + graph) }
        }
        if parts.contains(.talkers), let talkers = talkers?.talkers, !talkers.isEmpty {
            if !lines.isEmpty { lines.append("") }
            lines.append(
                paint(
                    clip(
                        column("TALKERS, LAST HOUR", 42)
                            + "SENT   RECEIVED    FLOWS  NEW PEERS"), "1")
            )
            for talker in talkers.prefix(max(3, size.rows / 8)) { lines.append(clip(line(talker))) }
        }
        if parts.contains(.fences) {
            if !lines.isEmpty { lines.append("") }
            lines.append(paint(clip("FENCED               LEFT       HELD BACK  WHY"), "1"))
            for status in rules.prefix(max(3, size.rows / 4)) { lines.append(clip(line(status))) }
            if rules.isEmpty { lines.append("nothing is fenced") }
        }
        if parts.contains(.incidents) {
            if !lines.isEmpty { lines.append("") }
            let head = column("INCIDENTS", 13) + column("LAST (UTC)", 21)
            lines.append(paint(clip(head + "OFFENDER, TARGET AND SUMMARY"), "1"))
            let room = size.rows - lines.count - (footer == nil ? 1 : 2)
            for incident in incidents.prefix(max(0, room)) {
                let isFenced = incident.outcome?.state == "fenced"
                lines.append(paint(clip(line(incident)), isFenced ? "31" : "33"))
            }
            if incidents.isEmpty { lines.append("none so far") }
        }
        guard let footer else { return lines.prefix(size.rows).joined(separator: "\n") + "\n" }
        lines = Array(lines.prefix(size.rows - 1))
        return (lines + [paint(clip(footer), "7")]).joined(separator: "\n") + "\n"
    }

    private func line(_ talker: Talkers.Talker) -> String {
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(1, width - text.count)) + text
        }
        return column(talker.name.printable, 35) + right(StatusText.bytes(talker.bytesSent), 11)
            + right(StatusText.bytes(talker.bytesReceived), 11) + right("\(talker.flows)", 9)
            + right("\(talker.newPeers)", 11)
    }

    private func line(_ status: RuleStatus) -> String {
        let rule = status.rule
        return column("\(rule.target)" + (rule.isDryRun ? " (dry)" : ""), 21)
            + column("\(TimeSpan(status.remaining))", 11) + column("\(status.packets)", 11)
            + rule.reason
    }

    private func line(_ incident: ControlClient.Incident) -> String {
        let target = incident.targetText.map { " -> \($0)" } ?? ""
        return column(incident.decisionWord, 13) + column(UTC.short(incident.end), 21)
            + "\(incident.who)\(target): \(incident.summary)"
    }

    /// The first `columns` characters of a line; escape sequences have no width.
    static func clipped(_ line: String, _ columns: Int) -> String {
        var result = ""
        var width = 0
        var isEscape = false
        var hasEscape = false
        for character in line {
            if character == "\u{1B}" { (isEscape, hasEscape) = (true, true) }
            if isEscape {
                result.append(character)
                if character.isLetter { isEscape = false }
                continue
            }
            guard width < columns else { continue }
            width += 1
            result.append(character)
        }
        return hasEscape ? result + "\u{1B}[0m" : result
    }

    private func column(_ text: String, _ width: Int) -> String {
        text.count < width
            ? text + String(repeating: " ", count: width - text.count)
            : text.prefix(width - 1) + " "
    }

    /// Values as a row of eighths of a block.
    private static func bars(_ values: [Double]) -> String {
        let blocks = Array(" ▁▂▃▄▅▆▇█")
        guard let most = values.max(), most > 0 else { return "" }
        return String(values.map { blocks[Int(($0 / most * 8).rounded())] })
    }
}
