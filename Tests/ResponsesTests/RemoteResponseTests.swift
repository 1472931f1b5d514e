import Foundation
import Quarantine
import Synchronization
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Requests to firewalls at the border, against scripted servers with the real paths.
@Suite(.timeLimit(.minutes(20)))
struct RemoteResponseTests {
    private let bench: ResponseBench
    private let scratch: Scratch

    init() throws {
        bench = try ResponseBench()
        scratch = try Scratch()
    }

    private func step(
        _ method: String, _ url: String, _ body: String? = nil, contains: String? = nil
    ) -> RequestStep {
        var step = RequestStep()
        step.method = method
        step.url = url
        step.body = body
        step.contains = contains
        return step
    }

    /// An entry as in the documentation, for OPNsense.
    private func opnsense(_ border: Border) throws -> ResponseEntry {
        let base = "http://127.0.0.1:\(border.port)/api/firewall/alias_util"
        var entry = ResponseEntry("border", .request)
        entry.headersFile = try scratch.write(
            "headers", Data("# key:secret\nAuthorization: Basic a2V5OnNlY3JldA==\n".utf8),
            mode: 0o600)
        entry.apply = step("POST", base + "/add/lazaret", #"{"address":"{{address}}"}"#)
        entry.verify = step("GET", base + "/list/lazaret", contains: #""{{address}}""#)
        entry.undo = step("POST", base + "/delete/lazaret", #"{"address":"{{address}}"}"#)
        return entry
    }

    /// An entry as in the documentation, for RouterOS.
    private func mikrotik(_ border: Border) -> ResponseEntry {
        let base = "http://127.0.0.1:\(border.port)/rest/ip/firewall/address-list"
        var entry = ResponseEntry("router", .request)
        entry.apply = step(
            "PUT", base,
            #"{"list":"lazaret","address":"{{address}}","comment":"{{reason}} {{event}}"}"#)
        entry.verify = step(
            "GET", base + "?list=lazaret&address={{address}}", contains: #""{{address}}""#)
        entry.undo = step("DELETE", base + "/{{captured}}")
        entry.capture = ".id"
        return entry
    }

    @Test func anAliasOfOPNsenseHasTheAddressWhileTheFenceIsActive() throws {
        let border = try Border()
        let engine = bench.engine([try opnsense(border)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        #expect(border.addresses == ["203.0.113.9"])
        bench.release()
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        #expect(border.addresses.isEmpty)
        #expect(border.tokens == ["Basic a2V5OnNlY3JldA=="])
    }

    @Test func anAddressListOfRouterOSIsUndoneByItsIdentifier() throws {
        let border = try Border()
        border.change { $0.list["*7"] = "198.51.100.1" }
        let engine = bench.engine([mikrotik(border)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("router") == [.verified] })
        #expect(Set(border.list.values) == ["198.51.100.1", "203.0.113.9"])
        bench.release()
        #expect(bench.run(engine) { bench.states("router") == [.undone] })
        #expect(Array(border.list.values) == ["198.51.100.1"])
    }

    @Test(arguments: 0..<7) func aKillAtAnyStepLeavesNoRequestBehind(writes: Int) throws {
        let border = try Border()
        border.change { $0.list["*7"] = "198.51.100.1" }
        bench.fence("203.0.113.9", workload: nil)
        try bench.killAndRestart("router", afterWrites: writes) {
            bench.engine([mikrotik(border)], ledger: $0)
        }
        #expect(Array(border.list.values) == ["198.51.100.1"])
    }

    /// RouterOS refuses an address that is in the list.
    @Test func whatIsThereAlreadyIsNoFailure() throws {
        let border = try Border()
        border.change { $0.list["*7"] = "203.0.113.9" }
        let engine = bench.engine([mikrotik(border)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("router") == [.verified] })
        bench.release()
        #expect(bench.run(engine) { bench.states("router") == [.undone] })
        #expect(border.list.isEmpty)
    }

    @Test func whatWasLostIsAppliedAgainAndWhatWasRemovedIsUndone() throws {
        let border = try Border()
        let engine = bench.engine([try opnsense(border)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        // A firewall that was restarted.
        border.change { $0.addresses = [] }
        bench.setClock(2011)
        #expect(bench.run(engine) { border.addresses == ["203.0.113.9"] })
        bench.settle(engine)
        #expect(bench.states("border") == [.verified])
        border.change { $0.addresses = [] }
        bench.release()
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        #expect(bench.records("border").first?.detail.contains("not there any more") == true)
    }

    @Test(arguments: [401, 403, 404, 409, 429, 500])
    func aServerThatRefusesIsAskedAgain(status: Int) throws {
        let border = try Border()
        border.change { $0.fault = status }
        let engine = bench.engine([try opnsense(border)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("status \(status)") } })
        border.change { $0.fault = nil }
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        border.change { $0.fault = status }
        bench.release()
        bench.settle(engine)
        #expect(bench.states("border") == [.undoing])
        border.change { $0.fault = nil }
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        #expect(border.addresses.isEmpty)
    }

    @Test func aSecretIsNowhereButInTheRequest() throws {
        let border = try Border()
        var entry = try opnsense(border)
        border.change { $0.fault = 500 }
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("status 500") } })
        border.change { $0.fault = nil }
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        let record = try #require(bench.records("border").first)
        let all = ([record.undo, record.detail] + bench.trail + bench.log.lines).joined()
        for secret in ["a2V5", "key:secret", "Basic"] { #expect(!all.contains(secret)) }
        // A path may be secret, too: it is not in the log.
        #expect(!bench.log.lines.joined().contains("alias_util"))
        entry.apply?.url = "https://hooks.example/services/T000/SECRET"
        #expect(entry.masked.apply?.url == "https://hooks.example/***")
    }

    @Test func aFileOfHeadersThatOthersCanReadIsRefused() throws {
        let border = try Border()
        let entry = try opnsense(border)
        let path = try #require(entry.headersFile)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("chmod 600") } })
        #expect(throws: ResponseError.self) { try entry.checkFiles() }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        for text in ["no colon", "Host: x", "Content-Length: 4"] {
            try scratch.write("headers", Data(text.utf8), mode: 0o600)
            #expect(throws: ResponseError.self) { try entry.checkFiles() }
        }
    }

    /// Only what is meant for a kind of target is done for it.
    @Test func eachKindOfTargetHasItsVariables() throws {
        let border = try Border()
        let base = "http://127.0.0.1:\(border.port)/note/"
        let kinds = ["address", "prefix", "mac", "port", "target"]
        let entries = kinds.map { kind in
            var entry = ResponseEntry(kind, .request)
            entry.apply = step("PUT", base + kind + "/{{\(kind)}}")
            entry.undo = step("DELETE", base + kind + "/{{\(kind)}}")
            return entry
        }
        let engine = bench.engine(entries)
        bench.fence("203.0.113.9", id: "a", workload: nil)
        bench.fence("198.51.100.0/24", id: "b", workload: nil)
        bench.fence("02:42:ac:11:00:02", id: "c", workload: nil)
        bench.fence("port:veth1", id: "d", workload: nil)
        bench.fence("2001:db8::1", id: "e", workload: nil)
        let wanted: Set<String> = [
            "address/203.0.113.9", "prefix/203.0.113.9%2F32", "prefix/198.51.100.0%2F24",
            "mac/02:42:ac:11:00:02", "port/veth1", "target/203.0.113.9",
            "target/198.51.100.0%2F24", "target/02:42:ac:11:00:02", "target/port:veth1",
            "address/2001:db8::1", "prefix/2001:db8::1%2F128", "target/2001:db8::1",
        ]
        #expect(
            bench.run(engine) { border.notes.count == wanted.count && engine.isIdle },
            "\(border.notes)")
        #expect(Set(border.notes) == wanted)
    }

    @Test func valuesAreEscaped() throws {
        let values = ["reason": "a\"b\\c\n</x> & 100%", "event": "{{reason}}"]
        let json = ResponseTemplate.fill(#"{"r":"{{reason}}","e":"{{event}}"}"#, values, .json)
        let read = try JSONDecoder().decode([String: String].self, from: Data(json.utf8))
        #expect(read == ["r": "a\"b\\c\n</x> & 100%", "e": "{{reason}}"])
        #expect(
            ResponseTemplate.fill("/x?r={{reason}}&e={{event}}", values, .url)
                == "/x?r=a%22b%5Cc%0A%3C%2Fx%3E%20%26%20100%25&e=%7B%7Breason%7D%7D")
        #expect(ResponseTemplate.fill("{{nothing}}x{{", [:], .text) == "x{{")
    }

    /// A reason that an attacker has influenced cannot name what is captured.
    @Test func aValueIsNeverATemplate() throws {
        var entry = ResponseEntry("x", .request)
        entry.capture = "id"
        entry.apply = step("POST", "https://border.example/a", #"{"r":"{{reason}}"}"#)
        entry.undo = step(
            "POST", "https://border.example/b/{{captured}}", #"{"r":"{{reason}}"}"#)
        let plan = try #require(RequestPlan(entry, ["reason": "{{captured}}"]))
        #expect(plan.undo.url == "https://border.example/b/{{captured}}")
        #expect(ResponseTemplate.names(in: plan.undo.body ?? "") == [])
    }

    @Test func faultsOfRequestsAreNamed() throws {
        func faults(_ change: (inout ResponseEntry) -> Void) throws -> String {
            var entry = ResponseEntry("border", .request)
            entry.apply = step("POST", "https://border.example/add/{{address}}")
            entry.undo = step("POST", "https://border.example/delete/{{address}}")
            change(&entry)
            return ResponseEntry.faults(in: [entry]).joined(separator: "\n")
        }
        #expect(try faults { _ in } == "")
        #expect(try faults { $0.apply?.url = "http://10.0.0.1/x" }.contains("must be https"))
        #expect(try faults { $0.apply?.url = "http://[::1]:8080/x" } == "")
        #expect(try faults { $0.apply?.url = "http://localhost.evil/x" }.contains("must be https"))
        #expect(try faults { $0.apply?.url = "https://{{address}}/x" }.contains("after the host"))
        #expect(try faults { $0.apply?.url = "https://u:p@h/x" }.contains("without user"))
        #expect(try faults { $0.apply?.body = "{{adress}}" }.contains("no variable 'adress'"))
        #expect(try faults { $0.apply?.body = "{{captured}}" }.contains("no variable 'captured'"))
        #expect(try faults { $0.apply?.body = "{{" }.contains("without '}}'"))
        #expect(try faults { $0.apply?.body = "{{mac}}" }.contains("only one of"))
        #expect(try faults { $0.apply?.method = "HEAD" }.contains("the method 'HEAD'"))
        #expect(try faults { $0.undo = nil }.contains("'undo' are missing"))
        #expect(try faults { $0.verify = RequestStep() }.contains("'verify' needs 'contains'"))
        #expect(try faults { $0.program = "/bin/true" }.contains("'action: exec' only"))
        #expect(try faults { $0.action = .pause }.contains("'action: request' only"))
    }

    @Test(.enabled(if: PythonServer.isAvailable && Certificates.isAvailable))
    func aServerWhoseCertificateIsNotTrustedGetsNothing() throws {
        let ours = try Certificates("ours", in: scratch.url)
        try ours.sign("server", names: "IP:127.0.0.1")
        let server = try PythonServer(Self.tlsServer, [scratch.path("seen")], in: scratch.url)
        var entry = ResponseEntry("border", .request)
        entry.headersFile = try scratch.write("h", Data("X-Key: secret\n".utf8), mode: 0o600)
        entry.apply = step("POST", "https://127.0.0.1:\(server.firstLine)/add")
        entry.undo = step("POST", "https://127.0.0.1:\(server.firstLine)/delete")
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("certificate") } })
        #expect(!FileManager.default.fileExists(atPath: scratch.path("seen")))
        entry.authoritiesFile = scratch.path("ours.crt")
        bench.release()
        bench.settle(engine)
        let trusting = bench.engine([entry])
        bench.fence("203.0.113.10", id: "r2", workload: nil)
        #expect(bench.run(trusting) { bench.states("border").contains(.verified) })
        let seen = try String(contentsOfFile: scratch.path("seen"), encoding: .utf8)
        #expect(seen == "/add secret\n")
    }

    private static let tlsServer = """
        import http.server, ssl, sys

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with open(sys.argv[1], "a") as seen:
                    seen.write(self.path + " " + self.headers.get("X-Key", "") + "\\n")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            def log_message(self, *words): pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("server.crt", "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """
}

/// A firewall with OPNsense's and RouterOS's paths.
private final class Border: Sendable {
    struct State {
        var addresses: [String] = []
        var list: [String: String] = [:]
        var next = 1
        var tokens: Set<String> = []
        var notes: [String] = []
        var fault: Int?
    }

    private let state = Mutex(State())
    private let server = Mutex<ScriptedServer?>(nil)

    init() throws {
        let made = try ScriptedServer { [weak self] request in
            self?.answer(request) ?? .whole(500, "")
        }
        server.withLock { $0 = made }
    }

    var port: UInt16 { server.withLock { $0?.port ?? 0 } }
    var addresses: [String] { state.withLock { $0.addresses } }
    var list: [String: String] { state.withLock { $0.list } }
    var tokens: Set<String> { state.withLock { $0.tokens } }
    var notes: [String] { state.withLock { $0.notes } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        state.withLock { state in
            if let fault = state.fault { return .whole(fault, #"{"message":"a2V5 refused"}"#) }
            if let line = request.head.split(separator: "\r\n").first(where: {
                $0.lowercased().hasPrefix("authorization: ")
            }) {
                state.tokens.insert(String(line.dropFirst(15)))
            }
            let words = try? JSONDecoder().decode(
                [String: String].self, from: Data(request.body.utf8))
            let address = words?["address"] ?? ""
            switch "\(request.method) \(request.target)" {
            case "POST /api/firewall/alias_util/add/lazaret":
                if !state.addresses.contains(address) { state.addresses.append(address) }
                return .whole(200, #"{"status":"done"}"#)
            case "POST /api/firewall/alias_util/delete/lazaret":
                state.addresses.removeAll { $0 == address }
                return .whole(200, #"{"status":"done"}"#)
            case "GET /api/firewall/alias_util/list/lazaret":
                let rows = state.addresses.map { #"{"ip":"\#($0)"}"# }.joined(separator: ",")
                return .whole(200, #"{"total":1,"rows":[\#(rows)]}"#)
            case "PUT /rest/ip/firewall/address-list":
                guard !state.list.values.contains(address) else {
                    return .whole(
                        400,
                        #"{"detail":"failure: already have such entry","error":400}"#)
                }
                state.list["*\(String(state.next, radix: 16))"] = address
                state.next += 1
                return .whole(201, #"{".id":"*1","address":"\#(address)","list":"lazaret"}"#)
            default: return Self.other(request, &state)
            }
        }
    }

    private static func other(
        _ request: ScriptedServer.Request, _ state: inout State
    ) -> ScriptedServer.Answer {
        let list = "/rest/ip/firewall/address-list"
        if request.method == "GET", request.target.hasPrefix(list + "?list=lazaret&address=") {
            let wanted = request.target.split(separator: "=").last ?? ""
            let rows = state.list.filter { $0.value == wanted }.map {
                #"{".id":"\#($0.key)","address":"\#($0.value)","list":"lazaret"}"#
            }
            return .whole(200, "[\(rows.joined(separator: ","))]")
        }
        if request.method == "DELETE", request.target.hasPrefix(list + "/") {
            let id = String(request.target.dropFirst(list.utf8.count + 1))
            return state.list.removeValue(forKey: id) == nil ? .whole(404, "{}") : .whole(204, "")
        }
        if request.method == "PUT", request.target.hasPrefix("/note/") {
            state.notes.append(String(request.target.dropFirst(6)))
            return .whole(200, "{}")
        }
        return .whole(404, "{}")
    }
}
