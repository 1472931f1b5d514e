internal import Events
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
internal import Quarantine
internal import TextFormats
internal import Timestamps

extension ControlRoutes {
    /// A rule that is to be added.
    struct RuleRequest: Decodable {
        var target: String
        var duration: String?
        var response: String?
        var reason: String?
        var force: Bool?
        var by: String?
    }

    /// Rules that are to be removed; without a target: every one.
    struct ReleaseRequest: Decodable {
        var target: String?
        var reason: String?
        var by: String?
    }

    static let quarantineRoutes: [Route] = [
        Route(
            method: .get, path: "/api/v1/quarantine",
            summary: "What is fenced, with what was held back"
        ) { _, _, board in
            do throws(MonitorBoard.Objection) {
                return JSONText.response(
                    JSONText.array(try await board.rules().rules.map(RuleReport.json)))
            } catch { throw problem(error) }
        },
        Route(
            method: .post, path: "/api/v1/quarantine",
            summary: "Fences an address, a prefix or a MAC address",
            acts: true,
            body: [
                ("target", "address, prefix or MAC address"),
                ("duration", "90s, 10m, 1h, 2d; 10m without"),
                ("response", "drop, egress, limit or observe; drop without"),
                ("reason", "for the audit trail"), ("force", "true fences even what is protected"),
                ("by", "whose decision it is, where root asks for somebody"),
            ]
        ) { request, caller, board in
            let asked: RuleRequest
            do {
                asked = try JSONDecoder().decode(RuleRequest.self, from: Data(request.body))
            } catch {
                throw Problem(.badRequest, "send a JSON object with 'target'")
            }
            let target = try target(asked.target)
            let duration = asked.duration ?? "10m"
            guard let span = TimeSpan(duration), span.seconds > 0 else {
                throw Problem(.badRequest, "'\(duration)' is no time; write 90s, 10m, 1h or 2d")
            }
            let word = asked.response ?? "drop"
            guard let action = QuarantineRule.Action(rawValue: word) else {
                throw Problem(.badRequest, "'\(word)' is none of drop, egress, limit, observe")
            }
            do throws(MonitorBoard.Objection) {
                let added = try await board.add(
                    target, action: action, duration: span.interval,
                    reason: asked.reason ?? "by hand", actor: caller.actor(asked.by),
                    force: asked.force ?? false)
                let rule = added.rule
                return JSONText.response(
                    JSONText.object(
                        [
                            ("id", JSONText.quoted(rule.id)),
                            ("target", JSONText.quoted("\(rule.target)")),
                            ("response", JSONText.quoted(rule.action.rawValue)),
                            ("until", JSONText.quoted(UTC.timestamp(rule.expires))),
                            ("until_ns", "\(rule.expires.nanoseconds)"),
                        ] + (added.overridden.map { [("overridden", JSONText.quoted($0))] } ?? [])),
                    status: .created)
            } catch { throw problem(error) }
        },
        Route(
            method: .delete, path: "/api/v1/quarantine",
            summary: "Takes down every fence in a target",
            acts: true,
            query: [
                ("target", "address, prefix or MAC address"), ("reason", "for the audit trail"),
            ]
        ) { request, caller, board in
            let target = try target(request.query["target"] ?? "")
            let reason = request.query["reason"] ?? "by hand"
            do throws(MonitorBoard.Objection) {
                return targets(
                    try await board.release(
                        target, reason: String(reason.prefix(500)), actor: caller.name))
            } catch { throw problem(error) }
        },
        Route(
            method: .post, path: "/api/v1/quarantine/release",
            summary: "The same, for who cannot send DELETE",
            acts: true,
            body: [
                ("target", "address, prefix or MAC address"), ("reason", "for the audit trail"),
                ("by", "whose decision it is, where root asks for somebody"),
            ]
        ) { request, caller, board in
            let asked = try release(request)
            let target = try target(asked.target ?? "")
            do throws(MonitorBoard.Objection) {
                return targets(
                    try await board.release(
                        target, reason: asked.reason ?? "by hand", actor: caller.actor(asked.by)))
            } catch { throw problem(error) }
        },
        Route(
            method: .post, path: "/api/v1/quarantine/flush",
            summary: "Takes down every fence",
            acts: true,
            body: [
                ("reason", "for the audit trail"),
                ("by", "whose decision it is, where root asks for somebody"),
            ]
        ) { request, caller, board in
            let asked = try release(request)
            do throws(MonitorBoard.Objection) {
                return targets(
                    try await board.flush(
                        reason: asked.reason ?? "by hand", actor: caller.actor(asked.by)))
            } catch { throw problem(error) }
        },
    ]

    private static func release(_ request: Request) throws -> ReleaseRequest {
        do {
            return try JSONDecoder().decode(ReleaseRequest.self, from: Data(request.body))
        } catch { throw Problem(.badRequest, "send a JSON object") }
    }

    private static func targets(_ targets: [QuarantineTarget]) -> Response {
        JSONText.response(JSONText.array(targets.map { JSONText.quoted("\($0)") }))
    }

    private static func target(_ text: String) throws -> QuarantineTarget {
        guard let target = QuarantineTarget(text) else {
            throw Problem(.badRequest, "'\(text)' is no address, prefix or MAC address")
        }
        return target
    }

    private static func problem(_ objection: MonitorBoard.Objection) -> Problem {
        switch objection {
        case .notRunning: Problem(.unavailable, "\(objection)")
        case .observing: Problem(.conflict, "\(objection)")
        case .refused(.noSuchFence): Problem(.notFound, "\(objection)")
        case .refused(.protected): Problem(.forbidden, "\(objection)")
        case .refused(.ledger): Problem(.unavailable, "\(objection)")
        case .refused: Problem(.conflict, "\(objection)")
        }
    }
}
