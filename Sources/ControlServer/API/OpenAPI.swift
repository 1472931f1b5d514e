internal import HTTPServer
internal import TextFormats

/// The interface as OpenAPI 3.1 tells it, made of the table of routes.
enum OpenAPI {
    static var document: String {
        var paths: [(String, [(String, String)])] = []
        for route in ControlRoutes.table {
            let parts = route.path.split(separator: "/").map { part in
                part.hasPrefix(":") ? "{\(part.dropFirst())}" : String(part)
            }
            let path = "/" + parts.joined(separator: "/")
            let operation = (route.method.name.lowercased(), operation(route))
            if let index = paths.firstIndex(where: { $0.0 == path }) {
                paths[index].1.append(operation)
            } else {
                paths.append((path, [operation]))
            }
        }
        return JSONText.object([
            ("openapi", JSONText.quoted("3.1.0")),
            (
                "info",
                JSONText.object([
                    ("title", JSONText.quoted("Lazaret")),
                    ("version", JSONText.quoted(Version.text)),
                    (
                        "description",
                        JSONText.quoted(
                            "What a running 'lazaret monitor' answers to, on its Unix socket and on loopback."
                        )
                    ),
                ])
            ),
            ("paths", JSONText.object(paths.map { ($0.0, JSONText.object($0.1)) })),
            (
                "components",
                #"{"securitySchemes":{"token":{"type":"http","scheme":"bearer"}}}"#
            ),
        ])
    }

    private static func operation(_ route: ControlRoutes.Route) -> String {
        let inPath = route.path.split(separator: "/").filter { $0.hasPrefix(":") }.map {
            parameter(String($0.dropFirst()), "path", "identifier", isRequired: true)
        }
        let inQuery = route.query.map {
            parameter($0.name, "query", $0.what, isRequired: $0.name == "target")
        }
        var members: [(String, String)] = [("summary", JSONText.quoted(route.summary))]
        if !inPath.isEmpty || !inQuery.isEmpty {
            members.append(("parameters", JSONText.array(inPath + inQuery)))
        }
        if !route.body.isEmpty {
            let properties = route.body.map { member in
                (
                    member.name,
                    JSONText.object([
                        ("type", JSONText.quoted(member.name == "force" ? "boolean" : "string")),
                        ("description", JSONText.quoted(member.what)),
                    ])
                )
            }
            let schema = JSONText.object([
                ("type", JSONText.quoted("object")), ("required", #"["target"]"#),
                ("properties", JSONText.object(properties)),
            ])
            members.append(
                (
                    "requestBody",
                    #"{"required":true,"content":{"application/json":{"schema":\#(schema)}}}"#
                ))
        }
        let problem =
            #"{"description":"why not (RFC 9457)","content":{"application/problem+json":{"schema":{"type":"object"}}}}"#
        let content =
            #"{"description":"as said above","content":{\#(JSONText.quoted(route.type)):{}}}"#
        members.append(("responses", #"{"2XX":\#(content),"default":\#(problem)}"#))
        members.append(("security", #"[{"token":[]},{}]"#))
        return JSONText.object(members)
    }

    private static func parameter(
        _ name: String, _ place: String, _ what: String, isRequired: Bool
    ) -> String {
        JSONText.object([
            ("name", JSONText.quoted(name)), ("in", JSONText.quoted(place)),
            ("description", JSONText.quoted(what)), ("required", "\(isRequired)"),
            ("schema", #"{"type":"string"}"#),
        ])
    }
}
