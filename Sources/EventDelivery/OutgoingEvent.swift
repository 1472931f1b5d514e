public import SystemSupport

/// One EVE line on its way out, with what sinks have to know of it.
public struct OutgoingEvent: Sendable {
    /// The event types that a sink may be limited to.
    public static let kinds = ["alert", "quarantine", "stats"]

    /// A JSON object on one line, without the newline.
    public let line: String
    /// Its `event_type`; empty where it has none.
    public let kind: String
    /// Of an alert: 1 is the worst, 3 the least.
    public let severity: Int?
    /// When it was handed over, in nanoseconds since 1970.
    let handedOver: Int64

    /// - Parameter line: as `Reporting` writes it.
    public init(line: String, now: Int64 = Clock.now()) {
        self.line = line
        // Text within an event has its quotation marks escaped: only a key can look like this.
        kind = Self.value(behind: "\"event_type\":\"", in: line) { $0 != UInt8(ascii: "\"") } ?? ""
        severity =
            kind == "alert"
            ? Self.value(behind: "\"severity\":", in: line) {
                UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
            }.flatMap { Int($0) } : nil
        handedOver = now
    }

    /// The event's own time as RFC 3339 wants it; nil where it has none.
    var timestamp: String? {
        guard
            let text = Self.value(
                behind: "{\"timestamp\":\"", in: line, while: { $0 != UInt8(ascii: "\"") }),
            text.hasSuffix("+0000"), text.utf8.count == 31
        else { return nil }
        return text.dropLast(5) + "Z"
    }

    private static func value(
        behind key: String, in line: String, while isPart: (UInt8) -> Bool
    ) -> String? {
        let bytes = Array(line.utf8)
        let key = Array(key.utf8)
        guard bytes.count >= key.count else { return nil }
        for start in 0...bytes.count - key.count
        where bytes[start] == key[0] && bytes[start..<start + key.count].elementsEqual(key) {
            return String(
                decoding: bytes[(start + key.count)...].prefix(while: isPart), as: UTF8.self)
        }
        return nil
    }
}
