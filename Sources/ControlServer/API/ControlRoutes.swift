internal import EventStore
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
internal import Quarantine
internal import TextFormats
internal import Timestamps

/// What can be asked for, in one table: the router and the OpenAPI document are made of it.
struct ControlRoutes: Sendable {
    struct Route: Sendable {
        var method: HTTPServer.Method
        var path: String
        var summary: String
        /// Whether it changes something, and takes the right to.
        var acts = false
        var query: [(name: String, what: String)] = []
        /// Names of the body's members, with what they are.
        var body: [(name: String, what: String)] = []
        var type = "application/json"
        var answer: @Sendable (Request, Caller, MonitorBoard) async throws -> Response
    }

    static func router(_ board: MonitorBoard, _ doorman: Doorman) -> Router<Caller> {
        let routes = table.map { route in
            Router<Caller>.Route(route.method, route.path) { request, caller in
                guard !route.acts || caller.mayAct else {
                    throw Problem(
                        .forbidden, "\(caller.name) may look but not act; see control.operators")
                }
                return try await route.answer(request, caller, board)
            }
        }
        return Router(
            routes, admit: doorman.admit, problem: { Problem(.internalError, "\($0)") })
    }

    static let table: [Route] =
        [
            Route(
                method: .get, path: "/healthz", summary: "200 while packets are worked off",
                type: "text/plain"
            ) { _, _, board in
                try health(board, isReadiness: false)
            },
            Route(
                method: .get, path: "/readyz",
                summary: "200 while it judges, and every interface is there",
                type: "text/plain"
            ) { _, _, board in
                try health(board, isReadiness: true)
            },
            Route(
                method: .get, path: "/metrics", summary: "Metrics for Prometheus",
                type: "text/plain; version=0.0.4"
            ) { _, _, board in
                JSONText.response(
                    MetricsText.text(try status(board)),
                    type: "text/plain; version=0.0.4; charset=utf-8")
            },
            Route(
                method: .get, path: "/api/v1/status",
                summary: "What the monitor has seen, lost and done"
            ) { _, _, board in
                JSONText.response(try JSONText.encoded(try status(board)))
            },
            Route(
                method: .get, path: "/api/v1/rates",
                summary: "Packets, bits and verdicts of the last ten minutes"
            ) { _, _, board in
                JSONText.response(try JSONText.encoded(board.rates))
            },
            Route(
                method: .get, path: "/api/v1/stats",
                summary: "The stats events that are kept, the latest first",
                query: [("limit", "how many, 1 to 10000; 60 without")]
            ) { request, _, board in
                let limit = Int(try number("limit", request, 1...10_000, default: 60))
                return JSONText.response(
                    JSONText.array(try store(board).statistics(limit: limit).map(\.line)))
            },
            Route(
                method: .get, path: "/api/v1/scores",
                summary:
                    "The highest score of each workload in each minute, in hundredths, the latest last",
                query: [
                    ("minutes", "how many, 1 to 1440; 60 without"),
                    ("limit", "how many workloads, those with the highest scores; 50 without"),
                    ("match", "only workloads whose name holds this"),
                ]
            ) { request, _, board in
                let minutes = Int(try number("minutes", request, 1...1440, default: 60))
                let limit = Int(try number("limit", request, 1...5000, default: 50))
                let match = request.query["match"]?.lowercased() ?? ""
                let rows = board.scores(ofMinutes: minutes).filter {
                    match.isEmpty || $0.workload.lowercased().contains(match)
                }.map { (row: $0, most: $0.scores.max() ?? 0) }
                let highest = rows.sorted {
                    ($1.most, $0.row.workload) < ($0.most, $1.row.workload)
                }.prefix(limit).map { item in
                    JSONText.object([
                        ("workload", JSONText.quoted(item.row.workload)),
                        ("scores", JSONText.array(item.row.scores.map { "\($0)" })),
                    ])
                }
                return JSONText.response(
                    JSONText.object([
                        ("total", "\(rows.count)"), ("workloads", JSONText.array(highest)),
                    ]))
            },
            Route(
                method: .get, path: "/api/v1/contacts",
                summary: "Who talks to whom when all is well, as the model knows it"
            ) { _, _, board in
                JSONText.response(try JSONText.encoded(board.contacts))
            },
            Route(
                method: .get, path: "/api/v1/config", summary: "The configuration in use",
                type: "application/yaml"
            ) { _, _, board in
                JSONText.response(board.configuration, type: "application/yaml")
            },
            Route(
                method: .post, path: "/api/v1/reload",
                summary: "Reads configuration, model and feedback anew",
                acts: true
            ) { _, _, board in
                board.requestReload()
                return JSONText.response("{}", status: .accepted)
            },
            Route(
                method: .get, path: "/api/v1/models",
                summary: "Models that this node has used, the latest first"
            ) { _, _, board in
                let models = try store(board).models().map { model in
                    JSONText.object([
                        ("id", JSONText.quoted(model.id)),
                        ("created", JSONText.quoted(UTC.timestamp(model.created))),
                        ("sources", JSONText.quoted(model.path)),
                        ("note", JSONText.quoted(model.note)),
                        ("active", "\(model.isActive)"),
                    ])
                }
                return JSONText.response(JSONText.array(models))
            },
            Route(
                method: .get, path: "/api/v1/openapi.json",
                summary: "This interface, as OpenAPI 3.1"
            ) { _, _, _ in
                JSONText.response(OpenAPI.document)
            },
        ] + eventRoutes + quarantineRoutes + Dashboard.routes

    // MARK: - Helpers

    static func status(_ board: MonitorBoard) throws -> MonitorStatus {
        guard let status = board.status else {
            throw Problem(.unavailable, "the monitor has only begun")
        }
        return status
    }

    static func store(_ board: MonitorBoard) throws -> EventStore {
        guard let store = board.store else {
            throw Problem(.unavailable, "the monitor is not running")
        }
        return store
    }

    /// A whole number of the query, within bounds.
    static func number(
        _ name: String, _ request: Request, _ range: ClosedRange<Int64>, default fallback: Int64
    ) throws -> Int64 {
        guard let text = request.query[name] else { return fallback }
        guard let value = Int64(text), range.contains(value) else {
            throw Problem(
                .badRequest, "\(name) must be \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func health(_ board: MonitorBoard, isReadiness: Bool) throws -> Response {
        func answer(_ status: Status, _ text: String) -> Response {
            JSONText.response(text + "\n", status: status, type: "text/plain")
        }
        guard let status = board.status else { return answer(.unavailable, "starting") }
        let age = Int64(Date().timeIntervalSince1970) - Int64(status.updated.second)
        // A clock that was set makes one second look old; a loop that hangs stays old.
        guard abs(age) < 10 else {
            return answer(.unavailable, "no packet was worked off for \(age) s")
        }
        guard isReadiness else { return answer(.ok, "ok") }
        guard status.phase == .detecting else {
            return answer(.unavailable, "\(status.phase.rawValue)")
        }
        return status.missing.isEmpty
            ? answer(.ok, "ok")
            : answer(.unavailable, "waiting for \(status.missing.joined(separator: ", "))")
    }
}
