internal import Events
internal import FoundationEssentials
internal import HTTPClient
internal import MailClient
internal import SystemSupport
internal import TextFormats
public import Timestamps

/// People to notify, and how: one entry of `notify`.
public struct NotifyEntry: Sendable, Equatable {
    public enum Kind: String, CaseIterable, Sendable {
        /// Alertmanager, API version 2.
        case alertmanager
        /// An incoming webhook.
        case slack, mattermost
        /// SMTP.
        case email

        var isChat: Bool { self == .slack || self == .mattermost }
    }

    /// The least severity of what is notified.
    public enum Level: String, CaseIterable, Sendable {
        case high, medium, low

        func includes(_ severity: Event.Severity) -> Bool {
            let least: Event.Severity =
                switch self {
                case .high: .high
                case .medium: .medium
                case .low: .low
                }
            return severity.rawValue <= least.rawValue
        }
    }

    /// Unique among the entries.
    public var name = ""
    public var kind = Kind.email
    public var level = Level.medium
    /// Of Alertmanager, without `/api/v2/alerts`.
    public var url: String?
    /// A file with the URL, which is a secret for a chat.
    public var urlFile: String?
    /// `smtp://HOST:PORT` or `smtps://HOST:PORT`.
    public var server: String?
    public var from: String?
    public var recipients: [String] = []
    public var user: String?
    public var passwordFile: String?
    /// A file with the only authorities to trust; nil: those of the system.
    public var authoritiesFile: String?
    /// How long a message waits for more of the same minute.
    public var wait = Interval.seconds(5)
    /// The least time between two messages.
    public var interval = Interval.seconds(60)
    /// After this long, what continues is told again.
    public var repeats = Interval.seconds(3600)
    public var timeout = Interval.seconds(10)

    public init() {}

    /// The name of the sink for the operator.
    public var title: String { "notify \(name) (\(kind.rawValue))" }

    /// Whether an event is notified. A fence and its end are, whatever the severity.
    func includes(_ brief: EventBrief) -> Bool {
        if let change = brief.change, change.action != .refuse || change.failure != nil {
            return true
        }
        return level.includes(brief.severity)
    }

    // MARK: - Faults

    /// The most entries: each has a thread.
    static let countLimit = 16
    static let recipientLimit = 50

    /// What is wrong with the entries, each as one line; no line has a URL.
    public static func faults(in entries: [NotifyEntry]) -> [String] {
        EntryNames.faults(in: entries.map(\.name), limit: countLimit)
            + entries.flatMap { entry in
                entry.faults.map { "'\(entry.name.printable)': \($0)" }
            }
    }

    private var faults: [String] {
        let given = [
            ("url", url != nil), ("url_file", urlFile != nil), ("server", server != nil),
            ("from", from != nil), ("recipients", !recipients.isEmpty), ("user", user != nil),
            ("password_file", passwordFile != nil),
        ].filter(\.1).map(\.0)
        let allowed: Set<String> =
            switch kind {
            case .alertmanager: ["url", "url_file", "user", "password_file"]
            case .slack, .mattermost: ["url_file"]
            case .email: ["server", "from", "recipients", "user", "password_file"]
            }
        var faults: [String] = []
        for key in given where !allowed.contains(key) {
            faults.append(
                key == "url" && kind.isChat
                    ? "the URL of a webhook is a secret: write it to a file and name that as "
                        + "'url_file'"
                    : "'\(key)' is not for 'type: \(kind.rawValue)'")
        }
        for path in [urlFile, passwordFile, authoritiesFile] {
            if let path, !path.hasPrefix("/") { faults.append("\(path): not an absolute path") }
        }
        if (user == nil) != (passwordFile == nil) {
            faults.append("'user' and 'password_file' need each other")
        }
        if let user, user.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x3A }) {
            faults.append("'user' has a colon or control characters")
        }
        return faults + (kind == .email ? mailFaults : urlFaults)
    }

    private var urlFaults: [String] {
        guard url != nil || urlFile != nil else {
            return [kind == .alertmanager ? "'url' is missing" : "'url_file' is missing"]
        }
        guard url == nil || urlFile == nil else { return ["'url' or 'url_file', not both"] }
        guard let url, kind == .alertmanager else { return [] }
        return [fault(ofURL: url)].compactMap { $0 }
    }

    private var mailFaults: [String] {
        var faults: [String] = []
        if let server {
            if Self.mailHost(server) == nil {
                faults.append(
                    "'server' must be smtp://HOST:PORT (with STARTTLS) or smtps://HOST:PORT")
            }
        } else {
            faults.append("'server' is missing")
        }
        if from == nil { faults.append("'from' is missing") }
        if recipients.isEmpty { faults.append("'recipients' is missing") }
        if recipients.count > Self.recipientLimit {
            faults.append("more than \(Self.recipientLimit) recipients")
        }
        for address in [from].compactMap(\.self) + recipients
        where !MailRequest.isAddress(address) {
            faults.append("'\(address)' is no address such as ops@example.org")
        }
        return faults
    }

    /// Why a URL cannot be used; nil if it can. The text does not have the URL.
    func fault(ofURL text: String) -> String? {
        guard let parts = URL(string: text), let host = parts.host, !host.isEmpty,
            ["http", "https"].contains(parts.scheme ?? ""), parts.user == nil,
            parts.password == nil, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return "a URL is https://HOST/PATH, without user and password" }
        guard parts.scheme == "http", !HTTPRequest.isLoopback(host) else { return nil }
        if kind.isChat { return "the URL must be https, unless its host is 127.0.0.1 or ::1" }
        return passwordFile == nil ? nil : "the password needs https"
    }

    /// The host of a server of mail; nil if the text is none.
    static func mailHost(_ server: String) -> String? {
        guard let parts = URL(string: server), let host = parts.host, !host.isEmpty,
            ["smtp", "smtps"].contains(parts.scheme ?? ""), parts.user == nil,
            parts.password == nil, parts.path.isEmpty, parts.query == nil, parts.fragment == nil
        else { return nil }
        return host
    }

    /// Whether a connection in clear must change to TLS: always, except to a server of this machine
    /// for which no authority is named.
    var requiresTLS: Bool {
        authoritiesFile != nil || !HTTPRequest.isLoopback(server.flatMap(Self.mailHost) ?? "")
    }

    // MARK: - Files

    /// Checks that the files it names can be used.
    ///
    /// - Throws: the file and what is wrong with it; never its content.
    public func checkFiles() throws(DeliveryError) {
        if kind != .email { _ = try target() }
        _ = try password()
        _ = try authorities()
    }

    /// The URL.
    func target() throws(DeliveryError) -> String {
        guard let urlFile else { return url ?? "" }
        let text = try Self.secret(in: urlFile)
        if let fault = fault(ofURL: text) { throw DeliveryError(sink: urlFile, reason: fault) }
        return text
    }

    func password() throws(DeliveryError) -> String? {
        try passwordFile.map { path throws(DeliveryError) in try Self.secret(in: path) }
    }

    func authorities() throws(DeliveryError) -> [UInt8]? {
        guard let authoritiesFile else { return nil }
        guard let bytes = try? InputFile.bytes(of: authoritiesFile, limit: 1 << 20),
            String(decoding: bytes, as: UTF8.self).contains("CERTIFICATE-----")
        else {
            throw DeliveryError(sink: authoritiesFile, reason: "holds no CERTIFICATE in PEM")
        }
        return bytes
    }

    /// The one line of a file that other users must not be able to read.
    private static func secret(in path: String) throws(DeliveryError) -> String {
        let line: [UInt8]
        do throws(SecretFault) { line = try Files.readSecretLine(path) } catch {
            throw DeliveryError(sink: path, reason: "\(error)")
        }
        guard !line.isEmpty, line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw DeliveryError(sink: path, reason: "must have one line, the secret")
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Whether what is sent can be read on the way.
    public var isInClear: Bool {
        guard kind == .alertmanager, let text = try? target(), let parts = URL(string: text) else {
            return false
        }
        return parts.scheme == "http" && !HTTPRequest.isLoopback(parts.host ?? "")
    }

    /// The entry for those who may only read: of a URL only the host.
    public var masked: NotifyEntry {
        var shown = self
        if let url, let parts = URL(string: url), parts.path.count > 1 || parts.query != nil {
            let port = parts.port.map { ":\($0)" } ?? ""
            shown.url = "\(parts.scheme ?? "https")://\(parts.host ?? "")\(port)/***"
        }
        return shown
    }
}
