/// A mail for one server (RFC 5321).
package struct MailRequest: Sendable {
    /// `smtp://HOST:PORT` or `smtps://HOST:PORT`.
    package var server: String
    /// The name that this machine introduces itself by.
    package var hello = "localhost"
    /// Whether a connection by `smtp` must change to TLS (STARTTLS) before anything else is sent.
    package var requiresTLS = true
    /// The only authorities to trust, as certificates in PEM; nil: those of the system.
    package var authorities: [UInt8]?
    package var login: (user: String, password: String)?
    package var from: String
    package var recipients: [String]
    /// Header and text (RFC 5322), with CR LF at the end of each line.
    package var message: [UInt8]
    /// The time limit of the whole delivery, in milliseconds.
    package var timeoutMilliseconds = 10_000

    package init(server: String, from: String, recipients: [String], message: [UInt8]) {
        self.server = server
        self.from = from
        self.recipients = recipients
        self.message = message
    }

    /// Whether text can be the address of a sender or recipient: `local@domain`, without comments,
    /// quotes or anything else that could end a command of SMTP or a line of the header.
    package static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard text.utf8.count <= 254, (1...2).contains(parts.count) else { return false }
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "@.!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
            }
        }
        return isPlain && parts.allSatisfy { !$0.isEmpty }
    }
}
