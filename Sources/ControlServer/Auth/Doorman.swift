internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// A request's context: who asks.
struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    var caller = Caller(name: "", mayAct: false)

    struct Caller: Sendable {
        /// For the audit trail.
        var name: String
        var mayAct: Bool
    }

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// A fence's request is short.
    var maxUploadSize: Int { 64 << 10 }
}

/// Lets in whom it knows, and says who it is.
struct Doorman: RouterMiddleware {
    enum Entry: Sendable {
        /// The kernel says who connects; these users may act, beside root and our own.
        case socket(Set<UInt32>)
        /// Whoever knows the token may look and act.
        case token(String)
    }

    let entry: Entry

    /// What a browser loads before anybody has typed the token, and what probes ask.
    private static let open: Set<String> = [
        "/", "/dashboard.css", "/dashboard.js", "/healthz", "/readyz",
    ]

    @concurrent func handle(
        _ request: Request, context: ControlContext,
        next: @concurrent (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        switch entry {
        case .socket(let operators):
            context.caller = try await Self.peer(of: context.channel, operators)
        case .token(let token):
            // A page of another origin may point its name at 127.0.0.1 (DNS rebinding).
            let host = request.head.authority ?? ""
            guard
                ["127.0.0.1", "localhost"].contains(
                    host.split(separator: ":").first.map(String.init))
            else {
                throw Refusal(.misdirectedRequest, "ask for 127.0.0.1 or localhost")
            }
            if Self.isKnown(request.headers[.authorization], token) {
                context.caller = .init(name: "token on loopback", mayAct: true)
            } else if !Self.open.contains(request.uri.path) {
                throw Refusal(
                    .unauthorized, "send 'Authorization: Bearer TOKEN', the token of token_file")
            }
        }
        return try await next(request, context)
    }

    /// `struct ucred` of <sys/socket.h>, which glibc shows to GNU sources only.
    private struct Peer {
        var pid: Int32
        var uid: UInt32
        var gid: UInt32
    }

    /// The process at the other end of a Unix socket (SO_PEERCRED, unix(7)).
    private static func peer(
        of channel: any Channel, _ operators: Set<UInt32>
    ) async throws -> ControlContext.Caller {
        guard let provider = channel as? any SocketOptionProvider else {
            throw Refusal(.forbidden, "nobody knows who asks")
        }
        // SAFETY: the kernel fills in this structure for this option.
        let peer: Peer = try await provider.unsafeGetSocketOption(
            level: .init(SOL_SOCKET), name: .init(SO_PEERCRED)
        ).get()
        let mayAct = peer.uid == 0 || peer.uid == geteuid() || operators.contains(peer.uid)
        return .init(name: name(of: peer.uid) ?? "uid \(peer.uid)", mayAct: mayAct)
    }

    private static func name(of uid: UInt32) -> String? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        // The longest entry that is looked at; sssd and the like have more than files.
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64 << 10) { text in
            // SAFETY: entry and text are this call's own, unlike getpwuid's, which all threads share; the name lies in
            // the text and is copied before that goes.
            let code = unsafe getpwuid_r(uid, &entry, text.baseAddress!, text.count, &found)
            guard code == 0, unsafe found != nil else { return nil }
            return unsafe String(cString: entry.pw_name)
        }
    }

    /// Compares in a time that does not tell how much of the token was right.
    private static func isKnown(_ header: String?, _ token: String) -> Bool {
        let given = Array((header ?? "").utf8)
        let wanted = Array("Bearer \(token)".utf8)
        var difference = UInt8(given.count == wanted.count ? 0 : 1)
        for index in wanted.indices {
            difference |= wanted[index] ^ (index < given.count ? given[index] : 0)
        }
        return difference == 0
    }
}

/// Why something was not done, as problem details (RFC 9457).
struct Refusal: HTTPResponseError {
    let status: HTTPResponse.Status
    let detail: String

    init(_ status: HTTPResponse.Status, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        JSONText.response(
            JSONText.object([
                ("title", JSONText.quoted(status.reasonPhrase)), ("status", "\(status.code)"),
                ("detail", JSONText.quoted(detail)),
            ]), status: status, type: "application/problem+json")
    }
}
