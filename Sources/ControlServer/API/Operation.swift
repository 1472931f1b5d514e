internal import HTTPServer
internal import Monitor

/// One operation of the API, declared once: the router, the decoding of its inputs, the required
/// access and its part of the OpenAPI document follow from this.
struct Operation: Sendable {
    /// The callers that may use it.
    enum Access: Sendable {
        /// Every client that can connect.
        case anyone
        /// Every client of the Unix socket, and those with the token.
        case read
        /// Clients that may add and remove rules.
        case act
    }

    /// The response of a successful request.
    struct Answer: Sendable {
        var status = Status.ok
        /// The media type for the field Content-Type.
        var type: String
        var schema = Schema.string

        static func json(_ schema: Schema, _ status: Status = .ok) -> Answer {
            Answer(status: status, type: "application/json", schema: schema)
        }
    }

    /// The request, its caller, and the monitor.
    struct Context: Sendable {
        var request: Request
        var caller: Caller
        var hub: MonitorHub
    }

    let method: HTTPServer.Method
    /// Segments in braces are inputs: `/api/v1/events/{id}`.
    let path: String
    let summary: String
    let access: Access
    let inputs: [InputDescription]
    /// What the body has, where it is no JSON object of inputs; nil: there is none.
    let rawBody: String?
    let answers: [Answer]
    let respond: @Sendable (Context) async throws -> Response

    /// - Parameters:
    ///   - rawBody: what a body has that is taken as it is.
    ///   - inputs: in the order in which `respond` receives their values.
    ///   - answers: the responses that are not problem details.
    init<each Value: Sendable>(
        _ method: HTTPServer.Method, _ path: String, _ summary: String, access: Access = .read,
        rawBody: String? = nil, inputs: repeat Input<each Value>, answers: Answer...,
        respond: @escaping @Sendable (Context, repeat each Value) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.access = access
        self.rawBody = rawBody
        self.answers = answers
        var descriptions: [InputDescription] = []
        for input in repeat each inputs { descriptions.append(input.description) }
        let known = descriptions
        self.inputs = known
        self.respond = { context in
            let request = try RequestInputs(context.request, known: known)
            return try await respond(context, repeat try (each inputs).decode(request))
        }
    }

    /// The path in the format of `Router`: `/api/v1/events/:id`.
    var pattern: String {
        path.split(separator: "/").map { part in
            part.hasPrefix("{") ? "/:" + part.dropFirst().dropLast() : "/" + part
        }.joined()
    }
}
