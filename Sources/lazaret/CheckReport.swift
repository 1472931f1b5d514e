import Offline
import TextFormats
import Timestamps

/// The report of `lazaret check`.
struct CheckReport {
    var outcome: BaselineCheck.Outcome
    /// Their paths.
    var captures: [String]
    var modelID: String

    /// The number of rows of the text.
    private static let shownRows = 1000

    // MARK: - Text

    var text: String {
        var text = ""
        if !outcome.findings.isEmpty {
            text += TextTable.text(
                ["NEW", "WHAT", "COUNT", "FIRST (UTC)"],
                outcome.findings.prefix(Self.shownRows).map { finding in
                    [
                        finding.kind.word, finding.what, finding.count,
                        UTC.short(Int64(finding.first.second)),
                    ].map(\.printable)
                })
            let rest = outcome.findings.count - Self.shownRows
            text += rest > 0 ? "and \(rest) more; --format json lists all\n\n" : "\n"
        }
        let seconds = JSONObject.number((outcome.last - outcome.first).inSeconds, digits: 0)
        text += "Model \(modelID), \(outcome.packetCount) packets over \(seconds) s: "
        text += "\(outcome.findings.count) findings; \(outcome.known.flows) flows of contacts in "
        text += "the model.\n"
        return text
    }

    // MARK: - JSON

    var json: String {
        var object = JSONObject()
        object.put("model", modelID)
        object.put("captures", captures)
        object.put("packets", outcome.packetCount)
        object.put("first", UTC.timestamp(outcome.first))
        object.put("last", UTC.timestamp(outcome.last))
        object.put("known_flows", outcome.known.flows)
        object.put("known_packets", outcome.known.packets)
        object.put("findings", outcome.findings.map(Self.json))
        object.put("warnings", outcome.warnings)
        return object.text
    }

    private static func json(_ finding: BaselineCheck.Finding) -> JSONObject {
        var object = JSONObject()
        object.put("kind", finding.kind.rawValue)
        object.put("workload", finding.workload)
        object.put("what", finding.what)
        object.put("count", finding.count)
        object.put("first", UTC.timestamp(finding.first))
        if !finding.contacts.isEmpty {
            object.put("contacts", finding.contacts.map(PolicyReport.json))
        }
        if !finding.names.isEmpty { object.put("names", finding.names.map(json)) }
        if let volume = finding.volume {
            object.put("feature", volume.feature)
            object.put("value", Double(volume.value))
            object.put("largest", Double(volume.largest))
        }
        return object
    }

    private static func json(_ name: NewName) -> JSONObject {
        var object = JSONObject()
        object.put("name", name.text)
        object.put("queries", name.queryCount)
        return object
    }
}

extension BaselineCheck.Kind {
    /// What is new.
    var word: String {
        switch self {
        case .contact: "contact"
        case .port: "port"
        case .address: "outside address"
        case .name: "name"
        case .volume: "volume"
        }
    }
}

extension BaselineCheck.Finding {
    /// The workload that did it.
    var workload: String {
        if let volume { return volume.workload }
        return contacts.first.map { "\($0.from)" } ?? names.first?.workload ?? ""
    }

    /// The finding without its count, which is the same each time that it is found.
    var what: String {
        if let volume { return "\(volume.workload) (\(volume.source)): \(volume.text)" }
        if let contact = contacts.first {
            let from = PolicyReport.name(contact.from, contacts.map(\.sources))
            let to = PolicyReport.name(contact.to, contacts.map(\.destinations))
            return "\(from) -> \(to) \(PolicyReport.services(contacts))"
        }
        guard let name = names.first else { return "" }
        let asker = "\(name.workload) (\(name.source))"
        guard names.count > 1 else { return "\(asker) asks for \(name.text)" }
        return "\(asker) asks for \(names.count) names in \(name.domain), such as \(name.text)"
    }

    var count: String {
        if volume != nil { return "" }
        guard contacts.isEmpty else {
            let flows = contacts.reduce(0) { $0 + $1.flowCount }
            return "\(flows) \(flows == 1 ? "flow" : "flows")"
        }
        let queries = names.reduce(0) { $0 + $1.queryCount }
        return "\(queries) \(queries == 1 ? "query" : "queries")"
    }

    var first: Timestamp {
        if let volume { return volume.time }
        return contacts.map(\.first).min() ?? names.map(\.first).min() ?? .epoch
    }
}
