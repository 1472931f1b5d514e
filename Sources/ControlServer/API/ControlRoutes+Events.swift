internal import EventStore
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Monitor
internal import NIOCore

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
            let events = try store(board).events(limit: Int(limit), before: before)
            return JSONText.response(JSONText.array(events.map(\.body)))
        },
        Route(
            method: .get, path: "/api/v1/events/stream",
            summary:
                "Events as they come (server-sent events); Last-Event-ID goes on where it left off",
            type: "text/event-stream"
        ) { request, _, board in
            stream(board, after: request.headers[.lastEventID].flatMap { UInt64($0) })
        },
        Route(
            method: .get, path: "/api/v1/events/:id", summary: "One event"
        ) { _, context, board in
            let id = try context.parameters.require("id")
            guard let event = try store(board).event(id: id) else {
                throw Refusal(.notFound, "no event \(id); it may be older than what is kept")
            }
            return JSONText.response(event.body)
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
            return JSONText.response(JSONText.array(all.map(\.body)))
        },
        Route(
            method: .get, path: "/api/v1/incidents/:id", summary: "One incident, by its first event"
        ) { _, context, board in
            let id = try context.parameters.require("id")
            let stored = try store(board).incident(id: id)
            guard let found = board.incidents.first(where: { $0.id == id }) ?? stored else {
                throw Refusal(.notFound, "no incident begins with event \(id)")
            }
            return JSONText.response(found.body)
        },
    ]

    /// Seconds between comments that keep a quiet connection alive, and find one that is gone.
    private static let beatSeconds = 15

    private static func stream(_ board: MonitorBoard, after number: UInt64?) -> Response {
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (lines, feeder) = AsyncStream.makeStream(
                    of: String.self, bufferingPolicy: .bufferingNewest(1024))
                group.addTask {
                    for await item in board.follow(after: number) {
                        feeder.yield(
                            "id: \(item.number)\nevent: \(item.event.kind)\n"
                                + "data: \(item.event.body)\n\n")
                    }
                    feeder.finish()
                }
                group.addTask {
                    while !Task.isCancelled {
                        try await Task.sleep(for: .seconds(beatSeconds))
                        feeder.yield(": still here\n\n")
                    }
                }
                for await line in lines { try await writer.write(ByteBuffer(string: line)) }
                group.cancelAll()
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }
}

extension HTTPField.Name {
    static var lastEventID: Self { .init("Last-Event-ID")! }
}
