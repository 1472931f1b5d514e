internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Why a source of workloads gave no answer.
enum SourceError: Error, CustomStringConvertible {
    case unreachable(String)
    case refused(status: UInt, path: String, reason: String)
    case malformed(path: String, reason: String)
    case tooLarge(path: String, limit: Int)
    case ended

    var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .refused(let status, let path, let reason): "\(path): status \(status) \(reason)"
        case .malformed(let path, let reason): "\(path): not as expected: \(reason)"
        case .tooLarge(let path, let limit): "\(path): more than \(limit >> 20) MiB"
        case .ended: "the connection was closed"
        }
    }
}

/// An engine's interface over HTTP: whole answers and endless streams of lines, both of bounded size.
struct HTTPSource: Sendable {
    /// Bytes of an answer, and of one line of a stream.
    static let answerLimit = 64 << 20
    static let lineLimit = 4 << 20

    private let client: HTTPClient
    private let base: String
    private let headers: @Sendable () -> [(String, String)]

    /// An interface on a Unix socket.
    init(socket path: String) {
        let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))
        let host = path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
        self.init(base: "http+unix://\(host)", tls: nil, idleSeconds: nil) { [] }
    }

    /// An interface on the network.
    ///
    /// - Parameters:
    ///   - idleSeconds: silence after which a stream is taken for dead.
    ///   - headers: asked anew for every request: a token may change.
    init(
        base: String, tls: TLSConfiguration?, idleSeconds: Int64?,
        headers: @escaping @Sendable () -> [(String, String)]
    ) {
        var options = HTTPClient.Configuration()
        options.tlsConfiguration = tls
        options.httpVersion = .http1Only
        options.redirectConfiguration = .disallow
        options.timeout = .init(connect: .seconds(5), read: idleSeconds.map { .seconds($0) })
        options.decompression = .disabled
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: options)
        self.base = base
        self.headers = headers
    }

    /// Must be called before the last reference goes.
    func close() async { try? await client.shutdown() }

    private func request(
        _ path: String, deadline: NIODeadline
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: base + path)
        request.headers.add(name: "Host", value: "lazaret")
        request.headers.add(name: "Accept", value: "application/json")
        for (name, value) in headers() { request.headers.replaceOrAdd(name: name, value: value) }
        if !base.hasPrefix("http+unix") { request.headers.remove(name: "Host") }
        let response = try await client.execute(request, deadline: deadline)
        guard response.status == .ok else {
            let text = try? await response.body.collect(upTo: 1 << 16)
            let reason = text.map { String(buffer: $0).prefix(200) } ?? ""
            throw SourceError.refused(
                status: response.status.code, path: path,
                reason: WorkloadNaming.clean(String(reason)))
        }
        return response
    }

    /// The answer to one question.
    func get<T: Decodable>(_ type: T.Type, _ path: String) async throws -> T {
        let response = try await request(path, deadline: .now() + .seconds(30))
        var data = Data()
        for try await part in response.body {
            data.append(contentsOf: part.readableBytesView)
            guard data.count <= Self.answerLimit else {
                throw SourceError.tooLarge(path: path, limit: Self.answerLimit)
            }
        }
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw SourceError.malformed(path: path, reason: "\(error)")
        }
    }

    /// Opens a stream of lines; `opened` is called before the first one.
    ///
    /// - Throws: always, in the end: `.ended` when the other side closed it.
    func lines(
        _ path: String, opened: () async throws -> Void, _ body: (Data) async throws -> Void
    ) async throws {
        let response = try await request(path, deadline: .distantFuture)
        try await opened()
        var pending = Data()
        for try await part in response.body {
            var rest = part.readableBytesView
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
        throw SourceError.ended
    }
}
