import Foundation
import TestKit
import Testing

/// The port's two tokens, and its TLS.
@Suite(.needsKernel, .needs("curl"), .needs("openssl"))
struct RoleTests {
    private let lab: Lab
    private let scratch: Scratch
    private let acting = "a-token-to-act-0123456789"
    private let reading = "a-token-to-read-0123456789"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        try scratch.write("act", Data(acting.utf8), mode: 0o600)
        try scratch.write("read", Data(reading.utf8), mode: 0o600)
    }

    /// A monitor that learns.
    private func monitor(_ control: String) throws -> Background {
        let text = """
            interfaces: [br1]
            state: \(scratch.path("state"))
            events: \(scratch.path("eve.json"))
            control: {socket: never, port: 9787, token_file: \(scratch.path("act")), \
            read_token_file: \(scratch.path("read"))\(control)}

            """
        let file = try scratch.write("lazaret.yaml", Data(text.utf8))
        return try Background(in: lab.node.space, ["monitor", "-c", file])
    }

    private func curl(_ url: String, _ token: String?, _ more: [String] = []) -> String {
        let words =
            ["nsenter", "--net=/run/netns/\(lab.node.space.name)", "curl", "-s", "-m", "60"]
            + ["-w", "\n%{http_code}"]
            + (token.map { ["-H", "Authorization: Bearer \($0)"] } ?? []) + more
        return (try? Namespace.command(words + [url])) ?? ""
    }

    private func code(_ answer: String) -> String {
        answer.split(separator: "\n").last.map(String.init) ?? ""
    }

    private func waits(
        for url: String, _ program: Background, _ more: [String] = []
    ) throws {
        let isReady = eventually {
            !program.isRunning || code(curl(url + "/healthz", nil, more)) == "200"
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
    }

    /// Every route of the OpenAPI document, asked with the token to read.
    @Test func theTokenToReadNeverActs() throws {
        let program = try monitor("")
        let url = "http://127.0.0.1:9787"
        try waits(for: url, program)
        let document = curl(url + "/api/v1/openapi.json", reading)
        let json = document.split(separator: "\n").dropLast().joined(separator: "\n")
        let root = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let paths = try #require(root["paths"] as? [String: [String: Any]])
        var asked = 0
        for (path, operations) in paths {
            let path = path.replacing(/\{[a-z]+\}/, with: "1")
            for method in operations.keys where method != "get" {
                for body in ["{}", "", #"{"target":"192.0.2.1","mode":"observe"}"#] {
                    let answer = curl(
                        url + path, reading, ["-X", method.uppercased(), "-d", body])
                    #expect(code(answer) == "403", "\(method) \(path): \(answer)")
                }
                asked += 1
            }
        }
        #expect(asked >= 8, "\(paths.keys)")
        // It reads, and without a token nothing is read.
        for path in ["/metrics", "/api/v1/status", "/api/v1/config"] {
            #expect(code(curl(url + path, reading)) == "200")
            #expect(code(curl(url + path, nil)) == "401")
            #expect(code(curl(url + path, reading + "x")) == "401")
        }
        #expect(code(curl(url + "/api/v1/reload", acting, ["-X", "POST"])) == "202")
        // Two fields do not add up to a token.
        let both = ["-H", "Authorization: Bearer \(acting)", "-X", "POST"]
        #expect(code(curl(url + "/api/v1/reload", reading, both)) != "202")
    }

    @Test func anotherAddressSpeaksTLSOnly() throws {
        try Namespace.command([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=node", "-addext",
            "subjectAltName=IP:\(lab.node.v4)", "-keyout", scratch.path("key.pem"), "-out",
            scratch.path("cert.pem"),
        ])
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: scratch.path("key.pem"))
        let program = try monitor(
            ", listen: \(lab.node.v4), certificate: \(scratch.path("cert.pem")), "
                + "key: \(scratch.path("key.pem"))")
        let url = "https://\(lab.node.v4):9787"
        let trust = ["--cacert", scratch.path("cert.pem")]
        try waits(for: url, program, trust)
        #expect(code(curl(url + "/metrics", reading, trust)) == "200")
        #expect(code(curl(url + "/metrics", nil, trust)) == "401")
        #expect(code(curl(url + "/api/v1/reload", reading, trust + ["-X", "POST"])) == "403")
        #expect(code(curl(url + "/api/v1/reload", acting, trust + ["-X", "POST"])) == "202")
        // Not in clear, not by an old version, and not without the certificate.
        #expect(!curl("http://\(lab.node.v4):9787/metrics", reading).contains("lazaret_"))
        // The helper returns nothing where curl fails.
        #expect(curl(url + "/healthz", nil, trust + ["--tls-max", "1.1"]).isEmpty)
        #expect(curl(url + "/healthz", nil).isEmpty)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test(arguments: [
        (", listen: 10.1.1.1", "needs 'certificate' and 'key'"),
        (", listen: nowhere", "listen"), (", listen: '0.0.0.0'", "needs 'certificate'"),
        (", listen: 127.0.0.2", "needs 'certificate' and 'key'"),
        (", certificate: /nothing.pem", "need each other"),
        (", certificate: /nothing.pem, key: /nothing.pem", "cannot be read"),
    ])
    func anOpenPortWithoutTLSIsRefused(_ control: String, _ reason: String) throws {
        let program = try monitor(control)
        #expect(program.status == 2 && program.errors.contains(reason), "\(program.errors)")
    }

    /// The check of the configuration and the start agree.
    @Test func aCertificateOfAnotherKeyIsRefused() throws {
        for name in ["one", "other"] {
            try Namespace.command([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=node",
                "-keyout", scratch.path("\(name).key"), "-out", scratch.path("\(name).pem"),
            ])
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600], ofItemAtPath: scratch.path("\(name).key"))
        }
        let program = try monitor(
            ", certificate: \(scratch.path("one.pem")), key: \(scratch.path("other.key"))")
        #expect(program.status == 2 && program.errors.contains("does not belong"))
        let check = try Run("config", "check", "-c", scratch.path("lazaret.yaml"))
        #expect(check.status == 2 && check.errors.contains("does not belong"), "\(check.errors)")
        try Data("-----BEGIN CERTIFICATE-----\n".utf8).write(
            to: URL(fileURLWithPath: scratch.path("one.pem")))
        #expect(try Run("config", "check", "-c", scratch.path("lazaret.yaml")).status == 2)
    }

    @Test func oneTokenForBothIsRefused() throws {
        try scratch.write("read", Data(acting.utf8), mode: 0o600)
        let program = try monitor("")
        #expect(program.status == 2 && program.errors.contains("could act"), "\(program.errors)")
    }

    @Test func aKeyThatOthersCanReadIsRefused() throws {
        try scratch.write("cert.pem", Data("-----BEGIN CERTIFICATE-----\n".utf8))
        try scratch.write("key.pem", Data("-----BEGIN PRIVATE KEY-----\n".utf8), mode: 0o644)
        let program = try monitor(
            ", certificate: \(scratch.path("cert.pem")), key: \(scratch.path("key.pem"))")
        #expect(program.status == 2 && program.errors.contains("chmod 600"), "\(program.errors)")
    }
}
