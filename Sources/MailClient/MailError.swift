/// Why a mail was not accepted; each reason is one line, and none contains the password.
package enum MailError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The server's URL, an address, a certificate or the message cannot be used.
    case unusable(String)
    /// No connection was possible.
    case unreachable(String)
    /// TLS is not offered, or the server's certificate is not trusted. Nothing was sent.
    case insecure(String)
    /// The server does not accept user and password.
    case denied
    /// The server's answer: 4xx is temporary, 5xx is not.
    case refused(code: Int)
    case timedOut
    /// The connection ended too early, or the answers are not SMTP.
    case broken(String)

    package var description: String {
        switch self {
        case .unusable(let reason), .unreachable(let reason), .insecure(let reason),
            .broken(let reason):
            reason
        case .denied: "the server does not accept user and password"
        case .refused(let code): "the server answers \(code)"
        case .timedOut: "timed out"
        }
    }

    /// Whether another attempt would be refused, too.
    package var isFinal: Bool {
        if case .refused(let code) = self { code >= 500 } else { false }
    }
}
