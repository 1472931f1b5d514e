import FoundationEssentials
import Monitor
import NetworkAddresses
import Quarantine
import TextFormats
import Timestamps
import Workloads
import YAML

/// One value of a configuration, with its name for errors.
struct ConfigurationNode {
    private let node: YAMLNode
    let name: String
    /// The keys that lead to it, such as `control.port`; empty for the whole file.
    private let path: String
    private let reader: YAMLReader
    private let faults: ReadingFaults

    init(
        _ node: YAMLNode, _ name: String, _ reader: YAMLReader, path: String = "",
        faults: ReadingFaults
    ) {
        self.node = node
        self.name = name
        self.path = path
        self.reader = reader
        self.faults = faults
    }

    /// Notes a fault of this value or of a part of it; reading goes on with the next value.
    func note(_ error: YAMLError) { faults.note(error, at: path) }

    func fail(_ reason: String) -> YAMLError { reader.fail(node, reason) }

    func expected(_ what: String) -> YAMLError {
        fail("'\(name)' is '\(node.string ?? "a list or mapping")'; expected \(what)")
    }

    private func place(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The given keys, without those that are empty. Unknown keys are noted.
    func mapping(_ keys: Set<String>) throws(YAMLError) -> [String: ConfigurationNode] {
        var result: [String: ConfigurationNode] = [:]
        let known = try reader.mapping(node, name, keys: keys) { note($0) }
        for key in node.mapping?.map(\.key) ?? [] {
            if let name = key.string { faults.lines[place(of: name)] = key.line }
        }
        for (key, value) in known where !value.isNull {
            result[key] = ConfigurationNode(
                value, key, reader, path: place(of: key), faults: faults)
        }
        return result
    }

    /// All items. Where items cannot be read, each fault is noted, and the last one is thrown.
    func list<Item>(
        _ read: (ConfigurationNode) throws(YAMLError) -> Item
    ) throws(YAMLError) -> [Item] {
        var items: [Item] = []
        var last: YAMLError?
        for item in try reader.list(node, name) {
            let node = ConfigurationNode(item, name, reader, path: path, faults: faults)
            do throws(YAMLError) { items.append(try read(node)) } catch {
                note(error)
                last = error
            }
        }
        if let last { throw last }
        return items
    }

    func text() throws(YAMLError) -> String {
        guard let text = node.string else { throw expected("text") }
        return text
    }

    var isMapping: Bool { node.mapping != nil }

    /// One of the given words.
    func word(of words: [String]) throws(YAMLError) -> String {
        let text = try text()
        guard words.contains(text) else {
            throw expected("one of \(words.joined(separator: ", "))")
        }
        return text
    }

    func isWord(_ word: String) -> Bool { node.string == word }

    /// `auto`, `never` or a path.
    func choice() throws(YAMLError) -> WorkloadOptions.Choice {
        switch try text() {
        case "auto": return .auto
        case "never": return .never
        case let path where path.hasPrefix("/"): return .path(path)
        default: throw expected("auto, never or a path that begins with /")
        }
    }

    func flag() throws(YAMLError) -> Bool {
        guard let flag = node.bool else { throw expected("true or false") }
        return flag
    }

    func number(_ range: ClosedRange<Int>) throws(YAMLError) -> Int {
        guard let number = node.int, range.contains(number) else {
            throw expected("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `0.5` or `50%`.
    func share() throws(YAMLError) -> Double {
        let text = try text()
        let value = text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
        guard let value, value >= 0, value <= 1 else {
            throw expected("a share, 0 to 1 or 0% to 100%")
        }
        return value
    }

    /// `0.5` or `2`.
    func cores() throws(YAMLError) -> Double {
        guard let cores = Double(try text()), (0.05...1024).contains(cores) else {
            throw expected("a number of cores, 0.05 to 1024, or never")
        }
        return cores
    }

    /// - Parameter range: in seconds.
    func span(_ range: ClosedRange<Int64> = 0...34_560_000) throws(YAMLError) -> Interval {
        guard let span = TimeSpan(try text()), range.contains(span.seconds) else {
            throw expected(
                "a time with its unit (90s, 10m, 24h), \(TimeSpan(seconds: range.lowerBound)) to "
                    + "\(TimeSpan(seconds: range.upperBound))")
        }
        return span.interval
    }

    func bytes(_ range: ClosedRange<Int>) throws(YAMLError) -> Int {
        guard let count = ByteCount(try text()), range.contains(count.bytes) else {
            throw expected(
                """
                a size with its unit (512KiB, 100MiB, 2GiB), \
                \(ByteCount(bytes: range.lowerBound)) to \(ByteCount(bytes: range.upperBound))
                """)
        }
        return count.bytes
    }

    func prefix() throws(YAMLError) -> IPPrefix {
        guard let prefix = IPPrefix(try text()) else { throw expected("an address or prefix") }
        return prefix
    }

    func address() throws(YAMLError) -> IPAddress {
        guard let address = IPAddress(try text()) else { throw expected("an address") }
        return address
    }

    /// `udp/53`.
    func port() throws(YAMLError) -> KeptService.Port {
        let parts = try text().split(separator: "/")
        guard parts.count == 2, let transport = KeptService.Transport(rawValue: String(parts[0])),
            let number = UInt16(parts[1])
        else { throw expected("a port such as udp/53") }
        return KeptService.Port(transport, number)
    }

    /// A date beyond the range of nanoseconds means never.
    func moment() throws(YAMLError) -> Timestamp {
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: false)
        guard let date = try? format.parse(try text()) else {
            throw expected("a time such as 2027-01-31T12:00:00Z")
        }
        return Timestamp(secondsSince1970: date.timeIntervalSince1970)
    }
}

/// The faults of a file, so that all of them are reported and not only the first.
final class ReadingFaults {
    /// The line of each key that was read, by its path; of a list's items, the last one's.
    var lines: [String: Int] = [:]
    private(set) var all: [(path: String, error: YAMLError)] = []

    /// A fault that is passed on to the value around it is noted once, at the inner one.
    func note(_ error: YAMLError, at path: String) {
        guard !all.contains(where: { $0.error == error }) else { return }
        all.append((path, error))
    }
}
