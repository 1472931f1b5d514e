internal import EventStore
internal import Events
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
internal import Timestamps

extension ControlRoutes {
    static let eventRoutes: [Route] = [
        Route(
            method: .get, path: "/api/v1/events",
            summary: "Alerts and quarantine actions as EVE JSON, the latest first",
            query: [
                ("limit", "how many at most, 1 to 1000; 100 without"),
                ("before", "nanoseconds since 1970: only what is older"),
            ]
        ) { request, _, board in
            let limit = try number("limit", request, 1...1000, default: 100)
            let before = try number("before", request, 0...Int64.max, default: .max)
            let events = try store(board).events(
                limit: Int(limit), before: Timestamp(nanoseconds: before))
            return JSONText.response(JSONText.array(events.map(\.line)))
        },
        Route(
            method: .get, path: "/api/v1/events/stream",
            summary:
                "Events as they come (server-sent events); Last-Event-ID goes on where it left off",
            type: "text/event-stream"
        ) { request, _, board in
            stream(board, after: request.headers["Last-Event-ID"].flatMap { UInt64($0) })
        },
        Route(
            method: .get, path: "/api/v1/events/:id", summary: "One event"
        ) { request, _, board in
            let id = request.parameters["id"] ?? ""
            guard let event = try store(board).event(id: id) else {
                throw Problem(.notFound, "no event \(id); it may be older than what is kept")
            }
            return JSONText.response(event.line)
        },
        Route(
            method: .get, path: "/api/v1/incidents", summary: "Incidents, the latest first",
            query: [
                ("limit", "how many at most, 1 to 1000; 100 without"),
                ("before", "seconds since 1970: only what began before"),
            ]
        ) { request, _, board in
            let limit = Int(try number("limit", request, 1...1000, default: 100))
            let before = try number("before", request, 0...Int64.max, default: .max)
            // What goes on is on the board before it is in the store.
            let fresh = board.incidents.filter { $0.start < before }
            let known = Set(fresh.map(\.id))
            let stored = try store(board).incidents(limit: limit, before: before)
                .filter { !known.contains($0.id) }
            let all = (fresh + stored).sorted { $0.start > $1.start }.prefix(limit)
            return JSONText.response(JSONText.array(all.map(\.json)))
        },
        Route(
            method: .get, path: "/api/v1/incidents/:id", summary: "One incident, by its first event"
        ) { request, _, board in
            let id = request.parameters["id"] ?? ""
            let stored = try store(board).incident(id: id)
            guard let found = board.incidents.first(where: { $0.id == id }) ?? stored else {
                throw Problem(.notFound, "no incident begins with event \(id)")
            }
            return JSONText.response(found.json)
        },
    ]

    private static func stream(_ board: MonitorBoard, after number: UInt64?) -> Response {
        let events = board.follow(after: number).map { item in
            ServerSentEvent(
                id: "\(item.number)", event: item.event.event.kind.rawValue,
                data: item.event.line)
        }
        return Response(events: events, retryMilliseconds: 2000)
    }
}
