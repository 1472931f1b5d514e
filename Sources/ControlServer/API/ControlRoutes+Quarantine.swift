internal import Events
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
internal import Quarantine
internal import TextFormats

extension ControlRoutes {
    /// What is to be fenced.
    struct FenceRequest: Decodable {
        var target: String
        var duration: String?
        var response: String?
        var reason: String?
        var force: Bool?
    }

    static let quarantineRoutes: [Route] = [
        Route(
            method: .get, path: "/api/v1/quarantine",
            summary: "What is fenced, with what was held back"
        ) { _, _, board in
            do throws(MonitorBoard.Objection) {
                return JSONText.response(
                    JSONText.array(try await board.standing().map(FenceReport.json)))
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
            ]
        ) { request, caller, board in
            let asked: FenceRequest
            do {
                asked = try JSONDecoder().decode(FenceRequest.self, from: Data(request.body))
            } catch {
                throw Problem(.badRequest, "send a JSON object with 'target'")
            }
            let target = try target(asked.target)
            let duration = asked.duration ?? "10m"
            guard let span = TimeSpan(duration), span.seconds > 0 else {
                throw Problem(.badRequest, "'\(duration)' is no time; write 90s, 10m, 1h or 2d")
            }
            let word = asked.response ?? "drop"
            guard let response = FenceResponse(rawValue: word) else {
                throw Problem(.badRequest, "'\(word)' is none of drop, egress, limit, observe")
            }
            do throws(MonitorBoard.Objection) {
                let action = try await board.fence(
                    target, response: response, seconds: span.seconds,
                    reason: asked.reason ?? "by hand", actor: caller.name,
                    force: asked.force ?? false)
                return JSONText.response(
                    JSONText.object([
                        ("id", JSONText.quoted(action.id)),
                        ("target", JSONText.quoted("\(action.target)")),
                        ("until", JSONText.quoted(UTC.timestamp(nanoseconds: action.until))),
                    ]), status: .created)
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
                let actions = try await board.release(
                    target, reason: String(reason.prefix(500)), actor: caller.name)
                return JSONText.response(
                    JSONText.array(actions.map { JSONText.quoted("\($0.target)") }))
            } catch { throw problem(error) }
        },
    ]

    private static func target(_ text: String) throws -> FenceTarget {
        guard let target = FenceTarget(text) else {
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
