import EventStore
import Foundation
import StatusReport
import Testing
import Timestamps

@testable import ControlServer
@testable import HTTPServer
@testable import Monitor

/// Calls the control server's routes without a socket, with a given caller.
struct TestClient {
    let hub = MonitorHub()
    private let router: Router<Caller>

    /// A client on the Unix socket; root may act.
    var peer: Peer? = Peer(pid: 1, uid: 0, gid: 0)

    init(entry: AuthenticationMiddleware.Entry = .socket([1234])) {
        router = ControlRoutes.router(hub, AuthenticationMiddleware(entry: entry))
    }

    func ask(
        _ method: HTTPServer.Method, _ target: String, _ body: String = "", headers: Headers = [:]
    ) async throws -> Answer {
        let request = try Request(
            method, target, headers: headers, body: Array(body.utf8), peer: peer)
        return Answer(response: await router.respond(to: request))
    }

    func publish(_ change: (inout MonitorStatus) -> Void = { _ in }) {
        var status = MonitorStatus()
        status.updated = Clock.now()
        change(&status)
        hub.publish(status)
    }
}

struct Answer {
    var response: Response

    var status: Int { response.status.code }

    var text: String {
        guard case .bytes(let bytes) = response.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The answer's JSON, of any kind.
    func json() throws -> Any? {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    /// The parameter or member in the problem details.
    var parameter: String? {
        get throws { (try json() as? [String: Any])?["parameter"] as? String }
    }

    /// Whether it is problem details (RFC 9457) with this status and text.
    func isProblem(_ status: Int, _ words: String) throws -> Bool {
        let problem = try json() as? [String: Any]
        return self.status == status && problem?["status"] as? Int == status
            && (problem?["title"] as? String)?.isEmpty == false
            && (problem?["detail"] as? String)?.contains(words) == true
            && response.headers["Content-Type"] == "application/problem+json"
    }
}
