internal import EventStore
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
import StatusReport
internal import TextFormats
internal import Timestamps

/// Every operation of the API; the router and the OpenAPI document are generated from them.
enum ControlRoutes {
    static let operations: [Operation] =
        healthOperations + statusOperations + eventOperations + packetOperations + triageOperations
        + runtimeEventOperations + flowOperations + imageOperations + riskOperations
        + enforcementOperations + quarantineOperations
        + [
            Operation(
                .get, "/api/v1/openapi.json", "This document", answers: .json(.anyObject)
            ) { _ in
                JSONText.response(OpenAPI.document)
            }
        ] + Dashboard.operations

    static func router(
        _ hub: MonitorHub, _ authentication: AuthenticationMiddleware
    ) -> Router<Caller> {
        let routes = operations.map { operation in
            Router<Caller>.Route(operation.method, operation.pattern) { request, caller in
                guard operation.access != .act || caller.mayAct else {
                    throw ProblemDetails(
                        .forbidden,
                        "\(caller.name) may look but not act; see control.operators and "
                            + "control.token_file")
                }
                return try await operation.respond(
                    Operation.Context(request: request, caller: caller, hub: hub))
            }
        }
        return Router(
            routes, admit: authentication.authenticate,
            problem: { ProblemDetails(.internalError, "\($0)") })
    }

    // MARK: - Health and metrics

    private static let healthOperations: [Operation] = [
        Operation(
            .get, "/healthz", "200 while the packet loop runs", access: .anyone,
            answers: .plain, .unhealthy
        ) { context in
            health(context.hub, isReadiness: false)
        },
        Operation(
            .get, "/readyz",
            """
            200 while it detects, every interface is there, and socket and port can be connected to
            """,
            access: .anyone,
            answers: .plain, .unhealthy
        ) { context in
            health(context.hub, isReadiness: true)
        },
        Operation(
            .get, "/metrics", "Metrics in Prometheus' text format",
            answers: Operation.Answer(type: "text/plain; version=0.0.4; charset=utf-8")
        ) { context in
            JSONText.response(
                MetricsText.text(
                    try status(context.hub), risk: context.hub.risk,
                    open: context.hub.openIncidents),
                type: "text/plain; version=0.0.4; charset=utf-8")
        },
    ]

    // MARK: - The monitor

    private static let statusOperations: [Operation] = [
        Operation(
            .get, "/api/v1/status", "What the monitor has seen, lost and done",
            answers: .json(.status)
        ) { context in
            JSONText.response(try JSONText.encoded(try status(context.hub)))
        },
        Operation(
            .get, "/api/v1/caller", "Who the caller is, and whether it may act",
            answers: .json(.object([("name", .string), ("may_act", .boolean)]))
        ) { context in
            JSONText.response(
                JSONText.object([
                    ("name", JSONText.quoted(context.caller.name)),
                    ("may_act", "\(context.caller.mayAct)"),
                ]))
        },
        Operation(
            .get, "/api/v1/rates",
            "Packets and bits a second, and verdicts, of the last hour in steps of ten seconds",
            answers: .json(.array(of: .rate))
        ) { context in
            JSONText.response(try JSONText.encoded(context.hub.rates))
        },
        Operation(
            .get, "/api/v1/stats", "The stats events that are kept, the latest first",
            inputs: Input(
                "limit", in: .query, .integer(1...10_000), default: 60, "Most events"),
            answers: .json(.array(of: .event))
        ) { context, limit in
            let stats = try store(context.hub).statistics(limit: Int(limit))
            return JSONText.response(JSONText.array(stats.map(\.line)))
        },
        Operation(
            .get, "/api/v1/scores",
            "The highest evidence against each workload in each minute, latest last; 50: the line",
            inputs: Input(
                "minutes", in: .query, .integer(1...1440), default: 60, "How many minutes"),
            Input(
                "limit", in: .query, .integer(1...5000), default: 50,
                "Most workloads, those with the highest scores"),
            Input(
                "match", in: .query, .text(maxLength: 253), default: "",
                "Only workloads whose name contains this"),
            answers: .json(.scores)
        ) { context, minutes, limit, match in
            scores(
                context.hub.scores(ofMinutes: Int(minutes)), limit: Int(limit),
                match: match.lowercased())
        },
        Operation(
            .get, "/api/v1/contacts", "Contacts of the model's clean traffic",
            answers: .json(.array(of: .contact))
        ) { context in
            JSONText.response(try JSONText.encoded(context.hub.contacts))
        },
        Operation(
            .get, "/api/v1/config", "The configuration in use",
            answers: Operation.Answer(type: "application/yaml")
        ) { context in
            JSONText.response(configuration(context.hub), type: "application/yaml")
        },
        Operation(
            .post, "/api/v1/reload",
            "Reads configuration, model and feedback again, as SIGHUP does",
            access: .act, answers: .json(.object([]), .accepted)
        ) { context in
            context.hub.requestReload()
            return JSONText.response("{}", status: .accepted)
        },
        Operation(
            .get, "/api/v1/models", "Models that this node has used, the latest first",
            answers: .json(.array(of: .model))
        ) { context in
            let models = try store(context.hub).models().map { model in
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
    ]

    // MARK: - Helpers

    static func status(_ hub: MonitorHub) throws(ProblemDetails) -> MonitorStatus {
        guard let status = hub.status else {
            throw ProblemDetails(.unavailable, "the monitor has only begun")
        }
        return status
    }

    static func store(_ hub: MonitorHub) throws(ProblemDetails) -> EventStore {
        guard let store = hub.store else {
            throw ProblemDetails(.unavailable, "the monitor is not running")
        }
        return store
    }

    private static func scores(
        _ rows: [(workload: String, scores: [UInt8])], limit: Int, match: String
    ) -> Response {
        let matching = rows.filter {
            match.isEmpty || $0.workload.lowercased().contains(match)
        }.map { (row: $0, most: $0.scores.max() ?? 0) }
        let highest = matching.sorted {
            ($1.most, $0.row.workload) < ($0.most, $1.row.workload)
        }.prefix(limit).map { item in
            JSONText.object([
                ("workload", JSONText.quoted(item.row.workload)),
                ("scores", JSONText.array(item.row.scores.map { "\($0)" })),
            ])
        }
        return JSONText.response(
            JSONText.object([
                ("total", "\(matching.count)"), ("workloads", JSONText.array(highest)),
            ]))
    }

    private static func health(_ hub: MonitorHub, isReadiness: Bool) -> Response {
        func answer(_ status: Status, _ text: String) -> Response {
            JSONText.response(text + "\n", status: status, type: "text/plain")
        }
        guard let status = hub.status else { return answer(.unavailable, "starting") }
        let age = Int64(Date().timeIntervalSince1970) - Int64(status.updated.second)
        // A step of the clock makes the status look old for one second; a loop that hangs stays
        // old.
        guard abs(age) < 10 else {
            return answer(.unavailable, "no packet was worked off for \(age) s")
        }
        guard isReadiness else { return answer(.ok, "ok") }
        if let blind = status.blind { return answer(.unavailable, blind.printable) }
        guard status.phase == .detecting else {
            return answer(.unavailable, "\(status.phase.rawValue)")
        }
        guard status.missing.isEmpty else {
            return answer(.unavailable, "waiting for \(status.missing.joined(separator: ", "))")
        }
        // The current state: the status is up to a second old.
        for entrance in hub.entrances {
            guard let trouble = entrance.trouble else { continue }
            return answer(.unavailable, "control.\(entrance.name): \(trouble)")
        }
        return answer(.ok, "ok")
    }
}

extension Operation.Answer {
    fileprivate static let plain = Self(type: "text/plain")
    fileprivate static let unhealthy = Self(status: .unavailable, type: "text/plain")
}
