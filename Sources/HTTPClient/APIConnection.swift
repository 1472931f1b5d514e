/// Requests to an HTTP interface, each with a time limit and a bounded answer.
package struct APIConnection: Sendable {
    /// The beginning of every URL.
    package var base: String
    /// The path of a Unix socket; nil: the URL's host.
    package var socket: String?
    package var tls: TLSOptions
    /// Called for every request, because a token may change.
    package var headers: @Sendable () -> [(name: String, value: String)]
    /// How errors name it.
    package var name: String
    /// The greatest number of bytes of an answer.
    package var answerLimit = 16 << 20

    package init(
        base: String, socket: String? = nil, tls: TLSOptions = TLSOptions(),
        headers: @escaping @Sendable () -> [(name: String, value: String)] = { [] }, name: String
    ) {
        self.base = base
        self.socket = socket
        self.tls = tls
        self.headers = headers
        self.name = name
    }

    package static let json = "application/json"

    /// Sends a request, and returns whatever the answer is.
    ///
    /// - Parameters:
    ///   - body: nil: none; not sent with GET.
    ///   - more: headers of this request.
    /// - Throws: `HTTPError`.
    package func ask(
        _ method: String, _ path: String, body: String? = nil, content: String = Self.json,
        headers more: [(name: String, value: String)] = [], seconds: Int64 = 10
    ) async throws -> (status: Int, body: [UInt8]) {
        var request = HTTPRequest(url: base + path, socket: socket)
        request.method = method
        request.tls = tls
        request.timeout = .seconds(seconds)
        request.headers = headers() + more + [("Accept", Self.json)]
        if method != "GET" {
            request.body = Array((body ?? "").utf8)
            if body != nil { request.headers.append(("Content-Type", content)) }
        }
        return try await request.answer(upTo: answerLimit)
    }
}
