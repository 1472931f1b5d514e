import Events
import Foundation
import Glibc
import TestKit
import Testing

@testable import EventDelivery
import Timestamps

/// A server that hangs, fails or works, by the file `mode`; it records what it accepts and whether
/// the signature is valid.
private let server = """
    import hashlib, hmac, http.server, json, sys, time
    folder = sys.argv[1]
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mode = open(folder + "/mode").read()
            with open(folder + "/asked", "a") as asked:
                asked.write(mode + " " + self.headers["X-Lazaret-Delivery"] + "\\n")
            if mode == "hang":
                time.sleep(60)
            status = int(mode) if mode.isdigit() else 200
            if status == 200:
                key = open(folder + "/secret").read().strip().encode()
                wanted = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
                with open(folder + "/taken", "a") as taken:
                    for event in json.loads(body):
                        signed = wanted == self.headers["X-Lazaret-Signature"]
                        print(event["lazaret"]["event_id"], signed, file=taken)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *words): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
    """

@Suite(.needs("python3"))
struct WebhookTests {
    private let folder = try! Folder()
    private let log = CollectedLog()

    private func start() throws -> PythonServer { try PythonServer(server, [folder.path("")]) }

    private func dispatcher(port: String, spool: Int = 64 << 20) throws -> EventDispatcher {
        try? folder.write("secret", "a long secret\n")
        chmod(folder.path("secret"), 0o600)
        var options = DeliveryOptions()
        options.fileKinds = [.alert, .stats]
        options.webhook = WebhookOptions(url: "http://127.0.0.1:\(port)/hook/private")
        options.webhook?.secretFile = folder.path("secret")
        options.webhook?.timeoutSeconds = 1
        options.webhook?.spoolBytes = spool
        return try EventDispatcher(
            path: folder.path("eve.json"), options: options, stateDirectory: folder.path(""),
            logger: log.logger)
    }

    /// The accepted numbers, each once, if every signature was valid.
    private var taken: [Int]? {
        let lines = folder.text("taken").split(separator: "\n").map { $0.split(separator: " ") }
        guard lines.allSatisfy({ $0.count == 2 && $0[1] == "True" }) else { return nil }
        return Set(lines.compactMap { Int($0[0]) }).sorted()
    }

    @Test func aServerThatHangsAndFailsAndRecoversReceivesEverything() throws {
        try folder.write("mode", "hang")
        let server = try start()
        let dispatcher = try dispatcher(port: server.firstLine)
        defer { dispatcher.stop() }
        for number in 0..<300 { dispatcher.write(alert(number)) }
        dispatcher.write(stats)
        // The file has them at once, independent of the server.
        let isWritten = eventually { dispatcher.statuses[0].written == 301 }
        #expect(isWritten && folder.text("taken").isEmpty)
        let isReported = eventually { dispatcher.status("webhook").trouble != nil }
        #expect(isReported && dispatcher.status("webhook").waiting == 300)
        #expect(dispatcher.status("webhook").lagSeconds > 0.5)
        try folder.write("mode", "500")
        let hasFailed = eventually { dispatcher.status("webhook").trouble == "answers 500" }
        #expect(hasFailed)
        for number in 300..<400 { dispatcher.write(alert(number)) }
        try folder.write("mode", "ok")
        let isTaken = eventually { dispatcher.status("webhook").written == 400 }
        #expect(isTaken, "\(dispatcher.statuses) \(log.lines)")
        #expect(taken == Array(0..<400))
        let status = dispatcher.status("webhook")
        #expect(status.waiting == 0 && status.dropped == 0 && status.trouble == nil)
        #expect(log.lines.count { $0.contains("events wait in the spool") } == 1)
        // The path of the address is not shown.
        #expect(
            !(log.lines + dispatcher.statuses.map(\.name)).contains { $0.contains("private") })
        #expect(server.isRunning)
        // All attempts of a batch have the same identifier.
        let asked = Set(
            folder.text("asked").split(separator: "\n").map { $0.split(separator: " ") })
        let names = { (mode: String) in Set(asked.filter { $0[0] == mode }.map { $0[1] }) }
        #expect(names("hang") == names("500") && names("ok").isSuperset(of: names("500")))
    }

    @Test func undeliveredBatchesSurviveARestart() throws {
        let closed = try Receiver.internet(SOCK_STREAM, isListening: false)
        let first = try dispatcher(port: "\(closed.port)")
        for number in 0..<50 { first.write(alert(number)) }
        let isSpooled = eventually {
            first.statuses[0].written == 50 && first.status("webhook").trouble != nil
        }
        #expect(isSpooled)
        first.stop()
        #expect(first.status("webhook").waiting == 50 && first.status("webhook").dropped == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("spool"))
        #expect(!names.isEmpty && names.allSatisfy { $0.hasSuffix(".jsonl") })
        #expect(try folder.mode("spool") == 0o700)
        for name in names { #expect(try folder.mode("spool/\(name)") == 0o600) }
        // An incomplete file of a killed program, and a corrupt one.
        try folder.write("spool/0000000000000000001-7.jsonl.new", "half")
        try folder.write("spool/0000000000000000002-3.jsonl", "spoilt\n")
        try folder.write("mode", "ok")
        let server = try start()
        let second = try dispatcher(port: server.firstLine)
        let isTaken = eventually { second.status("webhook").written == 50 }
        #expect(isTaken && taken == Array(0..<50), "\(second.statuses)")
        #expect(second.status("webhook").dropped == 3)
        second.stop()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("spool")) == [])
        #expect(server.isRunning)
    }

    @Test func aPermanentlyRefusedBatchDelaysNothing() throws {
        try folder.write("mode", "413")
        let server = try start()
        let dispatcher = try dispatcher(port: server.firstLine)
        defer { dispatcher.stop() }
        dispatcher.write(alert(1))
        let isDropped = eventually { dispatcher.status("webhook").dropped == 1 }
        #expect(isDropped)
        try folder.write("mode", "ok")
        dispatcher.write(alert(2))
        let isTaken = eventually { dispatcher.status("webhook").written == 1 }
        #expect(isTaken && taken == [2] && server.isRunning)
    }

    @Test func aFullSpoolDropsTheOldestBatches() throws {
        var spool = try Spool(directory: folder.path("spool"), limit: 5 * 4096)
        var dropped = 0
        for number in 0..<8 {
            dropped += try spool.append(
                ["\(number)", "b"], now: Timestamp(nanoseconds: 1), keeping: 0)
        }
        #expect(dropped == 6 && spool.entries.count == 5 && spool.count == 10)
        // A batch that is being sent stays.
        #expect(try spool.append(["9", "b"], now: Timestamp(nanoseconds: 1), keeping: 1) == 2)
        var again = try Spool(directory: folder.path("spool"), limit: 5 * 4096)
        again.load()
        #expect(again.entries == spool.entries)
        #expect(again.entries.map { again.lines(of: $0)?.first } == ["3", "5", "6", "7", "9"])
    }

    @Test func sinksAreReplacedWhileOthersContinue() throws {
        try folder.write("mode", "ok")
        let server = try start()
        let closed = try Receiver.internet(SOCK_STREAM, isListening: false)
        let dispatcher = try dispatcher(port: "\(closed.port)")
        dispatcher.write(alert(1))
        let isSpooled = eventually { dispatcher.status("webhook").trouble != nil }
        #expect(isSpooled)
        var options = DeliveryOptions()
        options.fileKinds = [.alert, .stats]
        options.webhook = WebhookOptions(url: "http://127.0.0.1:\(server.firstLine)/")
        options.webhook?.secretFile = folder.path("none")
        #expect(throws: DeliveryError.self) {
            try dispatcher.replace(path: folder.path("eve.json"), with: options)
        }
        options.webhook?.secretFile = folder.path("secret")
        // The same file, once others can read it.
        chmod(folder.path("secret"), 0o640)
        #expect(throws: DeliveryError.self) {
            try dispatcher.replace(path: folder.path("eve.json"), with: options)
        }
        chmod(folder.path("secret"), 0o600)
        try dispatcher.replace(path: folder.path("eve.json"), with: options)
        let isTaken = eventually { dispatcher.status("webhook").written == 1 }
        #expect(isTaken && taken == [1] && dispatcher.statuses[0].written == 1)
        try dispatcher.replace(path: folder.path("other.json"), with: DeliveryOptions())
        dispatcher.write(alert(2))
        dispatcher.stop()
        #expect(dispatcher.statuses.count == 1 && folder.text("other.json") == text([alert(2)]))
        #expect(server.isRunning)
    }

    @Test(arguments: [
        "ftp://host/", "https://user:password@host/", "https:///path", "host", "", "https://",
    ])
    func anInvalidAddressIsRefused(url: String) {
        #expect(!WebhookOptions(url: url).isUsable)
    }
}
