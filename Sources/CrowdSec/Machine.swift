internal import FoundationEssentials
internal import Synchronization
internal import SystemSupport
package import Timestamps

/// A machine that the Local API knows: it may add and delete decisions.
package struct Machine: Sendable {
    package var api: LocalAPI
    package var name: String
    package var passwordFile: String

    package init(api: LocalAPI, name: String, passwordFile: String) {
        self.api = api
        self.name = name
        self.passwordFile = passwordFile
    }

    // MARK: - Session

    private struct Session: Sendable {
        var token: String
        var since: Instant
    }

    /// Tokens by URL and name. A login takes the server a tenth of a second.
    private static let sessions = Mutex<[String: Session]>([:])
    /// A token lives for an hour.
    private static let refreshed = Interval.seconds(1800)

    private var key: String { "\(api.url) \(name)" }

    private func token() async throws(CrowdSecError) -> String {
        guard let session = Self.sessions.withLock({ $0[key] }) else { return try await login() }
        guard Clock.monotonic() - session.since >= Self.refreshed else { return session.token }
        let answer = try await api.send(
            "GET", "/refresh_token", nil, [("Authorization", "Bearer \(session.token)")])
        guard answer.status == 200 else { return try await login() }
        return try remember(answer.body)
    }

    private func login() async throws(CrowdSecError) -> String {
        struct Body: Encodable {
            var machine_id: String
            var password: String
            var scenarios: [String]
        }
        let body = Body(
            machine_id: name, password: try LocalAPI.secret(in: passwordFile),
            scenarios: [Ban.scenario])
        let answer = try await api.send("POST", "/watchers/login", Self.json(body), [])
        guard answer.status != 401 && answer.status != 403 else {
            throw .denied("the Local API does not accept the machine '\(name)' and its password")
        }
        guard answer.status == 200 else { throw .status(answer.status, "login") }
        return try remember(answer.body)
    }

    private func remember(_ body: [UInt8]) throws(CrowdSecError) -> String {
        struct Answer: Decodable { var token: String }
        let token = try LocalAPI.decode(Answer.self, body, "login").token
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .failed("login: the answer is not that of a Local API")
        }
        Self.sessions.withLock { sessions in
            if sessions.count > 64 { sessions = [:] }
            sessions[key] = Session(token: token, since: Clock.monotonic())
        }
        return token
    }

    /// Sends a request as the machine. Whatever the reason for 401 (the token is over, the server
    /// was restarted with another secret), it logs in once and asks again.
    private func ask(
        _ method: String, _ path: String, _ body: String? = nil
    ) async throws(CrowdSecError) -> (status: Int, body: [UInt8]) {
        let first = try await api.send(
            method, path, body, [("Authorization", "Bearer \(try await token())")])
        guard first.status == 401 else { return first }
        Self.sessions.withLock { $0[key] = nil }
        let second = try await api.send(
            method, path, body, [("Authorization", "Bearer \(try await login())")])
        guard second.status != 401 else {
            throw .denied("the Local API refuses the machine '\(name)' after a login")
        }
        return second
    }

    private static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    // MARK: - Decisions

    /// Adds one decision.
    ///
    /// - Returns: the alert's identifier.
    package func add(_ ban: Ban, for span: Interval, at time: Timestamp) async throws(CrowdSecError)
        -> Int
    {
        let answer = try await ask("POST", "/alerts", Self.json([PostedAlert(ban, span, time)]))
        guard answer.status == 201 else { throw .status(answer.status, "adding a decision") }
        let identifiers = try LocalAPI.decode([String].self, answer.body, "adding a decision")
        guard let identifier = identifiers.first.flatMap({ Int($0) }) else {
            throw .failed("adding a decision: the answer has no identifier")
        }
        return identifier
    }

    /// The decisions of a ban that an alert has; nil: there is no such alert, or it is another's,
    /// as after the server's database was made anew.
    package func decisions(
        of ban: Ban, in alert: Int
    ) async throws(CrowdSecError) -> [StoredDecision]? {
        let answer = try await ask("GET", "/alerts/\(alert)")
        if answer.status == 404 { return nil }
        guard answer.status == 200 else { throw .status(answer.status, "asking for an alert") }
        let found = try LocalAPI.decode(StoredAlert.self, answer.body, "asking for an alert")
        return found.isOf(ban) ? found.own(ban) : nil
    }

    /// The alert with an active decision of exactly this ban; nil: there is none.
    package func find(_ ban: Ban) async throws(CrowdSecError) -> Int? {
        let scenario = "scenario=\(Ban.scenario.percentEncoded)"
        let value = ban.value.percentEncoded
        let scope = ban.isRange ? "range" : "ip"
        let answer = try await ask(
            "GET", "/alerts?has_active_decision=true&\(scenario)&\(scope)=\(value)&limit=100")
        guard answer.status == 200 else { throw .status(answer.status, "asking for alerts") }
        let found = try LocalAPI.decode([StoredAlert]?.self, answer.body, "asking for alerts")
        return (found ?? []).filter { alert in
            alert.isOf(ban) && alert.own(ban).contains(where: \.isActive)
        }.map(\.id).max()
    }

    /// Deletes one decision by its identifier; others on the same address stay.
    package func delete(_ decision: Int) async throws(CrowdSecError) {
        let answer = try await ask("DELETE", "/decisions/\(decision)")
        guard answer.status == 200 else { throw .status(answer.status, "deleting a decision") }
    }
}
