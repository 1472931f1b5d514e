/// A reader of the Local API's decisions.
package struct Bouncer: Sendable {
    package var api: LocalAPI
    /// The file with the key that `cscli bouncers add` printed. The server remembers for each key
    /// what it has delivered, so a key has one reader.
    package var keyFile: String
    /// The origins of decisions that are asked for; empty: all.
    package var origins: [String]

    package init(api: LocalAPI, keyFile: String, origins: [String]) {
        self.api = api
        self.keyFile = keyFile
        self.origins = origins
    }

    /// What has changed.
    package struct Changes: Sendable, Equatable, Decodable {
        package var new: [PulledDecision]?
        package var deleted: [PulledDecision]?

        package init(new: [PulledDecision]? = nil, deleted: [PulledDecision]? = nil) {
            self.new = new
            self.deleted = deleted
        }
    }

    /// Asks for decisions: for all active ones at the start, and after any error, since the
    /// changes of a lost answer are not delivered again.
    package func pull(isStart: Bool) async throws(CrowdSecError) -> Changes {
        var path = "/decisions/stream?startup=\(isStart)&scopes=Ip,Range"
        if !origins.isEmpty { path += "&origins=\(origins.joined(separator: ","))" }
        return try LocalAPI.decode(
            Changes.self, try await ask(path), "asking for decisions")
    }

    /// Asks for the decisions on one address that has none, which takes nothing from the reader.
    ///
    /// - Throws: why the key cannot be used, or the server not be reached.
    package func check() async throws(CrowdSecError) {
        _ = try LocalAPI.decode(
            [PulledDecision]?.self, try await ask("/decisions?ip=192.0.2.1"),
            "asking for decisions")
    }

    private func ask(_ path: String) async throws(CrowdSecError) -> [UInt8] {
        let answer = try await api.send(
            "GET", path, nil, [("X-Api-Key", try LocalAPI.secret(in: keyFile))])
        guard answer.status != 403 && answer.status != 401 else {
            throw .denied("the Local API does not accept the key in \(keyFile)")
        }
        guard answer.status == 200 else { throw .status(answer.status, "asking for decisions") }
        return answer.body
    }
}

/// A decision of CrowdSec's stream.
package struct PulledDecision: Sendable, Equatable, Decodable {
    package var id: Int
    package var duration: String
    package var origin: String
    package var scenario: String
    package var scope: String
    package var type: String
    package var value: String

    package init(
        id: Int, duration: String, origin: String, scenario: String, scope: String, type: String,
        value: String
    ) {
        self.id = id
        self.duration = duration
        self.origin = origin
        self.scenario = scenario
        self.scope = scope
        self.type = type
        self.value = value
    }
}
