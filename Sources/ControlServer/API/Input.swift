internal import FoundationEssentials
internal import HTTPServer

/// An input of an operation: a parameter, or a member of the JSON object in the body.
struct Input<Value: Sendable>: Sendable {
    let description: InputDescription
    let decode: @Sendable (RequestInputs) throws(ProblemDetails) -> Value

    /// A required input.
    init(
        _ name: String, in place: InputDescription.Place, _ format: ValueFormat<Value>,
        _ description: String
    ) {
        self.init(name, place, format, description) { inputs throws(ProblemDetails) in
            guard let value = try inputs.value(name, in: place, format) else {
                throw ProblemDetails(
                    .badRequest, "\(name) is missing: send \(format.expectation)", parameter: name)
            }
            return value
        }
    }

    /// An input with the default `value`.
    init(
        _ name: String, in place: InputDescription.Place, _ format: ValueFormat<Value>,
        default value: Value, _ description: String
    ) {
        self.init(name, place, format, description, default: format.json(value)) {
            inputs throws(ProblemDetails) in
            try inputs.value(name, in: place, format) ?? value
        }
    }

    /// An optional input.
    static func optional<Wrapped>(
        _ name: String, in place: InputDescription.Place, _ format: ValueFormat<Wrapped>,
        _ description: String
    ) -> Input where Value == Wrapped? {
        Input(name, place, format, description, isRequired: false) {
            inputs throws(ProblemDetails) in
            try inputs.value(name, in: place, format)
        }
    }

    private init<Written>(
        _ name: String, _ place: InputDescription.Place, _ format: ValueFormat<Written>,
        _ description: String, default json: String? = nil, isRequired: Bool = true,
        decode: @escaping @Sendable (RequestInputs) throws(ProblemDetails) -> Value
    ) {
        let schema = json.map { format.schema.with("default", $0) } ?? format.schema
        self.description = InputDescription(
            name: name, place: place, text: description, schema: schema,
            isRequired: isRequired && json == nil)
        self.decode = decode
    }
}

/// The description of an input in the OpenAPI document.
struct InputDescription: Sendable {
    enum Place: String, Sendable {
        case path, query, header
        /// A member of the JSON object in the request's body.
        case body
    }

    var name: String
    var place: Place
    var text: String
    var schema: Schema
    var isRequired: Bool
}

/// The inputs of one request, checked against the known ones.
struct RequestInputs {
    private let request: Request
    private let body: [String: RequestValue]

    /// - Throws: 400 if the request has a parameter or a member that is not in `known`, or if the
    ///   body is not a JSON object.
    init(_ request: Request, known: [InputDescription]) throws(ProblemDetails) {
        self.request = request
        body =
            known.contains { $0.place == .body } ? try Self.object(request.body) : [:]
        for (place, names) in [
            (InputDescription.Place.query, request.query.keys.sorted()),
            (.body, body.keys.sorted()),
        ] {
            let known = known.filter { $0.place == place }.map(\.name)
            for name in names where !known.contains(name) {
                let name = String(name.prefix(64))
                throw ProblemDetails(
                    .badRequest,
                    "'\(name)' is unknown; there is "
                        + (known.isEmpty ? "none" : known.joined(separator: ", ")),
                    parameter: name)
            }
        }
    }

    private static func object(_ bytes: [UInt8]) throws(ProblemDetails) -> [String: RequestValue] {
        do {
            return try JSONDecoder().decode([String: RequestValue].self, from: Data(bytes))
        } catch {
            throw ProblemDetails(.badRequest, "the body must be a JSON object")
        }
    }

    /// - Returns: nil if the request does not contain it.
    func value<Value>(
        _ name: String, in place: InputDescription.Place, _ format: ValueFormat<Value>
    ) throws(ProblemDetails) -> Value? {
        let written =
            switch place {
            case .path: request.parameters[name].map(RequestValue.text)
            case .query: request.query[name].map(RequestValue.text)
            case .header: request.headers[name].map(RequestValue.text)
            case .body: body[name]
            }
        guard let written else { return nil }
        if case .null = written { return nil }
        guard let value = format.decode(written) else {
            throw ProblemDetails(
                .badRequest, "\(name) must be \(format.expectation)", parameter: name)
        }
        return value
    }
}
