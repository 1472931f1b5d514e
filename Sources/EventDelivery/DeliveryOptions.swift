public import Events
internal import FoundationEssentials

/// The sinks in addition to the event file, and the rotation of that file.
public struct DeliveryOptions: Sendable, Equatable {
    /// The kinds of events that are written to the event file.
    public var fileKinds: Set<Event.Kind> = [.alert, .quarantine, .response]
    /// When the event file is renamed to `FILE.1`; nil: never.
    public var rotation: Rotation? = Rotation()
    public var syslog: SyslogOptions?
    public var webhook: WebhookOptions?
    /// The people to notify.
    public var notify: [NotifyEntry] = []

    /// Rotation of the event file by its size.
    public struct Rotation: Sendable, Equatable {
        /// The most bytes of a file.
        public var size = 100 << 20
        /// How many old files are kept.
        public var kept = 7

        public init() {}
    }

    public init() {}
}

/// A syslog server (RFC 5424).
public struct SyslogOptions: Sendable, Equatable {
    /// The address of the server.
    public enum Address: Sendable, Equatable, CustomStringConvertible {
        /// A datagram socket of this machine, such as `/dev/log`.
        case unix(path: String)
        /// RFC 5426.
        case udp(host: String, port: UInt16)
        /// RFC 6587, with octet counting.
        case tcp(host: String, port: UInt16)

        /// Reads `unix:PATH`, `udp:HOST:PORT` or `tcp:HOST:PORT`; IPv6 in brackets.
        public init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            if parts[0] == "unix" {
                guard parts[1].hasPrefix("/"), parts[1].utf8.count < 108 else { return nil }
                self = .unix(path: String(parts[1]))
                return
            }
            guard let colon = parts[1].lastIndex(of: ":"),
                let port = UInt16(parts[1][parts[1].index(after: colon)...]), port > 0
            else { return nil }
            var host = parts[1][..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty else { return nil }
            switch parts[0] {
            case "udp": self = .udp(host: String(host), port: port)
            case "tcp": self = .tcp(host: String(host), port: port)
            default: return nil
            }
        }

        public var description: String {
            func text(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
            return switch self {
            case .unix(let path): "unix:\(path)"
            case .udp(let host, let port): "udp:\(text(host)):\(port)"
            case .tcp(let host, let port): "tcp:\(text(host)):\(port)"
            }
        }
    }

    /// The facilities of RFC 5424, in the order of their numbers.
    public static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "console", "clock",
        "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ]

    public var address: Address
    /// One of `facilities`.
    public var facility = "local0"
    public var kinds: Set<Event.Kind> = [.alert, .quarantine, .response]

    public init(_ address: Address) { self.address = address }
}

/// An HTTP server that receives events.
public struct WebhookOptions: Sendable, Equatable {
    /// `http` or `https`, without user or password.
    public var url: String
    /// The file with the key of the signature; nil: bodies are not signed.
    public var secretFile: String?
    public var kinds: Set<Event.Kind> = [.alert, .quarantine, .response]
    /// The most bytes of undelivered events on disk.
    public var spoolBytes = 64 << 20
    /// The timeout of a request.
    public var timeoutSeconds = 10

    public init(url: String) { self.url = url }

    /// Whether events can be sent to the URL, and it contains no password.
    public var isUsable: Bool {
        guard let parts = URL(string: url), let host = parts.host else { return false }
        return !host.isEmpty && (parts.scheme == "https" || parts.scheme == "http")
            && parts.user == nil && parts.password == nil
    }

    /// Checks that the secret can be read, if one is configured.
    public func checkSecret() throws(DeliveryError) { _ = try Webhook.key(self) }
}
