import Foundation
import HTTPClient
import TestKit
import Testing

@Suite(
    .enabled(if: PythonServer.isAvailable && Certificates.isAvailable), .timeLimit(.minutes(20)))
struct TLSTests {
    private let scratch = try! Scratch()
    private let ours: Certificates

    init() throws {
        ours = try Certificates("ours", in: scratch.url)
        try ours.sign("server", names: "IP:127.0.0.1")
    }

    private func expectInsecure(_ request: HTTPRequest, _ words: String) async throws {
        let error = try await failure(request)
        guard case .insecure(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains(words) && !reason.contains("\n"), "\(reason)")
    }

    @Test func aServerWithAValidCertificateIsTrusted() async throws {
        let server = try Server(certificate: "server", in: scratch.url)
        var request = server.request("/hello")
        request.tls.authorities = try ours.bytes("ours.crt")
        #expect(try await text(request.answer(upTo: 10).body) == "hello")
        #expect(try await text(request.answer(upTo: 10).body) == "hello")
    }

    @Test func aServerOfAnotherAuthorityIsNotTrusted() async throws {
        let server = try Server(certificate: "server", in: scratch.url)
        var request = server.request("/hello")
        // The system does not trust it.
        try await expectInsecure(request, "certificate")
        request.tls.authorities = try Certificates("others", in: scratch.url).bytes("others.crt")
        try await expectInsecure(request, "certificate")
        // A connection without verification is not reused for requests with verification.
        request.tls.verifies = false
        #expect(try await text(request.answer(upTo: 10).body) == "hello")
        request.tls.verifies = true
        try await expectInsecure(request, "certificate")
    }

    @Test func aServerWithAnotherNameIsNotTrusted() async throws {
        try ours.sign("other", names: "DNS:other.invalid,IP:127.0.0.2")
        let server = try Server(certificate: "other", in: scratch.url)
        var request = server.request("/hello")
        request.tls.authorities = try ours.bytes("ours.crt")
        try await expectInsecure(request, "127.0.0.1")
    }

    @Test func theClientCertificateIsSent() async throws {
        try ours.sign("admin", names: "DNS:admin")
        let server = try Server(certificate: "server", in: scratch.url)
        var request = server.request("/who")
        request.tls.authorities = try ours.bytes("ours.crt")
        #expect(try await text(request.answer(upTo: 10_000).body) == "nobody")
        request.tls.certificate = try ours.bytes("admin.crt")
        request.tls.key = try ours.bytes("admin.key")
        #expect(try await text(request.answer(upTo: 10_000).body).contains("'admin'"))
        // A connection is not reused for another client certificate.
        request.tls.certificate = nil
        #expect(try await text(request.answer(upTo: 10_000).body) == "nobody")
    }

    @Test func unusableCertificatesAndKeysAreReported() async throws {
        try ours.sign("admin", names: "DNS:admin")
        try ours.run("ec -in admin.key -aes128 -passout pass:word -out locked.key")
        let server = try Server(certificate: "server", in: scratch.url)
        var request = server.request("/who")
        request.tls.authorities = Array("none".utf8)
        var errors = [try await failure(request)]
        request.tls.authorities = try ours.bytes("ours.crt")
        request.tls.certificate = try ours.bytes("admin.crt")
        // The key of another certificate; a key with a passphrase, which must not be prompted for;
        // no key.
        for key in [try ours.bytes("server.key"), try ours.bytes("locked.key"), []] {
            request.tls.key = key
            errors.append(try await failure(request))
        }
        for error in errors {
            guard case .unusable(let reason) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(!reason.isEmpty && !reason.contains("word"), "\(reason)")
        }
    }
}
