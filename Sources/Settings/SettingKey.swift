import YAML

/// One key of a mapping in the configuration file: its name, how it is read and written, and
/// whether a change waits for the next start. The default is the value in a new `Root`.
struct SettingKey<Root>: Sendable {
    typealias Path<Value> = any WritableKeyPath<Root, Value> & Sendable

    let name: String
    /// Whether a running monitor cannot apply a change.
    var needsRestart = false
    /// Whether a mapping without the key is an error.
    var isRequired = false
    let read: @Sendable (ConfigurationNode, inout Root) throws(YAMLError) -> Void
    /// The lines of the key in a file, without indentation.
    let lines: @Sendable (Root) -> [String]

    /// A value on one line.
    static func value<Value>(
        _ name: String, _ path: Path<Value>,
        _ format: SettingFormat<Value>, needsRestart: Bool = false, isRequired: Bool = false
    ) -> Self {
        Self(
            name: name, needsRestart: needsRestart, isRequired: isRequired
        ) { node, root throws(YAMLError) in
            root[keyPath: path] = try format.read(node)
        } lines: {
            ["\(name): \(format.text($0[keyPath: path]))"]
        }
    }

    /// A mapping of further keys.
    ///
    /// - Parameters:
    ///   - shorthand: the key that a single value instead of the mapping stands for.
    ///   - check: returns what is wrong with the values together, or nil.
    static func section<Part>(
        _ name: String, _ path: Path<Part>, _ keys: [SettingKey<Part>],
        shorthand: String? = nil, needsRestart: Bool = false,
        check: @escaping @Sendable (Part) -> String? = { _ in nil }
    ) -> Self {
        Self(name: name, needsRestart: needsRestart) { node, root throws(YAMLError) in
            if !node.isMapping, let key = keys.first(where: { $0.name == shorthand }) {
                try key.read(node, &root[keyPath: path])
            } else {
                try keys.read(node, into: &root[keyPath: path])
            }
            if let reason = check(root[keyPath: path]) { throw node.fail(reason) }
        } lines: { root in
            let lines = keys.flatMap { $0.lines(root[keyPath: path]) }
            return ["\(name):"] + lines.map { "  \($0)" }
        }
    }

    /// A list of mappings, one a line.
    static func records<Record: Sendable>(
        _ name: String, _ path: Path<[Record]>,
        _ keys: [SettingKey<Record>], from start: Record, needsRestart: Bool = false
    ) -> Self {
        let record = SettingFormat<Record>.mapping(keys, from: start)
        let list = SettingFormat<[Record]>.list(record)
        return Self(name: name, needsRestart: needsRestart) { node, root throws(YAMLError) in
            root[keyPath: path] = try list.read(node)
        } lines: { root in
            let records = root[keyPath: path]
            guard !records.isEmpty else { return ["\(name): []"] }
            return ["\(name):"] + records.map { "  - \(record.text($0))" }
        }
    }
}

extension Array {
    /// Reads the keys of a mapping; keys that are left out or empty keep their values.
    ///
    /// - Throws: the last fault, after all of them were noted.
    func read<Root>(
        _ node: ConfigurationNode, into root: inout Root
    ) throws(YAMLError) where Element == SettingKey<Root> {
        let values = try node.mapping(Set(map(\.name)))
        var last: YAMLError?
        for key in self {
            if let value = values[key.name] {
                do throws(YAMLError) { try key.read(value, &root) } catch {
                    value.note(error)
                    last = error
                }
            } else if key.isRequired {
                last = node.fail("'\(key.name)' is missing")
                last.map(node.note)
            }
        }
        if let last { throw last }
    }
}
