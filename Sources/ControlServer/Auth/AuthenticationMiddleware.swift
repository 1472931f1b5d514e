internal import Digests
internal import Glibc
internal import HTTPServer

/// The sender of a request.
struct Caller: Sendable {
    /// The name in the audit trail.
    var name: String
    var mayAct: Bool
    /// Whether the caller may fence protected targets.
    var mayForce = false
    /// Whether the caller may name another user as the one who decided.
    var isRoot = false

    /// The actor in the audit trail.
    func actor(_ other: String?) -> String { isRoot ? other ?? name : name }
}

/// Identifies the sender of a request, and refuses unknown callers.
struct AuthenticationMiddleware: Sendable {
    enum Entry: Sendable {
        /// Users that the kernel reports for a connection and that may act, besides root and the
        /// monitor's own user. Users who may override protection, besides root, may act too.
        case socket(Set<UInt32>, forcing: Set<UInt32> = [])
        /// A client that sends the token may read and act; one that sends the other token may only
        /// read. By TLS, any name of this host will do: the certificate proves it.
        case token(String, reading: String? = nil, isEncrypted: Bool = false)
    }

    let entry: Entry
    var guesses = TokenGuesses()

    /// Paths that need no token: the page itself, and the health checks of supervisors.
    private static let publicPaths = Set(
        ControlRoutes.operations.filter { $0.access == .anyone }.map(\.path))

    /// - Throws: 401 or 403 where the caller is unknown, 421 where the request is for another host,
    ///   429 where the caller guesses tokens.
    func authenticate(_ request: Request) throws(ProblemDetails) -> Caller {
        switch entry {
        case .socket(let operators, let forcing):
            guard let uid = request.peer?.uid else {
                throw ProblemDetails(.forbidden, "the caller is unknown")
            }
            let mayForce = uid == 0 || forcing.contains(uid)
            let mayAct = mayForce || uid == geteuid() || operators.contains(uid)
            return Caller(
                name: Self.name(of: uid) ?? "uid \(uid)", mayAct: mayAct, mayForce: mayForce,
                isRoot: uid == 0)
        case .token(let token, let reading, let isEncrypted):
            // A page of another origin can point its host name at 127.0.0.1 (DNS rebinding).
            let host = request.authority.map(Self.host)
            guard isEncrypted || ["127.0.0.1", "localhost", "[::1]"].contains(host) else {
                throw ProblemDetails(.misdirected, "ask for 127.0.0.1 or localhost")
            }
            let header = request.headers["Authorization"]
            let isKnown = try guesses.admit(header, from: request.user) { header in
                let mayAct = Self.isKnown(header, token)
                return reading.map { Self.isKnown(header, $0) } ?? false || mayAct
            }
            if isKnown, let header {
                let place = isEncrypted ? "the port" : "loopback"
                return Self.isKnown(header, token)
                    ? Caller(name: "token on \(place)", mayAct: true)
                    : Caller(name: "the token of read_token_file", mayAct: false)
            }
            guard Self.publicPaths.contains("/" + request.path.joined(separator: "/")) else {
                throw ProblemDetails(
                    .unauthorized,
                    (header == nil ? "" : "that is no token of this node; ")
                        + "send 'Authorization: Bearer TOKEN', the token of token_file")
            }
            return Caller(name: "", mayAct: false)
        }
    }

    /// The host of `HOST:PORT`; an IPv6 address keeps its brackets.
    private static func host(_ authority: String) -> String {
        guard authority.hasPrefix("[") else {
            return authority.split(separator: ":").first.map(String.init) ?? ""
        }
        return authority.firstIndex(of: "]").map { String(authority[...$0]) } ?? authority
    }

    /// The name of a user; nil where it has none.
    static func name(of uid: UInt32) -> String? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        // The longest entry that is read; sssd and others have longer ones than files.
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64 << 10) { text in
            // SAFETY: entry and text are local, unlike getpwuid's, which all threads share; the
            // name is in the text and is copied before that is freed.
            let code = unsafe getpwuid_r(uid, &entry, text.baseAddress!, text.count, &found)
            guard code == 0, unsafe found != nil else { return nil }
            return unsafe String(cString: entry.pw_name)
        }
    }

    private static func isKnown(_ header: String, _ token: String) -> Bool {
        let given = Array(header.utf8)
        let wanted = Array("Bearer \(token)".utf8)
        return isEqualInConstantTime(given.span, wanted.span)
    }
}
