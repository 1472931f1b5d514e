/// A JSON Schema (2020-12), as an OpenAPI 3.1 document contains it.
struct Schema: Sendable {
    private var members: [(name: String, json: String)]

    private init(_ type: String, _ members: [(name: String, json: String)] = []) {
        self.members = [("type", JSONText.quoted(type))] + members
    }

    var json: String { JSONText.object(members.map { ($0.name, $0.json) }) }

    /// This schema with one more keyword.
    func with(_ keyword: String, _ json: String) -> Schema {
        var schema = self
        schema.members.append((keyword, json))
        return schema
    }

    static let boolean = Schema("boolean")
    static let number = Schema("number")
    static let string = Schema("string")
    static let integer = Schema("integer")
    /// A whole number of 0 or more.
    static let count = Schema("integer", [("minimum", "0")])
    /// An array of anything.
    static let anyArray = Schema("array")
    /// Any JSON object.
    static let anyObject = Schema("object")

    static func integer(_ range: ClosedRange<Int64>) -> Schema {
        var members = [(name: "minimum", json: "\(range.lowerBound)")]
        if range.upperBound < .max { members.append(("maximum", "\(range.upperBound)")) }
        return Schema("integer", [("format", JSONText.quoted("int64"))] + members)
    }

    /// - Parameter maxLength: in Unicode code points.
    static func string(maxLength: Int) -> Schema {
        Schema("string", [("maxLength", "\(maxLength)")])
    }

    static func string(oneOf values: [String]) -> Schema {
        Schema("string", [("enum", JSONText.array(values.map(JSONText.quoted)))])
    }

    static func array(of items: Schema) -> Schema { Schema("array", [("items", items.json)]) }

    /// An object with any names, whose values all have the same schema.
    static func map(of values: Schema) -> Schema {
        Schema("object", [("additionalProperties", values.json)])
    }

    /// An object with these members and no others.
    static func object(
        _ members: [(name: String, schema: Schema)], optional: [(name: String, schema: Schema)] = []
    ) -> Schema {
        Schema(
            "object",
            [
                ("properties", properties(members + optional)),
                ("required", JSONText.array(members.map { JSONText.quoted($0.name) })),
                ("additionalProperties", "false"),
            ])
    }

    /// An object with at least these members.
    static func open(
        _ members: [(name: String, schema: Schema)], optional: [(name: String, schema: Schema)] = []
    ) -> Schema {
        Schema(
            "object",
            [
                ("properties", properties(members + optional)),
                ("required", JSONText.array(members.map { JSONText.quoted($0.name) })),
            ])
    }

    private static func properties(_ members: [(name: String, schema: Schema)]) -> String {
        JSONText.object(members.map { ($0.name, $0.schema.json) })
    }
}
