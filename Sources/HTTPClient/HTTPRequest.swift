/// The authorities that a client trusts, and its own certificate.
package struct TLSOptions: Equatable, Sendable {
    /// The only authorities to trust, as certificates in PEM; nil: those of the system.
    package var authorities: [UInt8]?
    /// The client's certificate in PEM; intermediate certificates follow it.
    package var certificate: [UInt8]?
    /// Private key of `certificate` in PEM, without a passphrase.
    package var key: [UInt8]?
    /// Whether to check that the server's certificate is trusted and is for the URL's host.
    package var verifies = true

    package init() {}
}

/// A GET request, or a POST request if it has a body and names no other method, over HTTP/1.1.
///
/// Redirects are not followed. There are no cookies, no proxies and no compression, and neither the
/// environment nor files such as `.netrc` change the request.
package struct HTTPRequest: Sendable {
    /// An `http` or `https` URL without user and password.
    package var url: String
    /// Path of the Unix socket to connect to, whatever host `url` names.
    package var socket: String?
    /// The users that may listen on `socket`; nothing is sent to others. Nil: any user.
    package var peers: [UInt32]?
    package var headers: [(name: String, value: String)] = []
    /// The body of a POST; nil: the request is a GET.
    package var body: [UInt8]?
    /// Another method, such as PUT or DELETE; nil: GET or POST.
    package var method: String?
    package var tls = TLSOptions()
    /// The time limit of name lookup, connection and TLS handshake together.
    package var connectTimeout: Duration = .seconds(5)
    /// The longest silence of the server, before and within its answer; nil: no limit.
    package var idleTimeout: Duration?
    /// The time limit up to the last byte of the answer; nil: no limit.
    package var timeout: Duration?

    /// Whether the host of a URL is this machine, so that nobody can read what is sent to it.
    package static func isLoopback(_ host: some StringProtocol) -> Bool {
        ["127.0.0.1", "::1", "[::1]", "localhost"].contains { $0 == host }
    }

    package init(url: String, socket: String? = nil) {
        self.url = url
        self.socket = socket
    }

    /// Sends the request and passes the answer to `body` as soon as its status is known.
    ///
    /// The transfer ends when `body` returns, whether or not it has read everything, and at once
    /// when the task is cancelled.
    ///
    /// - Throws: `HTTPError`, or what `body` throws.
    package func withResponse<Value>(
        _ body: (HTTPResponse) async throws -> Value
    ) async throws -> Value {
        guard let thread = TransferThread.shared else {
            throw HTTPError.unusable("libcurl cannot be initialised")
        }
        if Task.isCancelled { throw HTTPError.cancelled }
        let transfer = Transfer(self, on: thread)
        thread.post(.start(transfer))
        defer { transfer.cancel() }
        let status = try await transfer.status()
        return try await body(HTTPResponse(status: status, transfer: transfer))
    }

    /// Sends the request and reads the whole answer.
    ///
    /// - Throws: `HTTPError`; `.tooLarge` as soon as the body is longer than `limit` bytes.
    package func answer(upTo limit: Int) async throws -> (status: Int, body: [UInt8]) {
        try await withResponse { ($0.status, try await $0.collect(upTo: limit)) }
    }
}

/// An answer whose body is read part by part, by one task.
package struct HTTPResponse: Sendable {
    package let status: Int
    private let transfer: Transfer

    init(status: Int, transfer: Transfer) {
        self.status = status
        self.transfer = transfer
    }

    /// Returns the bytes received since the last call, one or more; nil at the end of the body.
    ///
    /// A slow reader makes the server wait: the client buffers about 256 KiB.
    package func next() async throws(HTTPError) -> [UInt8]? { try await transfer.next() }

    /// Returns the rest of the body.
    ///
    /// - Throws: `.tooLarge` as soon as it is longer than `limit` bytes.
    package func collect(upTo limit: Int) async throws(HTTPError) -> [UInt8] {
        var all: [UInt8] = []
        while let part = try await next() {
            guard all.count + part.count <= limit else { throw .tooLarge(limit: limit) }
            if all.isEmpty { all = part } else { all += part }
        }
        return all
    }
}
