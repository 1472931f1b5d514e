internal import EventStore
internal import FoundationEssentials

/// Triage and mutes of a running monitor, for the command line.
extension ControlClient {
    /// An incident as `lazaret incidents` shows it.
    public struct Incident: Decodable, Sendable {
        public struct Triage: Decodable, Sendable {
            public var state: String
            public var comment: String?
            public var by: String?
        }

        public var eventId: String
        public var offender: String
        public var workload: String
        public var start: Int64
        public var end: Int64
        public var summary: String
        public var targetText: String?
        public var decision: String
        public var triage: Triage

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
    }

    /// The latest incidents, as the monitor's JSON and decoded.
    public func incidents(limit: Int) async throws -> (json: String, list: [Incident]) {
        let bytes = try await get("/api/v1/incidents?limit=\(limit)")
        return (String(decoding: bytes, as: UTF8.self), try decode(bytes))
    }

    /// Sets the state of an incident.
    ///
    /// - Parameter actor: the author of the decision; used if the caller is root.
    public func triage(
        _ incident: String, state: String, comment: String?, actor: String
    ) async throws {
        var body = [("state", JSONText.quoted(state)), ("by", JSONText.quoted(actor))]
        if let comment { body.append(("comment", JSONText.quoted(comment))) }
        let id = incident.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        guard !id.isEmpty, id == incident else {
            throw ControlError.refused("'\(incident)' is no identifier of an incident")
        }
        _ = try await post("/api/v1/incidents/\(id)/triage", JSONText.object(body))
    }

    public func mutes() async throws -> [Mute] { try decode(try await get("/api/v1/mutes")) }

    /// Adds a mute.
    ///
    /// - Parameter pattern: the title of a pattern; nil: all of them.
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

    private func decode<T: Decodable>(_ bytes: [UInt8]) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(T.self, from: Data(bytes))
    }
}
