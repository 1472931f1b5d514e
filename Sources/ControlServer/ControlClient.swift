internal import FoundationEssentials
internal import Glibc
internal import HTTPClient
internal import Settings
public import StatusReport
internal import SystemPackage
internal import SystemSupport
import Monitor

/// The reason why a request to a running monitor failed.
public enum ControlError: Error, Sendable, CustomStringConvertible {
    /// There is no server on the socket.
    case unreachable(socket: String, reason: String)
    /// The caller may not connect.
    case notPermitted(socket: String)
    /// The server is not the monitor; nothing was sent.
    case impostor(socket: String, user: String)
    /// The monitor answers, but refuses or fails the request.
    case refused(String)

    public var description: String {
        switch self {
        case .unreachable(let socket, let reason):
            "\(socket): \(reason); is 'lazaret monitor' running, with this control.socket?"
        case .notPermitted(let socket):
            """
            \(socket): permission denied; root and the members of the socket's group may ask the \
            monitor
            """
        case .impostor(let socket, let user):
            "\(socket): user \(user) listens there, who is neither root nor you nor the owner of "
                + """
                its directory; nothing was sent. If the monitor runs as that user, say so in \
                the 
                """
                + "configuration (user:), or put the socket into a directory of that user"
        case .refused(let why): why
        }
    }
}

/// Sends requests to a running monitor over its Unix socket, for the command line.
public struct ControlClient: Sendable {
    public let socket: String
    /// The users that the monitor may run as.
    private let users: [UInt32]

    /// Connects only to a monitor of root, of this user, of the owner of the socket's directory, or
    /// of `user`: any other server has replaced the socket.
    ///
    /// - Parameter user: the user name in the configuration; nil: none.
    public init(socket: String, user: String? = nil) {
        self.socket = socket
        var users: [UInt32] = [0, geteuid()]
        let folder = socket.parentPath
        if let facts = try? Files.status(folder.isEmpty ? "." : folder) {
            users.append(facts.userID.rawValue)
        }
        if let number = user.flatMap(ControlOptions.number(ofUser:)) { users.append(number) }
        self.users = users
    }

    /// The status of the monitor.
    public func status(timeout: Duration = .seconds(10)) async throws -> MonitorStatus {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let bytes = try await get("/api/v1/status", timeout: timeout)
        return try decoder.decode(MonitorStatus.self, from: Data(bytes))
    }

    /// The body of any path as text.
    public func get(
        _ path: String, timeout: Duration = .seconds(10)
    ) async throws -> [UInt8] {
        try await ask(path, timeout: timeout) { try await $0.collect(upTo: 256 << 20) }
    }

    /// Sends a command.
    ///
    /// - Parameter json: the request's body.
    /// - Returns: the response's body.
    func post(_ path: String, _ json: String) async throws -> [UInt8] {
        try await ask(path, body: Array(json.utf8), timeout: .seconds(60)) {
            try await $0.collect(upTo: 256 << 20)
        }
    }

    /// The event that a stream sends in place of events that the client was too slow to read.
    static let missedKind = "missed"

    private struct Missed: Decodable { var missed: Int }

    /// Streams events until the monitor ends.
    ///
    /// - Parameters:
    ///   - body: receives one EVE line at a time.
    ///   - missed: receives the number of events that the client was too slow to read.
    public func follow(
        _ body: (String) throws -> Void, missed: (Int) throws -> Void
    ) async throws {
        try await ask("/api/v1/events/stream", timeout: nil) { response in
            var rest: [UInt8] = []
            var kind: Substring = ""
            while let part = try await response.next() {
                rest += part
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest.removeSubrange(...end)
                    if line.hasPrefix("event: ") { kind = line.dropFirst(7) }
                    guard line.hasPrefix("data: ") else { continue }
                    let data = String(line.dropFirst(6))
                    if kind == Self.missedKind {
                        try missed(
                            try JSONDecoder().decode(Missed.self, from: Data(data.utf8)).missed)
                    } else {
                        try body(data)
                    }
                }
            }
        }
    }

    private struct ProblemDetails: Decodable { var detail: String }

    private func ask<Value>(
        _ path: String, body content: [UInt8]? = nil, timeout: Duration?,
        _ body: (HTTPResponse) async throws -> Value
    ) async throws -> Value {
        var request = HTTPRequest(url: "http://localhost" + path, socket: socket)
        request.peers = users
        request.body = content
        if content != nil { request.headers = [("Content-Type", "application/json")] }
        request.timeout = timeout
        var isAnswered = false
        do {
            return try await request.withResponse { response in
                isAnswered = true
                guard response.status < 300 else {
                    let bytes = try await response.collect(upTo: 1 << 20)
                    let problem = try? JSONDecoder().decode(ProblemDetails.self, from: Data(bytes))
                    throw ControlError.refused(
                        problem?.detail ?? "the monitor answers \(response.status)")
                }
                return try await body(response)
            }
        } catch HTTPError.cancelled {
            throw CancellationError()
        } catch HTTPError.untrusted(let user) {
            throw ControlError.impostor(
                socket: socket, user: AuthenticationMiddleware.name(of: user) ?? "\(user)")
        } catch is HTTPError {
            throw isAnswered
                ? .unreachable(socket: socket, reason: "the answer broke off") : whyUnreachable()
        }
    }

    private func whyUnreachable() -> ControlError {
        do { try Files.checkAccess(socket, R_OK | W_OK) } catch .permissionDenied, .notPermitted {
            return .notPermitted(socket: socket)
        } catch {
            return .unreachable(socket: socket, reason: "\(error)")
        }
        return .unreachable(socket: socket, reason: "no answer")
    }
}
