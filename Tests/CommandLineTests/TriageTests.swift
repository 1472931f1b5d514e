import Foundation
import TestKit
import Testing

/// States, comments and mutes of incidents, through the API and the command line.
@Suite(.needsKernel, .needs("curl"))
struct TriageTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func ask(
        _ method: String, _ path: String, _ body: String? = nil
    ) throws -> (code: Int, text: String) {
        let words =
            ["curl", "-s", "-m", "60", "-w", "\n%{http_code}", "--unix-socket", bench.socket]
            + ["-X", method] + (body.map { ["-d", $0] } ?? [])
        let answer = try Namespace.command(words + ["http://lazaret\(path)"])
        let lines = answer.split(separator: "\n", omittingEmptySubsequences: false)
        return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    /// A monitor with an incident; returns the incident's identifier.
    private func incident() throws -> (program: Background, id: String) {
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        var id = ""
        let isStored = try eventually {
            let text = try ask("GET", "/api/v1/incidents").text
            id = text.firstMatch(of: /"event_id":"([0-9a-f]+)"/).map { String($0.1) } ?? ""
            return try !id.isEmpty && ask("GET", "/api/v1/events/\(id)").code == 200
        }
        try #require(isStored, "\(program.errors)")
        return (program, id)
    }

    private func audit() throws -> String {
        try Run("audit", "list", "--state", bench.state).output
    }

    @Test func aStateWithItsCommentSurvivesARestartAndIsAudited() throws {
        let (program, id) = try incident()
        #expect(
            try ask("GET", "/api/v1/incidents/\(id)").text.contains(#""triage":{"state":"new"}"#))
        let comment = #"<img src=x onerror=alert(1)> "quoted" \u001b[31m"#
        let body = try JSONSerialization.data(withJSONObject: [
            "state": "acknowledged", "comment": comment, "by": "alice",
        ])
        let path = "/api/v1/incidents/\(id)/triage"
        let said = try ask("POST", path, String(decoding: body, as: UTF8.self))
        #expect(said.code == 200 && said.text.contains(#""by":"alice""#), "\(said)")
        let listed = try Run("incidents", "--socket", bench.socket)
        #expect(listed.output.contains("acknowledged"), "\(listed.errors)")
        // A terminal gets no escape sequences of a comment.
        #expect(!listed.output.contains("\u{1b}"))

        // The next one replaces the state, and keeps a comment that it does not name.
        let set = try Run("incidents", "set", id, "closed", "--socket", bench.socket)
        #expect(set.status == 0, "\(set.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let next = try bench.monitor()
        let kept = try ask("GET", "/api/v1/incidents/\(id)").text
        #expect(kept.contains(#""state":"closed""#) && kept.contains("onerror"), "\(kept)")
        let trail = try audit()
        #expect(trail.contains("triage") && trail.contains("acknowledged"), "\(trail)")
        #expect(next.end(by: SIGTERM) == 0)
        #expect(try Run("audit", "verify", "--state", bench.state).status == 0)
    }

    @Test func benignIsFeedbackAndNewWithdrawsIt() throws {
        let (program, id) = try incident()
        let model = bench.scratch.path("clean.model")
        func feedback() throws -> String { try Run("feedback", "-m", model).output }
        let set = try Run(
            "incidents", "set", id, "benign", "--comment", "our scanner", "--socket", bench.socket)
        #expect(set.status == 0, "\(set.errors)")
        #expect(try feedback().contains("\(id)  benign"))
        let isRead = eventually { program.errors.contains("feedback were read again") }
        #expect(isRead, "\(program.errors)")
        #expect(try Run("incidents", "set", id, "malicious", "--socket", bench.socket).status == 0)
        #expect(try feedback().contains("\(id)  malicious"))
        #expect(try audit().contains("feedback  \(id)  benign"))
        let new = try Run("incidents", "set", id, "new", "--socket", bench.socket)
        #expect(new.output == "\(id): new; feedback on it is withdrawn\n", "\(new.errors)")
        #expect(try feedback().contains("no feedback"))
        #expect(try audit().contains("withdrawn: the incident is new"))

        // Also after the incident was closed, and where the feedback was withdrawn by command.
        for state in ["benign", "closed", "acknowledged"] {
            let set = try Run("incidents", "set", id, state, "--socket", bench.socket)
            #expect(set.status == 0, "\(set.errors)")
        }
        #expect(try feedback().contains("no feedback"))
        #expect(try Run("incidents", "set", id, "benign", "--socket", bench.socket).status == 0)
        #expect(try Run("feedback", id, "--withdraw", "-m", model).status == 0)
        let last = try Run("incidents", "set", id, "new", "--socket", bench.socket)
        #expect(last.status == 0, "\(last.errors)")
    }

    /// The state of an incident and the feedback on it say the same.
    @Test func feedbackSetsTheStateAndKeepsTheComment() throws {
        let (program, id) = try incident()
        func triage() throws -> String {
            try ask("GET", "/api/v1/incidents/\(id)").text
                .firstMatch(of: /"triage":{[^}]*}/).map { String($0.0) } ?? ""
        }
        let set = try Run(
            "incidents", "set", id, "acknowledged", "--comment", "mine", "--socket", bench.socket)
        #expect(set.status == 0, "\(set.errors)")
        for word in ["benign", "malicious"] {
            let said = try Run("feedback", id, "--\(word)", "--socket", bench.socket)
            #expect(said.status == 0, "\(said.errors)")
            let now = try triage()
            #expect(now.contains(#""state":"\#(word)","comment":"mine","by":""#), "\(now)")
        }
        #expect(try Run("feedback", id, "--withdraw", "--socket", bench.socket).status == 0)
        #expect(try triage().contains(#""state":"acknowledged","comment":"mine""#))

        // Closed is not opened again by feedback that is withdrawn.
        #expect(try Run("incidents", "set", id, "benign", "--socket", bench.socket).status == 0)
        #expect(try Run("incidents", "set", id, "closed", "--socket", bench.socket).status == 0)
        #expect(try Run("feedback", id, "--withdraw", "--socket", bench.socket).status == 0)
        #expect(try triage().contains(#""state":"closed""#))

        // Feedback that cannot be written does not change the state.
        let path = bench.scratch.path("clean.model.feedback.jsonl")
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        #expect(try Run("feedback", id, "--benign", "--socket", bench.socket).status == 1)
        #expect(try triage().contains(#""state":"closed""#))
        #expect(program.isRunning)
        #expect(try audit().contains("triage  \(id)  malicious: mine"))
        #expect(try Run("audit", "verify", "--state", bench.state).status == 0)
    }

    @Test func benignSaysWhatIsOrdinaryAndWhichFenceIsStillThere() throws {
        let (program, _) = try incident()
        let host = bench.lab.a.v4
        func list() throws -> [Substring] {
            try Run("incidents", "--socket", bench.socket).output.split(separator: "\n")
                .filter { $0.contains(host) }
        }
        let first = try #require(try list().last)
        let id = String(first.prefix { $0 != " " })
        let set = try Run("incidents", "set", id, "benign", "--socket", bench.socket)
        #expect(set.status == 0, "\(set.errors)")
        #expect(set.output.contains("ordinary from now on for "), "\(set.output)")
        #expect(set.output.contains("up to, in 10 s: "), "\(set.output)")
        #expect(set.output.contains("not covered: greater values; other workloads"))
        #expect(
            set.output.contains("still fenced: \(host) until ")
                && set.output.contains("lazaret quarantine release \(host)"), "\(set.output)")
        #expect(try bench.quarantine("release", host).contains(host))
        let said = try Run("feedback", id, "--benign", "--socket", bench.socket)
        #expect(said.output.contains("ordinary from now on for "), "\(said.output)")
        #expect(!said.output.contains("still fenced"), "\(said.output)")
        let isRead = eventually { program.errors.contains("feedback were read again") }
        #expect(isRead, "\(program.errors)")
    }

    @Test func aWrongTriageIsABadRequest() throws {
        let program = try bench.monitor()
        for body in [
            #"{"state":"solved"}"#, #"{"state":1}"#, "{}", "[]", #"{"state":"new","comment":[]}"#,
            #"{"state":"new","comment":"\#(String(repeating: "a", count: 2001))"}"#,
            #"{"state":"new","x":1}"#, #"{"state":null}"#,
        ] {
            let answer = try ask("POST", "/api/v1/incidents/0123456789abcdef/triage", body)
            #expect(answer.code == 400, "\(body): \(answer)")
        }
        #expect(program.isRunning)
    }

    @Test func anUnknownIncidentIsNotFound() throws {
        let program = try bench.monitor()
        let packets = try ask("GET", "/api/v1/incidents/0123456789abcdef/packets")
        #expect(packets.code == 404 && packets.text.contains("record.file"), "\(packets)")
        for id in ["0123456789abcdef", "'; DROP TABLE triage; --", "..%2F..%2Fx"] {
            let id = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            let answer = try ask("POST", "/api/v1/incidents/\(id)/triage", #"{"state":"new"}"#)
            #expect(answer.code == 404, "\(answer)")
        }
        let run = try Run("incidents", "set", "a/b?c", "new", "--socket", bench.socket)
        #expect(run.status == 1, "\(run.errors)")
        #expect(program.isRunning)
    }

    @Test func aMuteKeepsAlertsBackAndSurvivesARestart() throws {
        let first = try bench.monitor()
        let host = bench.lab.a.v4
        let added = try Run(
            "mute", "add", host, "--for", "1h", "--reason", "a test", "--socket", bench.socket)
        #expect(added.status == 0, "\(added.errors)")
        #expect(first.end(by: SIGTERM) == 0, "\(first.errors)")
        let program = try bench.monitor()
        #expect(try Run("mute", "--socket", bench.socket).output.contains("a test"))
        // Fences are applied and reported nevertheless, with the alert that led to each.
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isCounted = try eventually {
            try bench.lab.scan(bench.lab.b, by: bench.lab.a)
            return try ask("GET", "/metrics").text.contains(/lazaret_alerts_muted_total [1-9]/)
        }
        #expect(isCounted, "\(program.errors)")
        // An incident of muted alerts only can be explained, and was not delivered.
        var muted = ""
        let isKept = try eventually {
            try bench.lab.scan(bench.lab.b, by: bench.lab.a)
            let text = try ask("GET", "/api/v1/events?limit=1000").text
            let events = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
            let details = (events ?? []).compactMap { $0["lazaret"] as? [String: Any] }
            muted = details.first { $0["muted"] as? Bool == true }?["event_id"] as? String ?? ""
            return !muted.isEmpty
        }
        #expect(isKept, "\(program.errors)")
        let explained = try Run("explain", muted, "--socket", bench.socket)
        #expect(
            explained.status == 0 && explained.output.contains("muted: it was not reported"),
            "\(explained.output)\(explained.errors)")
        let told = try String(contentsOfFile: bench.scratch.path("eve.json"), encoding: .utf8)
        #expect(!told.contains(#""muted":true"#) && !told.contains(muted))
        #expect(try Run("mute", "end", "1", "--socket", bench.socket).status == 0)
        #expect(try Run("mute", "end", "1", "--socket", bench.socket).status == 1)
        #expect(try Run("mute", "--socket", bench.socket).output == "nothing is muted\n")
        let trail = try audit()
        #expect(trail.contains(" mute ") && trail.contains("unmute"), "\(trail)")
    }

    @Test func aMuteOfAnUnknownNameIsMadeWithAWarning() throws {
        let program = try bench.monitor()
        func mute(_ name: String) throws -> Run {
            try Run("mute", "add", name, "--for", "1h", "--socket", bench.socket)
        }
        // The names are known some moments after the start.
        let isWarned = try eventually {
            try mute("wokrer").errors
                == "lazaret: warning: no workload has the name 'wokrer'; "
                + "similar names: worker\n"
        }
        #expect(isWarned, "\(program.errors)")
        let far = try mute("nothing-like-it")
        #expect(far.status == 0 && far.errors.hasSuffix("has the name 'nothing-like-it'\n"))
        for name in ["worker", "outside", "192.0.2.1", "fd00::1"] {
            let run = try mute(name)
            #expect(run.status == 0 && run.errors.isEmpty, "\(name): \(run.errors)")
        }
        #expect(program.end(by: SIGTERM) == 0)
    }

    /// Prometheus sees alerts and open incidents by severity, and what an operator does with them.
    @Test func metricsFollowIncidentsAndTheirStates() throws {
        let (program, id) = try incident()
        func metrics() throws -> [Substring] {
            try ask("GET", "/metrics").text.split(separator: "\n")
        }
        func open(_ state: String) -> String {
            #"lazaret_incidents_open{severity="high",state="\#(state)"} 1"#
        }
        let alert = /lazaret_alerts_total{pattern="port_scan",severity="high"} [1-9]/
        let isCounted = try eventually {
            let lines = try metrics()
            return lines.contains { $0.contains(alert) } && lines.contains { $0 == open("new") }
        }
        #expect(isCounted, "\(program.errors)")
        for state in ["acknowledged", "new"] {
            let set = try Run("incidents", "set", id, state, "--socket", bench.socket)
            #expect(set.status == 0, "\(set.errors)")
            let isSeen = try eventually { try metrics().contains { $0 == open(state) } }
            #expect(isSeen, "\(state)")
        }
        #expect(try Run("incidents", "set", id, "closed", "--socket", bench.socket).status == 0)
        let isGone = try eventually {
            try !metrics().contains { $0 == open("new") || $0 == open("acknowledged") }
        }
        #expect(isGone)
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aWrongMuteIsABadRequest() throws {
        let program = try bench.monitor()
        for body in [
            #"{"workload":"web"}"#, #"{"workload":"","duration":"1h"}"#,
            #"{"workload":"web","duration":"0s"}"#, #"{"workload":"web","duration":"500d"}"#,
            #"{"workload":"web","duration":3600}"#, #"{"duration":"1h"}"#,
            #"{"workload":"web","duration":"1h","pattern":"everything"}"#,
            #"{"workload":["web"],"duration":"1h"}"#,
        ] {
            let answer = try ask("POST", "/api/v1/mutes", body)
            #expect(answer.code == 400, "\(body): \(answer)")
        }
        // A pattern has its name, or its title, or what earlier versions wrote.
        for name in ["port_scan", "port scan", "Port Scan", "verticalScan"] {
            let body = #"{"workload":"web","duration":"1h","pattern":"\#(name)"}"#
            let answer = try ask("POST", "/api/v1/mutes", body)
            #expect(answer.code == 201 && answer.text.contains(#""port_scan""#), "\(answer)")
        }
        #expect(try ask("POST", "/api/v1/mutes/x/end", "{}").code == 400)
        #expect(try ask("POST", "/api/v1/mutes/9/end", "{}").code == 404)
        #expect(program.isRunning)
    }

    @Test func thereIsALimitToMutes() throws {
        let program = try bench.monitor()
        let script = """
            import http.client, json, socket, sys
            class Client(http.client.HTTPConnection):
                def connect(self):
                    self.sock = socket.socket(socket.AF_UNIX)
                    self.sock.connect(sys.argv[1])
            client = Client("lazaret")
            for number in range(1001):
                body = json.dumps({"workload": f"w{number}", "duration": "1h"})
                client.request("POST", "/api/v1/mutes", body)
                answer = client.getresponse()
                answer.read()
            print(answer.status)
            """
        let last = try Namespace.command(["python3", "-c", script, bench.socket])
        #expect(last.contains("409"), "\(last)")
        #expect(program.isRunning)
    }
}
