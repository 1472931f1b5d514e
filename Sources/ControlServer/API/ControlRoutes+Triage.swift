import AttackPatterns
internal import EventStore
internal import HTTPServer
internal import ModelFiles
internal import Monitor
internal import TextFormats
internal import Timestamps

extension ControlRoutes {
    static let triageOperations: [Operation] = [
        Operation(
            .post, "/api/v1/incidents/{id}/triage",
            """
            Sets the state of an incident; benign and malicious are also feedback on it, as \
            'lazaret feedback' gives it
            """,
            access: .act,
            inputs: Input(
                "id", in: .path, .text(maxLength: 64), "Identifier of its first event"),
            Input("state", in: .body, ValueFormat<Triage.State>.enumeration, "The new state"),
            Input.optional(
                "comment", in: .body, .text(maxLength: 2000), "Replaces an earlier comment"),
            by, answers: .json(.triage)
        ) { context, id, state, comment, by in
            do throws(MonitorHub.TriageError) {
                let said = try context.hub.triage(
                    id, state, comment: comment, actor: context.caller.actor(by))
                return JSONText.response(
                    json(
                        said.triage, withdrawsFeedback: said.withdrawsFeedback, said.effect))
            } catch { throw problem(error) }
        },
        Operation(
            .post, "/api/v1/events/{id}/feedback",
            "Records feedback on an alert, as 'lazaret feedback' does; it is used at once",
            access: .act,
            inputs: Input("id", in: .path, .text(maxLength: 64), "Identifier of an alert"),
            Input(
                "judgement", in: .body, ValueFormat<MonitorHub.FeedbackWord>.enumeration,
                "What it is; withdrawn removes earlier feedback"),
            by, answers: .json(.object([], optional: Schema.effect))
        ) { context, id, word, by in
            do throws(MonitorHub.TriageError) {
                let effect = try context.hub.judge(
                    alert: id, word, actor: context.caller.actor(by))
                var object = JSONObject()
                put(effect, in: &object)
                return JSONText.response(object.text)
            } catch { throw problem(error) }
        },
        Operation(
            .get, "/api/v1/mutes", "Alerts that are not reported, until when",
            answers: .json(.array(of: .mute))
        ) { context in
            do throws(MonitorHub.TriageError) {
                let mutes = try context.hub.activeMutes().map { json($0) }
                return JSONText.response(JSONText.array(mutes))
            } catch { throw problem(error) }
        },
        Operation(
            .post, "/api/v1/mutes",
            """
            Reports no alerts of a workload for a time; incidents are still kept, and offenders \
            still fenced
            """,
            access: .act,
            inputs: Input(
                "workload", in: .body, .muteWorkload, "Name of the workload, or an address"),
            Input.optional("pattern", in: .body, .pattern, "Only this pattern"),
            Input("duration", in: .body, .duration, "For how long"),
            Input(
                "reason", in: .body, .text(maxLength: 500), default: "by hand",
                "For the audit trail"),
            by, answers: .json(.mute, .created)
        ) { context, workload, pattern, duration, reason, by in
            let now = Clock.now()
            do throws(MonitorHub.TriageError) {
                let mute = try context.hub.add(
                    Mute(
                        workload: workload, pattern: pattern, until: now + duration.interval,
                        reason: reason, actor: context.caller.actor(by), created: now))
                let similar = context.hub.names(like: workload)
                return JSONText.response(json(mute, similar: similar), status: .created)
            } catch { throw problem(error) }
        },
        Operation(
            .post, "/api/v1/mutes/{number}/end", "Reports these alerts again", access: .act,
            inputs: Input(
                "number", in: .path, .integer(1...Int64.max), "Number of the mute"),
            by, answers: .json(.object([]))
        ) { context, number, by in
            do throws(MonitorHub.TriageError) {
                try context.hub.endMute(number, actor: context.caller.actor(by))
                return JSONText.response("{}")
            } catch { throw problem(error) }
        },
    ]

    private static let by = Input.optional(
        "by", in: .body, .text(maxLength: 200), "Who decided; taken from root only")

    /// Incidents as JSON, each with what became of the decision and what an operator has said.
    static func triaged(_ incidents: [StoredIncident], _ hub: MonitorHub) throws -> [String] {
        try triaged(incidents, store(hub))
    }

    /// The same, from a store.
    static func triaged(
        _ incidents: [StoredIncident], _ store: EventStore
    ) throws(EventStoreError) -> [String] {
        let triage = try store.triage(of: incidents.map(\.id))
        let outcomes = try store.outcomes(of: incidents, at: Clock.now())
        return incidents.map { incident in
            let said = triage[incident.id].map { json($0) } ?? #"{"state":"new"}"#
            let outcome = outcomes[incident.id].map { ",\"outcome\":\($0.json)" } ?? ""
            // The stored text is an object with at least an identifier.
            return "\(incident.json.dropLast())\(outcome),\"triage\":\(said)}"
        }
    }

    private static func put(_ effect: FeedbackEffect?, in object: inout JSONObject) {
        guard let effect else { return }
        object.put("ordinary", effect.ordinary)
        object.put("not_covered", effect.notCovered)
    }

    private static func json(
        _ triage: Triage, withdrawsFeedback: Bool = false, _ effect: FeedbackEffect? = nil
    ) -> String {
        var object = JSONObject()
        object.put("state", triage.state.rawValue)
        object.put("comment", triage.comment)
        object.put("by", triage.actor)
        object.put("time", UTC.timestamp(triage.time))
        if withdrawsFeedback { object.put("feedback", MonitorHub.FeedbackWord.withdrawn.rawValue) }
        put(effect, in: &object)
        return object.text
    }

    /// - Parameter similar: names like that of the workload; nil: the name is known.
    private static func json(_ mute: Mute, similar: [String]? = nil) -> String {
        var object = JSONObject()
        object.put("number", Int(mute.number))
        object.put("workload", mute.workload)
        object.put("pattern", mute.pattern.map { Pattern(named: $0)?.rawValue ?? $0 })
        object.put("until", UTC.timestamp(mute.until))
        object.put("reason", mute.reason)
        object.put("by", mute.actor)
        object.put("created", UTC.timestamp(mute.created))
        if let similar {
            let names = similar.joined(separator: ", ")
            object.put(
                "warning",
                "no workload has the name '\(mute.workload)'"
                    + (names.isEmpty ? "" : "; similar names: \(names)"))
        }
        return object.text
    }

    private static func problem(_ error: MonitorHub.TriageError) -> ProblemDetails {
        switch error {
        case .notRunning, .store: ProblemDetails(.unavailable, "\(error)")
        case .noSuchIncident, .noSuchMute, .noSuchAlert: ProblemDetails(.notFound, "\(error)")
        case .full, .feedback, .unrecorded: ProblemDetails(.conflict, "\(error)")
        }
    }
}

extension ValueFormat where Value == String {
    fileprivate static var muteWorkload: Self {
        Self(
            schema: .string(maxLength: 253).with("minLength", "1"),
            expectation: "a name or an address of 1 to 253 characters",
            decode: { value in
                guard case .text(let text) = value, !text.isEmpty,
                    text.unicodeScalars.count <= 253
                else { return nil }
                return text
            }, json: JSONText.quoted)
    }

    /// The name of a pattern, such as `port_scan`; its title, `port scan`, is accepted, too.
    static var pattern: Self {
        let names = Pattern.allCases.map(\.rawValue)
        return Self(
            schema: .string.with("examples", JSONText.array(names.map(JSONText.quoted))),
            expectation: "one of \(names.sorted().joined(separator: ", "))",
            decode: { value in
                guard case .text(let text) = value else { return nil }
                return Pattern(named: text)?.rawValue
            }, json: JSONText.quoted)
    }
}

extension Schema {
    static let triage = object(
        [("state", string(oneOf: Triage.State.allCases.map(\.rawValue)))],
        optional: [
            ("comment", string), ("by", string), ("time", string),
            ("feedback", string(oneOf: [MonitorHub.FeedbackWord.withdrawn.rawValue])),
        ] + effect)

    /// What is ordinary from now on, and what is not, as lines of text.
    fileprivate static let effect = [
        ("ordinary", array(of: string)), ("not_covered", array(of: string)),
    ]

    fileprivate static let mute = object(
        [
            ("number", integer), ("workload", string), ("until", string), ("reason", string),
            ("by", string), ("created", string),
        ], optional: [("pattern", string), ("warning", string)])
}
