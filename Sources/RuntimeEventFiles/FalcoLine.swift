import RuntimeEvents
import TextFormats

/// An alert of Falco (`json_output: true`), also as Falcosidekick's webhook sends it.
struct FalcoLine: Decodable {
    var time: String
    var rule: String
    var priority: String
    var source: String?
    var output_fields: [String: JSONScalar]?

    /// Whether it is about Falco itself: metrics, lost system calls.
    var isInternal: Bool { source == "internal" }

    /// Nil without a time or a priority that is known.
    func event(_ rules: RuntimeEventRules) -> ReportedEvent? {
        guard let time = UTC.time(time), !rule.isEmpty,
            let priority = RuntimeEvent.Priority(word: priority)
        else { return nil }
        let container = text("container.full_id") ?? text("container.id")
        let isOfHost = container == "host"
        var places: [ReportedEvent.Place] = []
        if let container, !isOfHost { places.append(.container(container)) }
        if let uid = text("k8s.pod.uid") { places.append(.podUID(uid)) }
        if let space = text("k8s.ns.name"), let name = text("k8s.pod.name") {
            places.append(.pod(namespace: space, name: name))
        }
        let name = text("container.name")
        if let name, !isOfHost { places.append(.name(name)) }
        var event = ReportedEvent(
            RuntimeEvent(
                time: time, tool: .falco, rule: rule, priority: priority,
                container: isOfHost ? nil : name ?? text("k8s.pod.name") ?? container,
                process: text("proc.name") ?? text("proc.exepath"), detail: detail(rules)),
            places: isOfHost ? [] : places)
        event.isOfHost = isOfHost
        return event
    }

    private func detail(_ rules: RuntimeEventRules) -> String {
        var parts: [String] = []
        for (label, key) in [
            ("parent", "proc.pname"), ("user", "user.name"), ("file", "fd.name"),
        ] {
            guard let value = text(key) else { continue }
            let isConnection = key == "fd.name" && value.contains("->")
            parts.append("\(isConnection ? "connection" : label) \(value)")
        }
        if rules.keepsArguments, let command = text("proc.cmdline") {
            parts.append("command \(command)")
        }
        return parts.joined(separator: ", ")
    }

    /// A field that says something: Falco writes null, an empty text or `<NA>` where it does not
    /// know.
    private func text(_ key: String) -> String? {
        output_fields?[key]?.text.flatMap { ["", "<NA>", "N/A"].contains($0) ? nil : $0 }
    }
}

/// A value of any type that stands for a text or a number; nil for others.
struct JSONScalar: Decodable {
    var text: String?

    init(from decoder: any Decoder) throws {
        guard let value = try? decoder.singleValueContainer(), !value.decodeNil() else { return }
        if let found = try? value.decode(String.self) {
            text = found
        } else if let number = try? value.decode(Int64.self) {
            text = "\(number)"
        }
    }
}
