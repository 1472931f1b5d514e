internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
import StatusReport
internal import TextFormats
internal import Timestamps

extension ControlRoutes {
    /// What a client asks for.
    private enum Wanted: String, CaseIterable { case enforce, observe, configured }

    static let enforcementOperations: [Operation] = [
        Operation(
            .get, "/api/v1/enforcement", "Whether offenders are fenced, and who has decided that",
            answers: .json(.enforcement)
        ) { context in
            guard let state = context.hub.enforcement else {
                throw ProblemDetails(.unavailable, "the monitor has only begun")
            }
            return JSONText.response(json(state))
        },
        Operation(
            .post, "/api/v1/enforcement",
            """
            Switches between observing and enforcing, also across restarts; active fences stay \
            until they expire or are released
            """,
            access: .act,
            inputs: Input(
                "mode", in: .body, ValueFormat<Wanted>.enumeration,
                "configured: as the configuration says"),
            Input.optional(
                "duration", in: .body, .duration, "For how long; without: until the next switch"),
            Input(
                "reason", in: .body, .text(maxLength: 500), default: "by hand",
                "For the audit trail"),
            Input.optional(
                "by", in: .body, .text(maxLength: 200), "Who decided; taken from root only"),
            answers: .json(.enforcement)
        ) { context, mode, duration, reason, by in
            guard mode != .configured || duration == nil else {
                throw ProblemDetails(
                    .badRequest, "mode 'configured' takes no duration", parameter: "duration")
            }
            do throws(MonitorHub.Objection) {
                return JSONText.response(
                    json(
                        try await context.hub.enforce(
                            EnforcementState.Mode(rawValue: mode.rawValue),
                            for: duration?.interval, reason: reason,
                            actor: context.caller.actor(by))))
            } catch { throw problem(error) }
        },
    ]

    private static func json(_ state: EnforcementState) -> String {
        var object = JSONObject()
        object.put("mode", state.mode.rawValue)
        object.put("configured", state.configured.rawValue)
        object.put("by", state.by)
        object.put("since", state.since.map(UTC.timestamp))
        object.put("until", state.until.map(UTC.timestamp))
        object.put("reason", state.reason)
        return object.text
    }

    /// The configuration with the mode in use.
    static func configuration(_ hub: MonitorHub) -> String {
        guard let state = hub.enforcement, state.by != nil else { return hub.configuration }
        let line = "\nenforce: \(state.configured == .enforce)\n"
        var words = "\nenforce: \(state.mode == .enforce) # switched"
        words += state.by.map { " by \($0.printable)" } ?? ""
        words += state.until.map { " until \(UTC.moment($0))" } ?? ""
        words += "; configured: \(state.configured == .enforce)\n"
        return hub.configuration.replacing(line, with: words, maxReplacements: 1)
    }
}

extension Schema {
    private static let mode = string(
        oneOf: EnforcementState.Mode.allCases.map(\.rawValue))

    static let enforcement = object(
        [("mode", mode), ("configured", mode)],
        optional: [("by", string), ("since", string), ("until", string), ("reason", string)])
}
