public import Foundation

/// A server of mail on loopback, for a test. It records what it is told and the mails that it
/// accepts, and does as the file `mode` says.
public final class MailServer {
    public enum Security: String, Sendable { case none, starttls, smtps }

    public enum Mode: String, Sendable {
        case accept
        /// Answers to a recipient, to the data, or to a login.
        case unknownRecipient = "rcpt550"
        case busy = "data451"
        case rejecting = "data554"
        case wrongPassword = "auth535"
        /// Of recipients only those that begin with `ops`.
        case onlyOps = "onlyops"
        /// Never answers.
        case hanging = "hang"
    }

    private let folder: URL
    private let server: PythonServer

    /// - Parameter folder: has `server.crt` and `server.key`, if there is TLS.
    public init(in folder: URL, security: Security = .none, mode: Mode = .accept) throws {
        self.folder = folder
        try Data(mode.rawValue.utf8).write(to: folder.appendingPathComponent("mode"))
        server = try PythonServer(Self.script, [folder.path, security.rawValue])
    }

    public var port: String { server.firstLine }

    public func set(_ mode: Mode) throws {
        try Data(mode.rawValue.utf8).write(
            to: folder.appendingPathComponent("mode"), options: .atomic)
    }

    /// The commands of all connections; what came by TLS begins with `tls `.
    public var commands: [String] {
        let file = folder.appendingPathComponent("commands")
        let text = try? String(contentsOf: file, encoding: .utf8)
        return (text ?? "").split(separator: "\n").map(String.init)
    }

    /// The accepted mails, as they came.
    public var mails: [String] {
        (0..<1000).lazy.map { number -> String? in
            try? String(
                contentsOf: self.folder.appendingPathComponent("mail-\(number)"), encoding: .utf8)
        }.prefix { $0 != nil }.compactMap { $0 }
    }

    /// The lines of a mail's header, and its decoded text.
    public static func parts(of mail: String) -> (header: [String], text: String) {
        let parts = mail.components(separatedBy: "\r\n\r\n")
        let body = parts.dropFirst().joined().filter { !$0.isWhitespace }
        let text = Data(base64Encoded: body).map { String(decoding: $0, as: UTF8.self) }
        return (parts[0].components(separatedBy: "\r\n"), text ?? "")
    }

    private static let script = #"""
        import os, socket, ssl, sys, threading, time
        folder, security = sys.argv[1], sys.argv[2]
        lock, count = threading.Lock(), [0]
        def mode(): return open(folder + "/mode").read()
        def context():
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            made.load_cert_chain(folder + "/server.crt", folder + "/server.key")
            return made
        def serve(link):
            isSafe = security == "smtps"
            if isSafe: link = context().wrap_socket(link, server_side=True)
            lines = link.makefile("rb")
            def say(text): link.sendall((text + "\r\n").encode())
            if mode() == "hang": time.sleep(600)
            say("220 test ESMTP")
            while True:
                line = lines.readline()
                if not line: return
                line = line.decode("latin-1").rstrip("\r\n")
                with lock, open(folder + "/commands", "a") as log:
                    log.write(("tls " if isSafe else "") + line + "\n")
                verb = line.split(" ")[0].upper()
                if verb == "EHLO":
                    if security == "starttls" and not isSafe: say("250-STARTTLS")
                    say("250-AUTH PLAIN"); say("250 8BITMIME")
                elif verb == "STARTTLS":
                    say("220 go")
                    link = context().wrap_socket(link, server_side=True)
                    lines, isSafe = link.makefile("rb"), True
                elif verb == "AUTH":
                    if len(line.split(" ")) < 3:
                        say("334 ")
                        line = lines.readline().decode().strip()
                        with lock, open(folder + "/commands", "a") as log:
                            log.write(("tls " if isSafe else "") + line + "\n")
                    say("535 no" if mode() == "auth535" else "235 yes")
                elif verb == "RCPT":
                    isKnown = mode() != "rcpt550" and (mode() != "onlyops" or "<ops" in line)
                    say("250 yes" if isKnown else "550 unknown")
                elif verb == "DATA":
                    say("354 go")
                    mail = b""
                    while True:
                        line = lines.readline()
                        if not line: return
                        if line == b".\r\n": break
                        mail += line[1:] if line.startswith(b".") else line
                    if mode().startswith("data"):
                        say(mode()[4:] + " not now")
                        continue
                    with lock:
                        with open(folder + "/mail", "wb") as file: file.write(mail)
                        os.rename(folder + "/mail", folder + "/mail-%d" % count[0])
                        count[0] += 1
                    say("250 taken")
                elif verb == "QUIT":
                    say("221 bye"); return
                else: say("250 yes")
        def run(link):
            try: serve(link)
            except OSError: pass
            finally: link.close()
        server = socket.create_server(("127.0.0.1", 0))
        print(server.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=run, args=(server.accept()[0],), daemon=True).start()
        """#
}
