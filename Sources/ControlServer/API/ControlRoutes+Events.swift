internal import EventStore
internal import Events
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
internal import Timestamps

extension ControlRoutes {
    static let eventOperations: [Operation] = [
        Operation(
            .get, "/api/v1/events", "Alerts and quarantine actions as EVE JSON, the latest first",
            inputs: limit,
            Input.optional(
                "before", in: .query, .integer(0...Int64.max),
                "Nanoseconds since 1970: only older events"),
            answers: .json(.array(of: .event))
        ) { context, limit, before in
            let events = try store(context.hub).events(
                limit: Int(limit), before: Timestamp(nanoseconds: before ?? .max))
            return JSONText.response(JSONText.array(events.map(\.line)))
        },
        Operation(
            .get, "/api/v1/events/stream",
            "Events as they come (server-sent events); 'missed' is the number that came too fast",
            inputs: Input.optional(
                "Last-Event-ID", in: .header, .integer(0...Int64.max),
                "Begins after this event, if it is still in memory"),
            answers: Operation.Answer(type: "text/event-stream")
        ) { context, last in
            let events = context.hub.follow(after: last.map(UInt64.init)).map { item in
                switch item {
                case .event(let number, let event):
                    ServerSentEvent(
                        id: "\(number)", event: event.event.kind.rawValue, data: event.line)
                case .missed(let count, let last):
                    ServerSentEvent(
                        id: "\(last)", event: ControlClient.missedKind,
                        data: "{\"missed\":\(count)}")
                }
            }
            return Response(events: events, retryMilliseconds: 2000)
        },
        Operation(
            .get, "/api/v1/events/{id}", "One event", inputs: identifier, answers: .json(.event)
        ) { context, id in
            guard let event = try store(context.hub).event(id: id) else {
                throw ProblemDetails(
                    .notFound, "no event \(id); it may be older than what is kept")
            }
            return JSONText.response(event.line)
        },
        Operation(
            .get, "/api/v1/events/{id}/changes",
            "The changes of the rule that acts on an alert's offender, the earliest first",
            inputs: identifier, answers: .json(.array(of: .event))
        ) { context, id in
            let kept = try store(context.hub)
            guard let event = try kept.event(id: id) else {
                throw ProblemDetails(
                    .notFound, "no event \(id); it may be older than what is kept")
            }
            let rule = try? Event(eve: Data(event.line.utf8)).quarantineID
            let changes = try rule.map { try kept.changes(ofRule: $0) } ?? []
            return JSONText.response(JSONText.array(changes.map(\.line)))
        },
        Operation(
            .get, "/api/v1/incidents", "Incidents, the latest first",
            inputs: limit,
            Input.optional(
                "before", in: .query, .integer(0...Int64.max),
                "Seconds since 1970: only incidents that began earlier"),
            Input(
                "match", in: .query, .text(maxLength: 253), default: "",
                "Only with this in the names or addresses of offender or target"),
            Input.optional("pattern", in: .query, .pattern, "Only with this pattern"),
            Input.optional(
                "state", in: .query, ValueFormat<Triage.State>.enumeration, "Only in this state"),
            Input.optional(
                "severity", in: .query, ValueFormat<Severity>.enumeration, "Only of this severity"),
            answers: .json(.array(of: .incident))
        ) { context, limit, before, match, pattern, state, severity in
            var filter = IncidentFilter()
            filter.text = match
            filter.pattern = pattern
            filter.state = state
            filter.severity = severity?.value
            let all = try await incidents(
                context.hub, limit: Int(limit), before: before ?? .max, matching: filter)
            return JSONText.response(JSONText.array(try triaged(all, context.hub)))
        },
        Operation(
            .get, "/api/v1/incidents/{id}", "One incident, by its first event",
            inputs: identifier, answers: .json(.incident)
        ) { context, id in
            guard let found = try incident(id, context.hub) else {
                throw ProblemDetails(.notFound, "no incident begins with event \(id)")
            }
            return JSONText.response(try triaged([found], context.hub)[0])
        },
    ]

    private static let searches = DiskQueue("incident searches")

    /// The severities that alerts have.
    private enum Severity: String, CaseIterable {
        case high, medium, low

        var value: Event.Severity {
            switch self {
            case .high: .high
            case .medium: .medium
            case .low: .low
            }
        }
    }

    /// Incidents, latest first; the hub has current ones before the store does.
    private static func incidents(
        _ hub: MonitorHub, limit: Int, before: Int64, matching filter: IncidentFilter
    ) async throws -> [StoredIncident] {
        let current = hub.incidents
        let states = try hub.triage(of: current.map(\.id))
        let fresh = current.filter {
            $0.start < before && filter.matches($0, states[$0.id]?.state ?? .new)
        }
        let known = Set(current.map(\.id))
        let kept = try store(hub)
        // A search reads many incidents, so few of them wait at a time.
        let stored =
            filter == IncidentFilter()
            ? try kept.incidents(limit: limit, before: before)
            : try await searches.run { () throws(EventStoreError) in
                try kept.incidents(limit: limit, before: before, matching: filter)
            }.get()
        let others = stored.filter { !known.contains($0.id) }
        return Array((fresh + others).sorted { $0.start > $1.start }.prefix(limit))
    }

    /// The incident that begins with an event; the hub has current ones before the store does.
    static func incident(_ id: String, _ hub: MonitorHub) throws -> StoredIncident? {
        let stored = try store(hub).incident(id: id)
        return hub.incidents.first { $0.id == id } ?? stored
    }

    private static let limit = Input(
        "limit", in: .query, .integer(1...1000), default: 100, "Most items of the answer")

    private static let identifier = Input(
        "id", in: .path, .text(maxLength: 64), "Identifier of an event")
}
