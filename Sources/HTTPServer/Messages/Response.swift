/// The status code of an answer (RFC 9110, section 15).
package struct Status: Hashable, Sendable {
    package var code: Int
    package var reason: String

    package static let ok = Status(code: 200, reason: "OK")
    package static let created = Status(code: 201, reason: "Created")
    package static let accepted = Status(code: 202, reason: "Accepted")
    package static let badRequest = Status(code: 400, reason: "Bad Request")
    package static let unauthorized = Status(code: 401, reason: "Unauthorized")
    package static let forbidden = Status(code: 403, reason: "Forbidden")
    package static let notFound = Status(code: 404, reason: "Not Found")
    package static let methodNotAllowed = Status(code: 405, reason: "Method Not Allowed")
    package static let conflict = Status(code: 409, reason: "Conflict")
    package static let lengthRequired = Status(code: 411, reason: "Length Required")
    package static let contentTooLarge = Status(code: 413, reason: "Content Too Large")
    package static let misdirected = Status(code: 421, reason: "Misdirected Request")
    package static let tooManyRequests = Status(code: 429, reason: "Too Many Requests")
    package static let headersTooLarge = Status(
        code: 431, reason: "Request Header Fields Too Large")
    package static let internalError = Status(code: 500, reason: "Internal Server Error")
    package static let unavailable = Status(code: 503, reason: "Service Unavailable")
}

/// An answer to a request.
package struct Response: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        case stream(Stream)
    }

    /// A body that continues until its chunks end, the client disconnects, or the server stops.
    package struct Stream: Sendable {
        /// Sent at once.
        var first: [UInt8] = []
        var chunks: any AsyncSequence<[UInt8], Never> & Sendable
        /// Sent whenever there was nothing to send for `Limits.beatTime`; if empty, nothing is
        /// sent.
        var beat: [UInt8] = []
    }

    package var status: Status
    package var headers: Headers
    package var body: Body

    /// Creates an answer that must not be cached or interpreted as another type than `type`.
    package init(_ status: Status = .ok, type: String, body: Body) {
        self.status = status
        headers = [
            "Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
        ]
        self.body = body
    }

    package init(_ status: Status = .ok, type: String, text: String) {
        self.init(status, type: type, body: .bytes(Array(text.utf8)))
    }

    /// Creates an answer with server-sent events. Comments in between detect a client that is gone.
    ///
    /// - Parameter retryMilliseconds: the time after which a disconnected client reconnects.
    package init(
        events: some AsyncSequence<ServerSentEvent, Never> & Sendable, retryMilliseconds: Int
    ) {
        let stream = Stream(
            first: Array("retry: \(retryMilliseconds)\n\n".utf8),
            chunks: events.map { Array($0.text.utf8) }, beat: Array(": still here\n\n".utf8))
        self.init(type: "text/event-stream", body: .stream(stream))
    }
}

/// One event of a stream (HTML Living Standard, section 9.2).
package struct ServerSentEvent: Sendable {
    /// The value that a client sends as `Last-Event-ID` when it reconnects; one line.
    package var id: String
    /// One line.
    package var event: String
    /// One line.
    package var data: String

    package init(id: String, event: String, data: String) {
        self.id = id
        self.event = event
        self.data = data
    }

    var text: String { "id: \(id)\nevent: \(event)\ndata: \(data)\n\n" }
}
