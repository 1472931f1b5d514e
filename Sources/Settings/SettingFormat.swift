import EventDelivery
import Events
import FoundationEssentials
import Monitor
import NetworkAddresses
import Quarantine
import TextFormats
import Timestamps
import YAML

/// How values of one type are written in the configuration file.
struct SettingFormat<Value>: Sendable {
    let read: @Sendable (ConfigurationNode) throws(YAMLError) -> Value
    let text: @Sendable (Value) -> String

    init(
        read: @escaping @Sendable (ConfigurationNode) throws(YAMLError) -> Value,
        text: @escaping @Sendable (Value) -> String
    ) {
        self.read = read
        self.text = text
    }

    /// - Parameter read: a method without parameters, such as `ConfigurationNode.text`.
    init(
        _ read: @escaping @Sendable (ConfigurationNode) -> () throws(YAMLError) -> Value,
        text: @escaping @Sendable (Value) -> String
    ) {
        self.read = { node throws(YAMLError) in try read(node)() }
        self.text = text
    }
}

extension SettingFormat {
    /// Empty means none.
    static func optional<Some>(_ format: SettingFormat<Some>) -> Self where Value == Some? {
        Self { node throws(YAMLError) in
            try format.read(node)
        } text: {
            $0.map(format.text) ?? ""
        }
    }

    /// The word `never` means none.
    static func never<Some>(or format: SettingFormat<Some>) -> Self where Value == Some? {
        Self { node throws(YAMLError) in
            node.isWord("never") ? nil : try format.read(node)
        } text: {
            $0.map(format.text) ?? "never"
        }
    }

    static func list<Item>(
        _ format: SettingFormat<Item>, mayBeEmpty: Bool = true
    ) -> Self where Value == [Item] {
        Self { node throws(YAMLError) in
            let items = try node.list(format.read)
            guard mayBeEmpty || !items.isEmpty else {
                throw node.fail("'\(node.name)' is empty; name at least one")
            }
            return items
        } text: {
            "[\($0.map(format.text).joined(separator: ", "))]"
        }
    }

    /// A mapping on one line, without the keys that are empty.
    static func mapping(_ keys: [SettingKey<Value>], from start: Value) -> Self
    where Value: Sendable {
        Self { node throws(YAMLError) in
            var value = start
            try keys.read(node, into: &value)
            return value
        } text: { value in
            let fields = keys.flatMap { $0.lines(value) }.filter { !$0.hasSuffix(": ") }
            return "{\(fields.joined(separator: ", "))}"
        }
    }
}

extension SettingFormat where Value == String {
    static var text: Self {
        Self(ConfigurationNode.text) { $0.quotedYAML }
    }

    static func word(of words: [String]) -> Self {
        Self { node throws(YAMLError) in
            try node.word(of: words)
        } text: {
            $0
        }
    }
}

extension SettingFormat where Value == Bool {
    static var flag: Self {
        Self(ConfigurationNode.flag) { "\($0)" }
    }
}

extension SettingFormat where Value: BinaryInteger & Sendable {
    /// - Parameter unit: the value of 1 in the file.
    static func number(_ range: ClosedRange<Int>, unit: Value = 1) -> Self {
        Self { node throws(YAMLError) in
            Value(try node.number(range)) * unit
        } text: {
            "\($0 / unit)"
        }
    }
}

extension SettingFormat where Value == Int {
    static func bytes(_ range: ClosedRange<Int>) -> Self {
        Self { node throws(YAMLError) in
            try node.bytes(range)
        } text: {
            "\(ByteCount(bytes: $0))"
        }
    }

    /// A time span in whole seconds.
    static func seconds(_ range: ClosedRange<Int64>) -> Self {
        Self { node throws(YAMLError) in
            try node.span(range).wholeSeconds
        } text: {
            "\(TimeSpan(seconds: Int64($0)))"
        }
    }
}

extension SettingFormat where Value == Double {
    static var share: Self {
        Self(ConfigurationNode.share) { "\($0)" }
    }

    static var cores: Self {
        Self(ConfigurationNode.cores) { "\($0)" }
    }
}

extension SettingFormat where Value == Interval {
    /// - Parameter range: in seconds.
    static func span(_ range: ClosedRange<Int64> = 0...34_560_000) -> Self {
        Self { node throws(YAMLError) in
            try node.span(range)
        } text: {
            "\(TimeSpan($0))"
        }
    }
}

extension SettingFormat
where
    Value: RawRepresentable<String> & CaseIterable & SendableMetatype,
    Value.AllCases: SendableMetatype
{
    /// One of the cases by its raw value.
    static var word: Self { word(where: { _ in true }) }

    /// One of the cases that are allowed, by its raw value.
    static func word(where isAllowed: @escaping @Sendable (Value) -> Bool) -> Self {
        Self { node throws(YAMLError) in
            let text = try node.text()
            guard let value = Value(rawValue: text), isAllowed(value) else {
                let words = Value.allCases.filter(isAllowed).map(\.rawValue)
                throw node.expected("one of \(words.joined(separator: ", "))")
            }
            return value
        } text: {
            $0.rawValue
        }
    }
}

extension SettingFormat where Value == QuarantineRule.Action {
    /// An action against an offender.
    static var response: Self { word(where: \.isAgainstTarget) }
}

extension SettingFormat where Value == WorkloadOptions.Choice {
    static var choice: Self {
        Self(ConfigurationNode.choice) {
            switch $0 {
            case .auto: "auto"
            case .never: "never"
            case .path(let path): path.quotedYAML
            }
        }
    }
}

extension SettingFormat where Value == Set<Event.Kind> {
    static var kinds: Self {
        let format = SettingFormat<[Event.Kind]>.list(.word)
        return Self { node throws(YAMLError) in
            Set(try format.read(node))
        } text: { kinds in
            format.text(Event.Kind.allCases.filter(kinds.contains))
        }
    }
}

extension SettingFormat where Value == SyslogOptions.Address {
    static var syslogAddress: Self {
        Self { node throws(YAMLError) in
            guard let address = SyslogOptions.Address(try node.text()) else {
                throw node.expected("unix:PATH, udp:HOST:PORT or tcp:HOST:PORT")
            }
            return address
        } text: {
            "\($0)".quotedYAML
        }
    }
}

extension SettingFormat where Value == IPPrefix {
    static var prefix: Self {
        Self(ConfigurationNode.prefix) { "\($0)".quotedYAML }
    }
}

extension SettingFormat where Value == IPAddress {
    static var address: Self {
        Self(ConfigurationNode.address) { "\($0)".quotedYAML }
    }
}

extension SettingFormat where Value == KeptService.Port {
    static var port: Self {
        Self(ConfigurationNode.port) {
            "\($0.transport.rawValue)/\($0.number)"
        }
    }
}

extension SettingFormat where Value == Timestamp {
    static var time: Self {
        Self(ConfigurationNode.moment) {
            Date(timeIntervalSince1970: Double($0.second)).ISO8601Format()
        }
    }
}

extension String {
    /// A single-quoted YAML scalar; with characters that YAML has only as escapes, a double-quoted
    /// one.
    var quotedYAML: String {
        printable == self ? "'" + replacing("'", with: "''") + "'" : JSONObject.quoted(self)
    }
}
