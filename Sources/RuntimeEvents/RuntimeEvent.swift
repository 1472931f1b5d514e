import TextFormats
public import Timestamps

/// What a tool that watches processes has said: a rule of Falco, a policy of Tetragon or a key of
/// auditd that a process has matched.
public struct RuntimeEvent: Sendable, Equatable {
    public enum Tool: String, Sendable, CaseIterable { case falco, tetragon, auditd }

    /// Falco's priorities, the most urgent first; the raw values are those of the configuration.
    public enum Priority: String, Sendable, CaseIterable {
        case emergency, alert, critical, error, warning, notice, informational, debug

        /// The word of a tool, whatever its case; `Info` is an older spelling.
        public init?(word: String) {
            let word = word.lowercased()
            self.init(rawValue: word == "info" ? "informational" : word)
        }

        /// The place among all priorities; 0 is the most urgent.
        var level: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        /// Whether it is as urgent as `other`, or more.
        public func isAtLeast(_ other: Priority) -> Bool { level <= other.level }

        /// The word as Falco writes it.
        public var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
    }

    /// The first and the last time.
    public var time: Timestamp
    public var last: Timestamp
    /// How often it was said.
    public var count = 1
    public var tool: Tool
    /// Falco's rule, Tetragon's policy and function, or auditd's key or type of record.
    public var rule: String
    public var priority: Priority
    /// The container or pod as the tool calls it.
    public var container: String?
    public var process: String?
    /// Facts such as the parent, the user, the file or the connection; empty if there are none.
    public var detail: String

    /// The most characters of a rule's or process's name, and of the details.
    static let mostOfName = 120
    static let mostOfDetail = 240

    /// Texts are shortened, and characters that control a terminal replaced: they come from
    /// processes and files of containers.
    public init(
        time: Timestamp, tool: Tool, rule: String, priority: Priority, container: String? = nil,
        process: String? = nil, detail: String = ""
    ) {
        self.time = time
        last = time
        self.tool = tool
        self.rule = Self.clean(rule, Self.mostOfName)
        self.priority = priority
        self.container = container.map { Self.clean($0, Self.mostOfName) }
        self.process = process.map { Self.clean($0, Self.mostOfName) }
        self.detail = Self.clean(detail, Self.mostOfDetail)
    }

    private static func clean(_ text: String, _ limit: Int) -> String {
        // A character may have any number of scalars, a scalar has at most four bytes.
        var scalars = String.UnicodeScalarView()
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < limit else {
                scalars.append("…")
                break
            }
            scalars.append(scalar)
        }
        return String(scalars).printable
    }

    /// Whether two are the same but for their times and details.
    func repeats(_ other: RuntimeEvent) -> Bool {
        tool == other.tool && rule == other.rule && process == other.process
            && container == other.container && priority == other.priority
    }

    /// Whether it is `earlier`, or a later report of it.
    public func continues(_ earlier: RuntimeEvent) -> Bool {
        repeats(earlier) && time <= earlier.last + RuntimeEventHistory.keepTime
            && last >= earlier.time - RuntimeEventHistory.keepTime
    }

    /// Takes over the times and the count of a later report.
    public mutating func merge(_ other: RuntimeEvent) {
        count = max(count, other.count)
        time = min(time, other.time)
        last = max(last, other.last)
    }

    // MARK: - Text

    /// `Terminal shell in container (falco, Warning)`.
    public var title: String { "\(rule) (\(tool.rawValue), \(priority.title))" }

    /// One line of a time line: `40 s before: Terminal shell in container (falco, Warning), bash,
    /// in web-1: parent runc; 3 times`.
    ///
    /// - Parameter second: the start of what it is compared with.
    public func text(from second: Int) -> String {
        "\(place(from: second)): \(title)" + (process.map { ", \($0)" } ?? "")
            + (container.map { ", in \($0)" } ?? "") + (detail.isEmpty ? "" : ": \(detail)")
            + (count > 1 ? "; \(count) times" : "")
    }

    /// `40 s before`, `at the start` or `3 min after the start`.
    public func place(from second: Int) -> String {
        let offset = time.second - second
        if offset == 0 { return "at the start" }
        return offset < 0 ? "\(Self.span(-offset)) before" : "\(Self.span(offset)) after the start"
    }

    private static func span(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        default: "\(seconds / 3600) h"
        }
    }
}
