import CrowdSec
import Foundation
import TestKit
import Testing

/// What a reader of decisions makes of the answers of a server that is not as it should be.
@Suite(.timeLimit(.minutes(20)))
struct BouncerTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try scratch.write("key", Data("a key\n".utf8), mode: 0o600)
    }

    private func bouncer(_ url: String, seconds: Int64 = 60, origins: [String] = []) -> Bouncer {
        var api = LocalAPI(url: url)
        api.seconds = seconds
        return Bouncer(api: api, keyFile: scratch.path("key"), origins: origins)
    }

    private func error(
        _ bouncer: Bouncer
    ) async -> CrowdSecError? {
        do throws(CrowdSecError) {
            _ = try await bouncer.pull(isStart: true)
            return nil
        } catch { return error }
    }

    @Test func aRequestHasTheKeyAndWhatIsAskedFor() async throws {
        let server = try ScriptedServer { request in
            let isRight =
                request.head.contains("X-Api-Key: a key\r\n")
                && request.target
                    == "/v1/decisions/stream?startup=true&scopes=Ip,Range&origins=cscli,CAPI"
            return .whole(isRight ? 200 : 403, #"{"new":null,"deleted":null}"#)
        }
        defer { server.stop() }
        let changes = try await bouncer(
            "http://127.0.0.1:\(server.port)", origins: ["cscli", "CAPI"]
        ).pull(isStart: true)
        #expect(changes == Bouncer.Changes())
    }

    @Test(arguments: [
        (401, "{}", "does not accept the key"), (403, "{}", "does not accept the key"),
        (500, "{}", "status 500"), (302, "{}", "status 302"),
        (200, "<html>", "not that of a Local API"), (200, "", "not that of a Local API"),
        (200, #"{"new":[{"id":"x"}]}"#, "not that of a Local API"),
        (200, "[1,2]", "not that of a Local API"),
        // Cut off, of a wrong type, deep, and with characters that control a terminal.
        (
            200, #"{"new":[{"id":1,"type":"ban","scope":"Ip","value":"203.0."#,
            "not that of a Local API"
        ),
        (200, #"{"new":7,"deleted":null}"#, "not that of a Local API"),
        (200, #"{"new":[[1]]}"#, "not that of a Local API"),
        (200, String(repeating: "[", count: 200_000), "not that of a Local API"),
        (200, "\u{1B}[2J{", "not that of a Local API"),
    ])
    func whatIsNoAnswerIsAnError(status: Int, body: String, words: String) async throws {
        let server = try ScriptedServer { _ in .whole(status, body) }
        defer { server.stop() }
        let found = try #require(await error(bouncer("http://127.0.0.1:\(server.port)")))
        #expect("\(found)".contains(words), "\(found)")
        #expect(!"\(found)".contains("a key"))
        #expect(!"\(found)".contains("\u{1B}") && "\(found)".utf8.count < 1024)
    }

    @Test func aHugeAnswerIsCutOff() async throws {
        let body = String(repeating: " ", count: 33 << 20)
        let server = try ScriptedServer { _ in .whole(200, body) }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)"
        // The server is slow while other tests run.
        let found = try #require(await error(bouncer(url, seconds: 1200)))
        #expect("\(found)".contains("larger than 33554432 bytes"), "\(found)")
    }

    @Test func aServerThatSaysNothingIsLeft() async throws {
        let server = try ScriptedServer { _ in
            // Never closed.
            .stream { _ in }
        }
        let url = "http://127.0.0.1:\(server.port)"
        let found = try #require(await error(bouncer(url, seconds: 1)))
        #expect("\(found)".contains(url), "\(found)")
        server.stop()
        let gone = try #require(await error(bouncer(url)))
        #expect("\(gone)".contains(url), "\(gone)")
    }

    @Test func aKeyThatOthersCanReadIsNotSent() async throws {
        let server = try ScriptedServer { _ in .whole(200, "{}") }
        defer { server.stop() }
        let url = "http://127.0.0.1:\(server.port)"
        #expect(await error(bouncer(url)) == nil)
        try scratch.write("key", Data("a key\n".utf8), mode: 0o644)
        let found = try #require(await error(bouncer(url)))
        #expect("\(found)".contains("chmod 600"), "\(found)")
        try scratch.write("key", Data("a key\nand a line\n".utf8), mode: 0o600)
        let lines = try #require(await error(bouncer(url)))
        #expect("\(lines)".contains("one line"), "\(lines)")
        try scratch.write("key", Data("a key\n".utf8), mode: 0o600)
        // A key in clear would be readable on the way.
        let clear = try #require(await error(bouncer("http://192.0.2.1:8080")))
        #expect("\(clear)".contains("must be https"), "\(clear)")
    }
}
