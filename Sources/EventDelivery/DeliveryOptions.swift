public import Events
internal import FoundationEssentials

/// Where events go beside the event file, and when that file begins anew.
public struct DeliveryOptions: Sendable, Equatable {
    /// When the event file becomes `FILE.1`; nil: never.
    public var rotation: Rotation? = Rotation()
    public var syslog: SyslogOptions?
    public var webhook: WebhookOptions?

    /// Rotation of the event file by its size.
    public struct Rotation: Sendable, Equatable {
        /// Bytes that the file does not outgrow.
        public var size = 100 << 20
        /// How many old files stay.
        public var kept = 7

        public init() {}
    }

    public init() {}
}

/// A syslog server, spoken to as RFC 5424 says.
public struct SyslogOptions: Sendable, Equatable {
    /// Where it listens.
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
    public var kinds: Set<Event.Kind> = [.alert, .quarantine]

    public init(_ address: Address) { self.address = address }
}

/// An HTTP server that takes events.
public struct WebhookOptions: Sendable, Equatable {
    /// `http` or `https`, without user or password.
    public var url: String
    /// File with the key of the signature; nil: bodies are not signed.
    public var secretFile: String?
    public var kinds: Set<Event.Kind> = [.alert, .quarantine]
    /// Bytes that undelivered events may take on disk.
    public var spoolBytes = 64 << 20
    /// How long an answer may take.
    public var timeoutSeconds = 10

    public init(url: String) { self.url = url }

    /// Whether the URL is one that events can be sent to, and holds no password.
    public var isUsable: Bool {
        guard let parts = URL(string: url), let host = parts.host else { return false }
        return !host.isEmpty && (parts.scheme == "https" || parts.scheme == "http")
            && parts.user == nil && parts.password == nil
    }

    /// Whether the secret can be read, where one is named.
    public func checkSecret() throws(DeliveryError) { _ = try Webhook.key(self) }
}
