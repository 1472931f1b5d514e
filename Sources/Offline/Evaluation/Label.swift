import FoundationEssentials
public import NetworkAddresses
import SystemSupport

/// One labelled attack: sources, targets, kind and time.
public struct Label: Sendable {
    /// Seconds since 1970.
    public var start: Double
    public var end: Double
    public var kind: String
    public var sources: [IPPrefix]
    public var targets: [IPPrefix]

    /// Whether it says that what its sources did is no attack.
    public var isBenign: Bool { kind == "benign" }

    /// Whether `address` is one of the attackers.
    public func isSource(_ address: IPAddress) -> Bool { sources.contains { $0.contains(address) } }

    /// Whether `address` is one of the targets.
    public func isTarget(_ address: IPAddress) -> Bool { targets.contains { $0.contains(address) } }

    private struct Line: Decodable {
        var start: Double?
        var end: Double?
        var kind: String
        var src: [String]
        var dst: [String]?
    }

    private static let mostBytes: Int64 = 64 << 20

    /// Reads JSON lines `{"start", "end", "kind", "src": [...], "dst": [...]}`; other keys are
    /// ignored. The kind `benign` says that it is no attack.
    ///
    /// - Parameter needsTimes: whether a label must have them; else one without lasts always.
    /// - Throws: `.input` with the line and what is wrong there.
    public static func read(_ path: String, needsTimes: Bool = true) throws -> [Label] {
        let data = Data(try InputFile.bytes(of: path, limit: mostBytes))
        var labels: [Label] = []
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            func fail(_ reason: String) -> IOError {
                .input(path: path, reason: "line \(number + 1): \(reason)")
            }
            guard let parsed = try? JSONDecoder().decode(Line.self, from: Data(line)),
                !needsTimes || parsed.start != nil && parsed.end != nil
            else {
                let times = needsTimes ? #""start": s, "end": s, "# : ""
                throw fail(
                    "is no label; expected {\(times)\"kind\": \"...\", \"src\": [\"ip\"]}")
            }
            let start = parsed.start ?? -.infinity
            let end = parsed.end ?? .infinity
            func prefixes(_ texts: [String]) throws -> [IPPrefix] {
                try texts.map { text in
                    guard let prefix = IPPrefix(text) else {
                        throw fail("'\(text)' is no address or prefix")
                    }
                    return prefix
                }
            }
            guard end >= start else { throw fail("'end' lies before 'start'") }
            labels.append(
                Label(
                    start: start, end: end, kind: parsed.kind,
                    sources: try prefixes(parsed.src), targets: try prefixes(parsed.dst ?? [])))
        }
        return labels
    }
}
