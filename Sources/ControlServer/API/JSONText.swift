internal import FoundationEssentials
internal import HTTPServer
internal import TextFormats

/// Composes JSON from JSON texts.
enum JSONText {
    static func quoted(_ text: String) -> String { JSONObject.quoted(text) }

    static func object(_ members: [(String, String)]) -> String {
        var object = JSONObject()
        for (key, value) in members { object.put(key, json: value) }
        return object.text
    }

    static func array(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

    /// Encodes a value, with the keys in snake case and sorted.
    static func encoded(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self).escapedJSON
    }

    static func response(
        _ text: String, status: Status = .ok, type: String = "application/json"
    ) -> Response {
        Response(status, type: type, text: text)
    }
}
