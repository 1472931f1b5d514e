internal import FoundationEssentials
internal import HTTPClient

/// Why a query of a source of names failed.
enum SourceError: Error, CustomStringConvertible {
    case refused(status: Int, path: String, reason: String)
    case malformed(path: String, reason: String)
    case tooLarge(path: String, limit: Int)
    case ended

    var description: String {
        switch self {
        case .refused(let status, let path, let reason): "\(path): status \(status) \(reason)"
        case .malformed(let path, let reason): "\(path): not as expected: \(reason)"
        case .tooLarge(let path, let limit): "\(path): more than \(limit >> 20) MiB"
        case .ended: "the connection was closed"
        }
    }
}

/// An HTTP connection to an engine or cluster: whole answers and endless streams of lines, both
/// with limits.
struct SourceConnection: Sendable {
    /// The greatest number of bytes of an answer, which needs sixteen times as much memory while it
    /// is decoded, and of one line of a stream.
    static let answerLimit = 16 << 20
    static let lineLimit = 4 << 20

    private let base: String
    private let socket: String?
    private let tls: TLSOptions
    private let idleTimeout: Duration?
    private let headers: @Sendable () -> [(name: String, value: String)]

    /// A connection to a Unix socket.
    init(socket path: String) {
        base = "http://lazaret"
        socket = path
        tls = TLSOptions()
        idleTimeout = nil
        headers = { [] }
    }

    /// A connection over the network.
    ///
    /// - Parameters:
    ///   - idleTimeout: silence after which a stream counts as dead.
    ///   - headers: called for every request, because a token may change.
    init(
        base: String, tls: TLSOptions, idleTimeout: Duration,
        headers: @escaping @Sendable () -> [(name: String, value: String)]
    ) {
        self.base = base
        socket = nil
        self.tls = tls
        self.idleTimeout = idleTimeout
        self.headers = headers
    }

    private func withResponse<Value>(
        _ path: String, timeout: Duration?, _ body: (HTTPResponse) async throws -> Value
    ) async throws -> Value {
        var request = HTTPRequest(url: base + path, socket: socket)
        request.headers = [("Accept", "application/json")] + headers()
        request.tls = tls
        request.idleTimeout = idleTimeout
        request.timeout = timeout
        return try await request.withResponse { response in
            guard response.status == 200 else {
                let text = try? await response.collect(upTo: 1 << 16)
                let reason = text.map { String(decoding: $0, as: UTF8.self).prefix(200) } ?? ""
                throw SourceError.refused(
                    status: response.status, path: path,
                    reason: WorkloadNaming.clean(String(reason)))
            }
            return try await body(response)
        }
    }

    /// Sends one query and returns its decoded answer.
    func get<T: Decodable>(_ type: T.Type, _ path: String) async throws -> T {
        let bytes = try await withResponse(path, timeout: .seconds(30)) { response in
            do throws(HTTPError) {
                return try await response.collect(upTo: Self.answerLimit)
            } catch .tooLarge(let limit) {
                throw SourceError.tooLarge(path: path, limit: limit)
            }
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw SourceError.malformed(path: path, reason: "\(error)")
        }
    }

    /// Opens a stream of lines; `opened` is called before the first one.
    ///
    /// - Throws: always, when the stream ends: `.ended` if the server closed it.
    func lines(
        _ path: String, opened: () async throws -> Void, _ body: (Data) async throws -> Void
    ) async throws {
        try await withResponse(path, timeout: nil) { response in
            try await opened()
            var pending = Data()
            while let part = try await response.next() {
                var rest = part[...]
                while let end = rest.firstIndex(of: 0x0A) {
                    pending.append(contentsOf: rest[..<end])
                    rest = rest[(end + 1)...]
                    if !pending.isEmpty, pending.count <= Self.lineLimit { try await body(pending) }
                    pending = Data()
                }
                pending.append(contentsOf: rest)
                guard pending.count <= Self.lineLimit else {
                    throw SourceError.tooLarge(path: path, limit: Self.lineLimit)
                }
            }
        }
        throw SourceError.ended
    }
}
