internal import Glibc
internal import HTTPServer
public import Monitor
internal import SystemSupport
public import Settings

/// The control server of a running monitor: HTTP on a Unix socket and, if configured, on loopback.
///
/// Every user that can connect to the socket may read; to act requires root, the monitor's own
/// user, or one of `operators`. On loopback everything except the page, health and readiness
/// requires the token.
public struct ControlServer: Sendable {
    private let hub: MonitorHub
    private let socket: String?
    private let port: Int?
    private let token: String?
    private let operators: Set<UInt32>
    private let overriders: Set<UInt32>
    private let log: @Sendable (String) -> Void
    /// - Parameter log: called with one line if an error occurs while the server runs.
    /// - Throws: `IOError` if a name, a file or a path cannot be used.
    public init(
        hub: MonitorHub, options: ControlOptions, log: @escaping @Sendable (String) -> Void
    ) throws {
        self.hub = hub
        self.log = log
        socket = options.socket
        port = options.port
        operators = try options.operatorNumbers()
        overriders = try options.overriderNumbers()
        token = try options.token()
        if options.port != nil, token == nil {
            throw IOError.input(
                path: "control",
                reason: "a port needs a token_file, which must not be readable by others"
            )
        }
        if let socket { try Self.prepare(socket) }
    }

    /// Creates the socket's directory, and removes a socket that no process listens on.
    private static func prepare(_ path: String) throws {
        let folder = path.parentPath
        do {
            try makeFolders(folder, mode: 0o750)
        } catch {
            throw IOError.output(path: folder, reason: "cannot be made; name another socket")
        }
        guard path.utf8.count < 108 else {
            throw IOError.output(path: path, reason: "too long for a Unix socket (107 bytes)")
        }
        guard !isAnswered(path) else {
            throw IOError.output(
                path: path, reason: "another monitor answers there; name another socket, or never")
        }
        // SAFETY: the pointer is valid for the call.
        guard unsafe access(folder, W_OK) == 0 else {
            throw IOError.output(path: path, reason: "its directory cannot be written to")
        }
    }

    private static func isAnswered(_ path: String) -> Bool {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the path was checked to be shorter than the field, whose remaining bytes are
        // zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: path.utf8)
        }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    /// Serves until the task is cancelled, from when the monitor has locked its state directory. A
    /// monitor that does not get the lock has never served, and does not touch the other one's
    /// socket.
    public func run() async throws {
        while hub.store == nil {
            guard !Task.isCancelled else { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
        var servers: [Server] = []
        do {
            if let socket {
                servers.append(
                    try server(
                        on: .unix(socket),
                        AuthenticationMiddleware(
                            entry: .socket(operators, forcing: overriders))))
            }
            if let port, let token {
                servers.append(
                    try server(
                        on: .loopback(port: UInt16(port)),
                        AuthenticationMiddleware(entry: .token(token))))
            }
        } catch {
            log("the control server ended: \(error)")
            throw error
        }
        await withTaskGroup { group in
            for server in servers { group.addTask { await server.run() } }
        }
    }

    private func server(
        on listener: consuming Listener, _ authentication: AuthenticationMiddleware
    ) throws(ServerError) -> Server {
        let router = ControlRoutes.router(hub, authentication)
        return try Server(listener, limits: limits, name: "lazaret") {
            await router.respond(to: $0)
        }
    }

    /// Clients have at most half of the descriptors, whatever they do: the rest is for capture,
    /// firewall, ledger and events.
    private var limits: Limits {
        var limits = Limits()
        let entrances = (socket == nil ? 0 : 1) + (port == nil ? 0 : 1)
        let room = DescriptorLimit.current / 2 / max(entrances, 1)
        limits.connections = min(limits.connections, max(4, room - Limits.closing))
        limits.streams = min(limits.streams, max(2, limits.connections / 2))
        return limits
    }
}
