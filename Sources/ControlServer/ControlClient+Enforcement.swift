internal import FoundationEssentials

/// The switch between observing and enforcing, for the command line.
extension ControlClient {
    public struct Enforcement: Decodable, Sendable {
        public var mode: String
        public var configured: String
        public var by: String?
        public var since: String?
        public var until: String?
        public var reason: String?
    }

    public func enforcement() async throws -> Enforcement {
        try JSONDecoder().decode(
            Enforcement.self, from: Data(try await get("/api/v1/enforcement")))
    }

    /// - Parameters:
    ///   - mode: `enforce`, `observe` or `configured`.
    ///   - seconds: nil: until the next switch.
    ///   - actor: the author of the decision; used if the caller is root.
    public func enforce(
        _ mode: String, seconds: Int64?, reason: String, actor: String
    ) async throws -> Enforcement {
        var body = [
            ("mode", JSONText.quoted(mode)), ("reason", JSONText.quoted(reason)),
            ("by", JSONText.quoted(actor)),
        ]
        if let seconds { body.append(("duration", JSONText.quoted("\(seconds)s"))) }
        return try JSONDecoder().decode(
            Enforcement.self,
            from: Data(try await post("/api/v1/enforcement", JSONText.object(body))))
    }
}
