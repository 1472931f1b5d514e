internal import Events
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
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
            } catch { throw refusal(error) }
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
        ) { request, context, board in
            let asked: FenceRequest
            do {
                asked = try await request.decode(as: FenceRequest.self, context: context)
            } catch {
                throw Refusal(
                    .badRequest,
                    "send a JSON object with 'target' and Content-Type: application/json")
            }
            let target = try target(asked.target)
            let duration = asked.duration ?? "10m"
            guard let span = TimeSpan(duration), span.seconds > 0 else {
                throw Refusal(.badRequest, "'\(duration)' is no time; write 90s, 10m, 1h or 2d")
            }
            let word = asked.response ?? "drop"
            guard let response = FenceResponse(rawValue: word) else {
                throw Refusal(.badRequest, "'\(word)' is none of drop, egress, limit, observe")
            }
            do throws(MonitorBoard.Objection) {
                let action = try await board.fence(
                    target, response: response, seconds: span.seconds,
                    reason: asked.reason ?? "by hand", actor: context.caller.name,
                    force: asked.force ?? false)
                return JSONText.response(
                    JSONText.object([
                        ("id", JSONText.quoted(action.id)),
                        ("target", JSONText.quoted("\(action.target)")),
                        ("until", JSONText.quoted(UTC.timestamp(nanoseconds: action.until))),
                    ]), status: .created)
            } catch { throw refusal(error) }
        },
        Route(
            method: .delete, path: "/api/v1/quarantine",
            summary: "Takes down every fence in a target",
            acts: true,
            query: [
                ("target", "address, prefix or MAC address"), ("reason", "for the audit trail"),
            ]
        ) { request, context, board in
            let target = try target(request.uri.queryParameters["target"].map(String.init) ?? "")
            let reason = request.uri.queryParameters["reason"].map(String.init) ?? "by hand"
            do throws(MonitorBoard.Objection) {
                let actions = try await board.release(
                    target, reason: String(reason.prefix(500)), actor: context.caller.name)
                return JSONText.response(
                    JSONText.array(actions.map { JSONText.quoted("\($0.target)") }))
            } catch { throw refusal(error) }
        },
    ]

    private static func target(_ text: String) throws -> FenceTarget {
        guard let target = FenceTarget(text) else {
            throw Refusal(.badRequest, "'\(text)' is no address, prefix or MAC address")
        }
        return target
    }

    private static func refusal(_ objection: MonitorBoard.Objection) -> Refusal {
        switch objection {
        case .notRunning: Refusal(.serviceUnavailable, "\(objection)")
        case .observing: Refusal(.conflict, "\(objection)")
        case .refused(.noSuchFence): Refusal(.notFound, "\(objection)")
        case .refused(.protected): Refusal(.forbidden, "\(objection)")
        case .refused(.ledger): Refusal(.serviceUnavailable, "\(objection)")
        case .refused: Refusal(.conflict, "\(objection)")
        }
    }
}
