/// Why a request had no answer, or an incomplete one; each reason is one line.
package enum HTTPError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The URL, a header, a certificate or the key cannot be used.
    case unusable(String)
    /// No connection was possible: the name is unknown, or no server listens.
    case unreachable(String)
    /// The TLS handshake failed, usually because the server's certificate is not trusted.
    case insecure(String)
    /// A user that is not in the list listens on the Unix socket; nothing was sent.
    case untrusted(user: UInt32)
    /// The connection, the whole answer or the next part of it took too long.
    case timedOut(String)
    /// The body or the header of the answer is larger than this, in bytes.
    case tooLarge(limit: Int)
    /// The connection ended too early, or the answer is not HTTP.
    case broken(String)
    /// The task was cancelled.
    case cancelled

    package var description: String {
        switch self {
        case .unusable(let reason), .unreachable(let reason), .insecure(let reason),
            .timedOut(let reason), .broken(let reason):
            reason
        case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
        case .untrusted(let user): "user \(user) listens there"
        case .cancelled: "cancelled"
        }
    }
}
