public import Logging
internal import Glibc
internal import HTTPServer
public import Monitor
import StatusReport
internal import SystemPackage
internal import SystemSupport
public import Settings

/// The control server of a running monitor: HTTP on a Unix socket and, if configured, on a TCP
/// port.
///
/// Every user that can connect to the socket may read; to act requires root, the monitor's own
/// user, or one of `operators`. On the port everything except the page, health and readiness
/// requires a token: one to act, or one to read.
public struct ControlServer: Sendable {
    private let hub: MonitorHub
    private let socket: String?
    private let port: Int?
    private let token: String?
    private let readToken: String?
    private let address: String
    private let tls: TLSIdentity?
    private let operators: Set<UInt32>
    private let overriders: Set<UInt32>
    private let logger: Logger
    /// - Parameter logger: logs for the operator.
    /// - Throws: `IOError` if a name, a file or a path cannot be used.
    public init(
        hub: MonitorHub, options: ControlOptions, logger: Logger
    ) throws {
        self.hub = hub
        self.logger = logger
        socket = options.socket
        port = options.port
        operators = try options.operatorNumbers()
        overriders = try options.overriderNumbers()
        token = try options.token()
        readToken = try options.readToken()
        address = "\(options.address)"
        tls = try options.identity().map { TLSIdentity(certificate: $0.certificate, key: $0.key) }
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
            try Files.makeFolders(folder, permissions: FilePermissions(rawValue: 0o750))
        } catch {
            throw IOError.output(path: folder, reason: "cannot be made; name another socket")
        }
        guard path.utf8.count < 108 else {
            throw IOError.output(path: path, reason: "too long for a Unix socket (107 bytes)")
        }
        // A socket of another user is not a monitor's: it is replaced, or reported until it is
        // gone.
        guard !isOwn(path) || (try? UnixListener.isServed(path)) != true else {
            throw IOError.output(
                path: path, reason: "another monitor answers there; name another socket, or never")
        }
        do { try Files.checkWritable(folder) } catch {
            throw IOError.output(path: path, reason: "its directory cannot be written to")
        }
    }

    /// Whether the file at the path belongs to root or to this user.
    private static func isOwn(_ path: String) -> Bool {
        guard let owner = try? Files.status(path, followsLink: false).userID.rawValue else {
            return false
        }
        return owner == 0 || owner == geteuid()
    }

    /// Serves from when the monitor has locked its state directory until the task is cancelled. A
    /// monitor that cannot lock it never serves, and leaves the other monitor's socket alone.
    public func run() async {
        while hub.store == nil {
            guard !Task.isCancelled else { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
        await withTaskGroup { group in
            if let socket {
                let entrance = entrance(
                    .socket(socket), entry: .socket(operators, forcing: overriders))
                group.addTask { await entrance.run() }
            }
            if let port, let token {
                let entrance = entrance(
                    .port(address, UInt16(port), tls: tls),
                    entry: .token(token, reading: readToken, isEncrypted: tls != nil))
                group.addTask { await entrance.run() }
            }
        }
    }

    private func entrance(
        _ place: Entrance.Place, entry: AuthenticationMiddleware.Entry
    ) -> Entrance {
        let guesses = TokenGuesses(log: { [logger] in logger.warning("\($0)") }) { [hub] counts in
            hub.report(entrance: place.name, address: place.address) { entrance in
                entrance.wrongTokens = counts.wrong
                entrance.refusedTokens = counts.refused
            }
        }
        let router = ControlRoutes.router(
            hub, AuthenticationMiddleware(entry: entry, guesses: guesses))
        return Entrance(place: place, limits: limits, hub: hub, logger: logger) {
            await router.respond(to: $0)
        }
    }

    /// Clients have at most half of the descriptors: the rest is for capture, firewall, ledger and
    /// events.
    private var limits: Limits {
        var limits = Limits()
        let entrances = (socket == nil ? 0 : 1) + (port == nil ? 0 : 1)
        let room = DescriptorLimit.current / 2 / max(entrances, 1)
        limits.connections = min(limits.connections, max(4, room - Limits.closing))
        limits.streams = min(limits.streams, max(2, limits.connections / 2))
        return limits
    }
}
