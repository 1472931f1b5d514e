import FoundationEssentials
import RuntimeEvents

/// Reads lines of Falco, Tetragon and auditd, in any order, to events.
public struct RuntimeEventReader: Sendable {
    /// The most bytes of a line, and the deepest nesting of its JSON.
    public static let longestLine = 256 << 10
    static let deepest = 32

    public var rules: RuntimeEventRules
    public private(set) var counts = RuntimeEventCounts()
    private var audit = AuditGroups()

    public init(_ rules: RuntimeEventRules = RuntimeEventRules()) { self.rules = rules }

    /// Counts a line that was too long to be kept.
    mutating func countOversized() {
        counts.lines &+= 1
        counts.oversized &+= 1
    }

    /// Counts the rest of a line that was cut off.
    mutating func countCut() {
        counts.lines &+= 1
        counts.malformed &+= 1
    }

    /// Reads the lines of a text whose last line may lack its end.
    public mutating func read(text: ArraySlice<UInt8>) -> [ReportedEvent] {
        text.split(separator: UInt8(ascii: "\n")).flatMap { read(line: $0) }
    }

    /// Reads one line, without its end.
    ///
    /// - Returns: the events that are complete: none, or several of auditd.
    public mutating func read(line: ArraySlice<UInt8>) -> [ReportedEvent] {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        let text = line.drop(while: isBlank)
        guard !text.isEmpty else { return [] }
        counts.lines &+= 1
        guard text.count <= Self.longestLine else {
            counts.oversized &+= 1
            return []
        }
        if text.first == UInt8(ascii: "{") { return accept(json(text).map { [$0] } ?? []) }
        guard text.starts(with: "type=".utf8) || text.starts(with: "node=".utf8) else {
            counts.foreign &+= 1
            return []
        }
        guard let record = AuditRecord(text) else {
            counts.malformed &+= 1
            return []
        }
        return accept(audit.add(record, rules))
    }

    /// The events of auditd that wait for further records: they go on without them.
    public mutating func finish() -> [ReportedEvent] { accept(audit.finish(rules)) }

    private mutating func accept(_ events: [ReportedEvent]) -> [ReportedEvent] {
        let used = events.filter { $0.event.priority.isAtLeast(rules.least) }
        counts.below &+= UInt64(events.count - used.count)
        counts.events &+= UInt64(used.count)
        return used
    }

    /// What a line of JSON is, by its keys.
    private struct Kind: Decodable {
        private enum Key: String, CodingKey {
            case rule, priority, process_exec, process_kprobe, process_tracepoint, process_uprobe
            case process_lsm, process_usdt
        }

        var isFalco: Bool
        var isTetragon: Bool

        init(from decoder: any Decoder) throws {
            let keys = try decoder.container(keyedBy: Key.self)
            isFalco = keys.contains(.rule) && keys.contains(.priority)
            isTetragon = keys.allKeys.contains { $0.rawValue.hasPrefix("process_") }
        }
    }

    private mutating func json(_ text: ArraySlice<UInt8>) -> ReportedEvent? {
        guard Self.depth(of: text) <= Self.deepest else {
            counts.oversized &+= 1
            return nil
        }
        let data = Data(text)
        let decoder = JSONDecoder()
        do {
            let kind = try decoder.decode(Kind.self, from: data)
            var event: ReportedEvent?
            if kind.isFalco {
                let line = try decoder.decode(FalcoLine.self, from: data)
                guard !line.isInternal else {
                    counts.foreign &+= 1
                    return nil
                }
                event = line.event(rules)
            } else if kind.isTetragon {
                event = try decoder.decode(TetragonLine.self, from: data).event(rules)
            } else {
                counts.foreign &+= 1
                return nil
            }
            if event == nil { counts.malformed &+= 1 }
            return event
        } catch {
            counts.malformed &+= 1
            return nil
        }
    }

    /// The nesting of a JSON text.
    private static func depth(of text: ArraySlice<UInt8>) -> Int {
        var (depth, deepest) = (0, 0)
        var (isText, isEscaped) = (false, false)
        for byte in text {
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                deepest = max(deepest, depth)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
        return deepest
    }
}
