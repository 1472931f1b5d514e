public import RuntimeEvents
import TextFormats
import Timestamps

extension RuntimeEvent {
    /// The event in the list of an alert or incident.
    ///
    /// - Parameter start: what its line is compared with, in seconds since 1970; nil: it has none.
    func object(from start: Int?) -> JSONObject {
        var object = JSONObject()
        put(in: &object)
        object.put("text", start.map { text(from: $0) })
        return object
    }

    func put(in object: inout JSONObject) {
        object.put("first", UTC.timestamp(time))
        object.put("last", UTC.timestamp(last))
        object.put("count", count)
        object.put("tool", tool.rawValue)
        object.put("rule", rule)
        object.put("priority", priority.rawValue)
        object.put("container", container)
        object.put("process", process)
        object.put("detail", detail.isEmpty ? nil : detail)
    }
}

extension RuntimeEvent: Decodable {
    private enum Key: String, CodingKey {
        case first, last, count, tool, rule, priority, container, process, detail
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        guard let tool = Tool(rawValue: try fields.decode(String.self, forKey: .tool)) else {
            throw fields.meaningless(.tool)
        }
        let word = try fields.decode(String.self, forKey: .priority)
        guard let priority = Priority(rawValue: word) else { throw fields.meaningless(.priority) }
        self.init(
            time: try fields.time(.first), tool: tool,
            rule: try fields.decode(String.self, forKey: .rule), priority: priority,
            container: try fields.decodeIfPresent(String.self, forKey: .container),
            process: try fields.decodeIfPresent(String.self, forKey: .process),
            detail: try fields.decodeIfPresent(String.self, forKey: .detail) ?? "")
        last = max(time, try fields.time(.last))
        count = max(1, try fields.decode(Int.self, forKey: .count))
    }
}

extension Event.RuntimeReport {
    var fields: JSONObject {
        var fields = JSONObject()
        fields.put("workload", workload)
        fields.put("source", source)
        event.put(in: &fields)
        return fields
    }
}

extension Event.RuntimeReport: Decodable {
    private enum Key: String, CodingKey { case workload, source }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        self.init(
            workload: try fields.decode(String.self, forKey: .workload),
            source: try fields.decode(String.self, forKey: .source),
            event: try RuntimeEvent(from: decoder))
    }
}
