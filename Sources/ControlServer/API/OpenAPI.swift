internal import HTTPServer
internal import TextFormats

/// The API as an OpenAPI 3.1 document, generated from the operations that the router serves.
enum OpenAPI {
    static let document = JSONText.object([
        ("openapi", JSONText.quoted("3.1.0")),
        (
            "info",
            JSONText.object([
                ("title", JSONText.quoted("Lazaret")),
                ("version", JSONText.quoted(Version.text)),
                (
                    "description",
                    JSONText.quoted(
                        "The API of a running 'lazaret monitor', on its Unix socket and on a TCP "
                            + "port. The socket needs no token: the kernel reports the client's "
                            + "user. A token of control.read_token_file may only read.")
                ),
            ])
        ),
        ("security", #"[{"token":[]},{}]"#),
        ("paths", paths),
        (
            "components",
            JSONText.object([
                ("securitySchemes", #"{"token":{"type":"http","scheme":"bearer"}}"#),
                ("schemas", JSONText.object([("ProblemDetails", Schema.problem.json)])),
                (
                    "responses",
                    JSONText.object([
                        ("Problem", problem("Why not (RFC 9457)")),
                        ("BadRequest", problem("A parameter or the body is not as declared")),
                        ("Forbidden", problem("The caller may look but not act")),
                    ])
                ),
            ])
        ),
    ])

    private static var paths: String {
        var paths: [(path: String, operations: [(String, String)])] = []
        for operation in ControlRoutes.operations {
            let member = (operation.method.name.lowercased(), json(of: operation))
            if let index = paths.firstIndex(where: { $0.path == operation.path }) {
                paths[index].operations.append(member)
            } else {
                paths.append((operation.path, [member]))
            }
        }
        return JSONText.object(paths.map { ($0.path, JSONText.object($0.operations)) })
    }

    private static func json(of operation: Operation) -> String {
        var members = [("summary", JSONText.quoted(operation.summary))]
        let parameters = operation.inputs.filter { $0.place != .body }
        if !parameters.isEmpty {
            members.append(("parameters", JSONText.array(parameters.map(parameter))))
        }
        let body = operation.inputs.filter { $0.place == .body }
        if !body.isEmpty {
            let isRequired = body.contains(where: \.isRequired)
            let schema = Schema.object(
                body.filter(\.isRequired).map(property),
                optional: body.filter { !$0.isRequired }.map(property))
            members.append(
                (
                    "requestBody",
                    JSONText.object([
                        ("required", "\(isRequired)"),
                        ("content", content("application/json", schema)),
                    ])
                ))
        }
        if let text = operation.rawBody {
            members.append(
                (
                    "requestBody",
                    JSONText.object([
                        ("description", JSONText.quoted(text)), ("required", "true"),
                        ("content", content("application/x-ndjson", .string)),
                    ])
                ))
        }
        members.append(("responses", responses(of: operation)))
        if case .anyone = operation.access { members.append(("security", "[]")) }
        return JSONText.object(members)
    }

    private static func responses(of operation: Operation) -> String {
        var members = operation.answers.map { answer in
            (
                "\(answer.status.code)",
                JSONText.object([
                    ("description", JSONText.quoted(answer.status.reason)),
                    ("content", content(answer.type, answer.schema)),
                ])
            )
        }
        if !operation.inputs.isEmpty { members.append(("400", reference("BadRequest"))) }
        if case .act = operation.access { members.append(("403", reference("Forbidden"))) }
        members.append(("default", reference("Problem")))
        return JSONText.object(members)
    }

    private static func parameter(_ input: InputDescription) -> String {
        JSONText.object([
            ("name", JSONText.quoted(input.name)), ("in", JSONText.quoted(input.place.rawValue)),
            ("description", JSONText.quoted(input.text)), ("required", "\(input.isRequired)"),
            ("schema", input.schema.json),
        ])
    }

    private static func property(_ input: InputDescription) -> (name: String, schema: Schema) {
        (input.name, input.schema.with("description", JSONText.quoted(input.text)))
    }

    private static func content(_ type: String, _ schema: Schema) -> String {
        JSONText.object([(type, JSONText.object([("schema", schema.json)]))])
    }

    private static func problem(_ description: String) -> String {
        let schema = ##"{"schema":{"$ref":"#/components/schemas/ProblemDetails"}}"##
        return JSONText.object([
            ("description", JSONText.quoted(description)),
            ("content", JSONText.object([("application/problem+json", schema)])),
        ])
    }

    private static func reference(_ response: String) -> String {
        ##"{"$ref":"#/components/responses/\##(response)"}"##
    }
}
