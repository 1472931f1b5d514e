internal import FoundationEssentials
internal import HTTPClient
internal import SystemSupport

/// The Local API of CrowdSec, version 1: decisions that every bouncer applies.
package struct LocalAPI: Sendable, Equatable {
    /// Without `/v1`.
    package var url: String
    /// A file with the only authorities to trust; nil: those of the system.
    package var authoritiesFile: String?
    /// How long a request may take.
    package var seconds: Int64 = 10

    package init(url: String) { self.url = url }

    /// The greatest number of bytes of an answer: 200,000 decisions.
    private static let answerLimit = 32 << 20

    /// Why the URL cannot be used; nil if it can.
    package static func fault(of url: String) -> String? {
        guard let parts = URL(string: url), let host = parts.host, !host.isEmpty,
            ["http", "https"].contains(parts.scheme ?? ""), parts.user == nil,
            parts.password == nil, parts.query == nil, parts.fragment == nil,
            url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return "a URL is https://HOST:PORT, without user and password" }
        guard parts.scheme == "https" || HTTPRequest.isLoopback(host) else {
            return "a URL must be https, unless its host is 127.0.0.1, [::1] or localhost"
        }
        return nil
    }

    /// Sends one request.
    ///
    /// - Parameter path: after `/v1`, such as `/alerts`.
    func send(
        _ method: String, _ path: String, _ body: String? = nil,
        _ headers: [(name: String, value: String)]
    ) async throws(CrowdSecError) -> (status: Int, body: [UInt8]) {
        if let fault = Self.fault(of: url) { throw .unusable(fault) }
        var base = url
        while base.hasSuffix("/") { base.removeLast() }
        var connection = APIConnection(base: base + "/v1", name: url)
        connection.answerLimit = Self.answerLimit
        if let path = authoritiesFile {
            guard let bytes = try? InputFile.bytes(of: path, limit: 1 << 20) else {
                throw .unusable("\(path): cannot be read")
            }
            connection.tls.authorities = bytes
        }
        do {
            return try await connection.ask(
                method, path, body: body, headers: [("User-Agent", "lazaret/1")] + headers,
                seconds: seconds)
        } catch { throw .failed("\(method) \(url): \(error)") }
    }

    /// The one line of a file that other users must not be able to read.
    package static func secret(in path: String) throws(CrowdSecError) -> String {
        let line: [UInt8]
        do throws(SecretFault) { line = try Files.readSecretLine(path) } catch {
            throw .unusable("\(path): \(error)")
        }
        guard !line.isEmpty, line.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw .unusable("\(path): must have one line, the secret")
        }
        return String(decoding: line, as: UTF8.self)
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8], _ what: String
    ) throws(CrowdSecError) -> Value {
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw .failed("\(what): the answer is not that of a Local API")
        }
    }
}
