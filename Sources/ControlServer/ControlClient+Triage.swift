internal import EventStore
internal import Events
internal import FoundationEssentials
public import ModelFiles

/// Triage and mutes of a running monitor, for the command line.
extension ControlClient {
    /// An incident as `lazaret incidents` shows it.
    public struct Incident: Decodable, Sendable {
        public struct Triage: Decodable, Sendable {
            public var state: String
            public var comment: String?
            public var by: String?
            /// `withdrawn` in the answer to a change that withdraws feedback.
            public var feedback: String?
            /// In the answer to a change: what is ordinary from now on, and what is not.
            public var ordinary: [String]?
            public var notCovered: [String]?

            public var effect: FeedbackEffect? {
                ordinary.map { FeedbackEffect(ordinary: $0, notCovered: notCovered ?? []) }
            }
        }

        public var eventId: String
        public var offender: String
        public var workload: String
        public var start: Int64
        public var end: Int64
        public var summary: String
        public var targetText: String?
        public var decision: String
        public var quarantineId: String?
        public var outcome: Outcome?
        public var patternDetails: [PatternDetail]?
        public var triage: Triage

        /// What became of the decision.
        public struct Outcome: Decodable, Sendable {
            public var state: String
            public var text: String
        }

        /// One of its patterns.
        public struct PatternDetail: Decodable, Sendable {
            public var start: Int64
            public var end: Int64
            public var summary: String
            public var targetText: String?
            public var evidence: String
            public var evidenceText: String
        }

        /// Its patterns besides the one that `summary` is about.
        public var otherPatterns: [PatternDetail] {
            (patternDetails ?? []).filter { $0.summary != summary }
        }

        /// `worker (10.60.4.12)`, or the address alone if it has no name of its own.
        public var who: String {
            workload == offender ? offender : "\(workload) (\(offender))"
        }
    }

    /// A mute.
    public struct Mute: Decodable, Sendable {
        public var number: Int64
        public var workload: String
        public var pattern: String?
        public var until: String
        public var reason: String
        public var by: String
        /// In the answer to a new one: no workload has the name.
        public var warning: String?
    }

    /// The latest incidents, as the monitor's JSON and decoded.
    ///
    /// - Parameter conditions: further parameters of the request, with their values.
    public func incidents(
        limit: Int, where conditions: [(name: String, value: String)] = []
    ) async throws -> (json: String, list: [Incident]) {
        let query = conditions.map { "&\($0.name)=\(Self.escaped($0.value))" }.joined()
        let bytes = try await get("/api/v1/incidents?limit=\(limit)\(query)")
        return (String(decoding: bytes, as: UTF8.self), try decode(bytes))
    }

    /// Sets the state of an incident.
    ///
    /// - Parameter actor: the author of the decision; used if the caller is root.
    public func triage(
        _ incident: String, state: String, comment: String?, actor: String
    ) async throws -> Incident.Triage {
        var body = [("state", JSONText.quoted(state)), ("by", JSONText.quoted(actor))]
        if let comment { body.append(("comment", JSONText.quoted(comment))) }
        return try decode(
            await post(
                "/api/v1/incidents/\(try Self.checked(incident))/triage", JSONText.object(body)))
    }

    /// An alert as a line of EVE JSON, then the changes of the rule that acts on its offender.
    public func alert(_ id: String) async throws -> [String] {
        let path = "/api/v1/events/\(try Self.checked(id))"
        let line = String(decoding: try await get(path), as: UTF8.self)
        let bytes = try await get(path + "/changes")
        let changes = try JSONDecoder().decode([Event].self, from: Data(bytes))
        return [line] + changes.map(\.eve)
    }

    /// The incident that begins with an alert, as JSON and decoded; nil if none does.
    public func incident(_ id: String) async throws -> (json: [UInt8], incident: Incident)? {
        do {
            let bytes = try await get("/api/v1/incidents/\(try Self.checked(id))")
            return (bytes, try decode(bytes))
        } catch ControlError.refused { return nil }
    }

    /// Records feedback on an alert.
    ///
    /// - Parameter word: `benign`, `malicious`, or `withdrawn`, which removes earlier feedback.
    /// - Returns: what is ordinary from now on; nil unless it is benign.
    public func feedback(
        _ id: String, _ word: String, actor: String
    ) async throws -> FeedbackEffect? {
        struct Answer: Decodable {
            var ordinary: [String]?
            var notCovered: [String]?
        }
        let answer: Answer = try decode(
            await post(
                "/api/v1/events/\(try Self.checked(id))/feedback",
                JSONText.object([
                    ("judgement", JSONText.quoted(word)), ("by", JSONText.quoted(actor)),
                ])))
        return answer.ordinary.map {
            FeedbackEffect(ordinary: $0, notCovered: answer.notCovered ?? [])
        }
    }

    /// Has the monitor read its configuration, model and feedback again.
    public func reload() async throws { _ = try await post("/api/v1/reload", "{}") }

    /// An identifier that can be part of a path.
    private static func checked(_ id: String) throws -> String {
        let isPlain = id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        guard !id.isEmpty, isPlain else {
            throw ControlError.refused("'\(id)' is no identifier of an event")
        }
        return id
    }

    public func mutes() async throws -> [Mute] { try decode(try await get("/api/v1/mutes")) }

    /// Adds a mute.
    ///
    /// - Parameter pattern: the name or the title of a pattern; nil: all of them.
    public func mute(
        _ workload: String, pattern: String?, seconds: Int64, reason: String, actor: String
    ) async throws -> Mute {
        var body = [
            ("workload", JSONText.quoted(workload)), ("duration", JSONText.quoted("\(seconds)s")),
            ("reason", JSONText.quoted(reason)), ("by", JSONText.quoted(actor)),
        ]
        if let pattern { body.append(("pattern", JSONText.quoted(pattern))) }
        return try decode(try await post("/api/v1/mutes", JSONText.object(body)))
    }

    public func endMute(_ number: Int64, actor: String) async throws {
        _ = try await post(
            "/api/v1/mutes/\(number)/end", JSONText.object([("by", JSONText.quoted(actor))]))
    }

    /// Decodes an answer, whose keys are in snake case.
    func decode<T: Decodable>(_ bytes: [UInt8]) throws -> T { try Self.decode(bytes) }

    /// The same, of another source's answer.
    static func decode<T: Decodable>(_ bytes: [UInt8]) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(T.self, from: Data(bytes))
    }
}
