import Foundation
import MailClient
import TestKit
import Testing

/// Mail to a server of the test.
@Suite(.needs("python3", "openssl"))
struct MailClientTests {
    private let scratch = try! Scratch()

    private func server(
        _ security: MailServer.Security, mode: MailServer.Mode = .accept,
        names: String = "IP:127.0.0.1"
    ) throws -> MailServer {
        if security != .none {
            try Certificates("root", in: scratch.url).sign("server", names: names)
        }
        return try MailServer(in: scratch.url, security: security, mode: mode)
    }

    private func mail(
        _ scheme: String, _ server: MailServer, to recipients: [String] = ["ops@example.org"],
        _ text: String = "Subject: a\r\n\r\nb\r\n"
    ) -> MailRequest {
        var mail = MailRequest(
            server: "\(scheme)://127.0.0.1:\(server.port)", from: "lazaret@example.org",
            recipients: recipients, message: Array(text.utf8))
        mail.authorities = (try? Data(contentsOf: scratch.url.appendingPathComponent("root.crt")))
            .map { [UInt8]($0) }
        mail.hello = "gw1"
        mail.timeoutMilliseconds = 60_000
        return mail
    }

    @Test func aMailArrivesWithItsDotsAndLineEnds() throws {
        let server = try server(.none)
        let text = "Subject: a\r\n\r\nfirst\r\n.\r\n..two\r\nQUIT\r\n"
        var mail = mail("smtp", server, text)
        mail.requiresTLS = false
        try mail.send()
        #expect(server.mails == [text])
        #expect(server.commands.first == "EHLO gw1")
        #expect(server.commands.contains("MAIL FROM:<lazaret@example.org>"))
        #expect(server.commands.contains("RCPT TO:<ops@example.org>"))
    }

    @Test(arguments: [("smtp", MailServer.Security.starttls), ("smtps", .smtps)])
    func nothingButTheGreetingIsInClear(scheme: String, security: MailServer.Security) throws {
        let server = try server(security)
        var mail = mail(scheme, server)
        mail.login = ("lazaret", "a long secret")
        try mail.send()
        #expect(server.mails.count == 1)
        let clear = server.commands.filter { !$0.hasPrefix("tls ") }
        #expect(clear == (security == .starttls ? ["EHLO gw1", "STARTTLS"] : []))
        let word = Data("\0lazaret\0a long secret".utf8).base64EncodedString()
        #expect(server.commands.contains { $0.contains(word) })
    }

    /// An attacker on the way can take STARTTLS out of the answer, or show another certificate.
    @Test func withoutTrustNothingIsSent() throws {
        let plain = try server(.none)
        var mail = mail("smtp", plain)
        mail.login = ("lazaret", "a long secret")
        #expect(throws: MailError.insecure("the server does not offer TLS (STARTTLS)")) {
            try mail.send()
        }
        #expect(plain.commands.allSatisfy { $0.hasPrefix("EHLO") || $0 == "QUIT" })
        #expect(plain.mails.isEmpty)
    }

    @Test func theCertificateMustBeForTheHostAndOfTheAuthority() throws {
        let server = try server(.starttls, names: "DNS:other.example")
        var mail = mail("smtp", server)
        mail.login = ("lazaret", "a long secret")
        for authorities in [mail.authorities, nil] {
            mail.authorities = authorities
            do {
                try mail.send()
                Issue.record("the certificate was accepted")
            } catch {
                guard case .insecure = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        #expect(server.mails.isEmpty && !server.commands.contains { $0.contains("AUTH") })
    }

    @Test(arguments: [
        (MailServer.Mode.unknownRecipient, MailError.refused(code: 550), true),
        (.busy, .refused(code: 451), false), (.rejecting, .refused(code: 554), true),
        (.wrongPassword, .denied, false),
    ])
    func aRefusalIsTemporaryOrFinal(mode: MailServer.Mode, error: MailError, isFinal: Bool) throws {
        let server = try server(.none, mode: mode)
        var mail = mail("smtp", server)
        mail.requiresTLS = false
        mail.login = ("lazaret", "wrong")
        #expect(throws: error) { try mail.send() }
        #expect(error.isFinal == isFinal && !"\(error)".contains("wrong"))
        #expect(server.mails.isEmpty)
    }

    @Test func anUnknownRecipientDoesNotKeepTheMailFromTheOthers() throws {
        let server = try server(.none, mode: .onlyOps)
        var mail = mail("smtp", server, to: ["gone@example.org", "ops@example.org"])
        mail.requiresTLS = false
        try mail.send()
        #expect(server.mails.count == 1)
    }

    @Test func aServerThatIsSilentOrAwayIsAnError() throws {
        let server = try server(.none, mode: .hanging)
        var mail = mail("smtp", server)
        mail.requiresTLS = false
        mail.timeoutMilliseconds = 300
        #expect(throws: MailError.timedOut) { try mail.send() }
        // Port 9 of loopback has no server.
        mail.server = "smtp://127.0.0.1:9"
        do {
            try mail.send()
            Issue.record("somebody listens on port 9")
        } catch {
            guard case .unreachable = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    /// A line end in an address would be another command.
    @Test(arguments: [
        "a@b>\r\nRCPT TO:<c@d", "a@b\n", "a b@c", "<a@b>", "a@b@c", "@", "", "a@", "a\u{0}@b",
        "ä@b",
        "\"a\"@b",
    ])
    func whatIsNoAddressIsNotSent(text: String) throws {
        #expect(!MailRequest.isAddress(text))
        let server = try server(.none)
        for (from, to) in [(text, "a@b"), ("a@b", text)] {
            var mail = MailRequest(
                server: "smtp://127.0.0.1:\(server.port)", from: from, recipients: [to],
                message: [])
            mail.requiresTLS = false
            #expect(throws: MailError.self) { try mail.send() }
        }
        #expect(server.commands.isEmpty)
        #expect(MailRequest.isAddress("root") && MailRequest.isAddress("a.b+c@example.org"))
    }

    @Test(arguments: [
        "http://127.0.0.1", "smtp://u:p@127.0.0.1", "smtp://h/x", "smtp://", "file:///x", "",
    ])
    func otherServersAreRefused(text: String) {
        let mail = MailRequest(server: text, from: "a@b", recipients: ["a@b"], message: [])
        #expect(throws: MailError.self) { try mail.send() }
    }
}
