internal import Events
internal import HTTPServer
internal import Monitor
internal import Quarantine
internal import TextFormats
internal import Timestamps

extension ControlRoutes {
    static let quarantineOperations: [Operation] = [
        Operation(
            .get, "/api/v1/quarantine", "Active rules, with what the kernel counted",
            answers: .json(.array(of: .rule))
        ) { context in
            do throws(MonitorHub.Objection) {
                let rules = try await context.hub.rules().rules
                return JSONText.response(JSONText.array(rules.map(RuleReport.json)))
            } catch { throw problem(error) }
        },
        Operation(
            .post, "/api/v1/quarantine", "Quarantines an address, prefix, MAC address or port",
            access: .act,
            inputs: target(in: .body),
            Input(
                "duration", in: .body, .duration, default: TimeSpan(seconds: 600),
                "For how long"),
            Input(
                "response", in: .body, .enumeration, default: QuarantineRule.Action.drop,
                "What the rule does"),
            reason(in: .body),
            Input(
                "force", in: .body, .boolean, default: false,
                "Quarantines even what is protected; takes a right of its own"),
            Input.optional(
                "workload", in: .body, .text(maxLength: 500),
                "The target's workload, for lists and for releases by its name"),
            actor, answers: .json(.addition, .created)
        ) { context, target, duration, action, reason, force, workload, actor in
            guard !force || context.caller.mayForce else {
                throw ProblemDetails(
                    .forbidden,
                    "\(context.caller.name) may not override protection: root may, by the "
                        + "socket, and users in control.may_force", parameter: "force")
            }
            do throws(MonitorHub.Objection) {
                return addition(
                    try await context.hub.add(
                        target, action: action, duration: duration.interval, reason: reason,
                        workload: workload, actor: context.caller.actor(actor), force: force))
            } catch { throw problem(error) }
        },
        Operation(
            .delete, "/api/v1/quarantine", "Releases every rule within a target", access: .act,
            inputs: target(in: .query), reason(in: .query), answers: .json(.targets)
        ) { context, target, reason in
            do throws(MonitorHub.Objection) {
                return targets(
                    try await context.hub.release(
                        target, reason: reason, actor: context.caller.name))
            } catch { throw problem(error) }
        },
        Operation(
            .post, "/api/v1/quarantine/release",
            "Releases every rule within a target, for clients that cannot send DELETE",
            access: .act,
            inputs: target(in: .body), reason(in: .body), actor, answers: .json(.targets)
        ) { context, target, reason, actor in
            do throws(MonitorHub.Objection) {
                return targets(
                    try await context.hub.release(
                        target, reason: reason, actor: context.caller.actor(actor)))
            } catch { throw problem(error) }
        },
        Operation(
            .post, "/api/v1/quarantine/flush", "Releases every rule", access: .act,
            inputs: reason(in: .body), actor, answers: .json(.targets)
        ) { context, reason, actor in
            do throws(MonitorHub.Objection) {
                return targets(
                    try await context.hub.flush(
                        reason: reason, actor: context.caller.actor(actor)))
            } catch { throw problem(error) }
        },
    ]

    private static func target(in place: InputDescription.Place) -> Input<QuarantineTarget> {
        Input("target", in: place, .target, "Address, prefix, MAC address or port:NAME")
    }

    private static func reason(in place: InputDescription.Place) -> Input<String> {
        Input(
            "reason", in: place, .text(maxLength: 500), default: "by hand",
            "For the audit trail")
    }

    private static let actor = Input.optional(
        "by", in: .body, .text(maxLength: 200), "Who decided; taken from root only")

    private static func addition(_ added: MonitorHub.Addition) -> Response {
        var object = JSONObject()
        object.put("id", added.rule.id)
        object.put("target", "\(added.rule.target)")
        object.put("response", added.rule.action.rawValue)
        object.put("until", UTC.timestamp(added.rule.expires))
        object.put("until_ns", Int(added.rule.expires.nanoseconds))
        object.put("overridden", added.overridden)
        return JSONText.response(object.text, status: .created)
    }

    private static func targets(_ targets: [QuarantineTarget]) -> Response {
        JSONText.response(JSONText.array(targets.map { JSONText.quoted("\($0)") }))
    }

    static func problem(_ objection: MonitorHub.Objection) -> ProblemDetails {
        switch objection {
        case .notRunning: ProblemDetails(.unavailable, "\(objection)")
        case .observing, .otherEnforcer: ProblemDetails(.conflict, "\(objection)")
        case .refused(.noSuchFence): ProblemDetails(.notFound, "\(objection)")
        case .refused(.protected), .refused(.neverFenced):
            ProblemDetails(.forbidden, "\(objection)")
        case .refused(.ledger): ProblemDetails(.unavailable, "\(objection)")
        case .refused: ProblemDetails(.conflict, "\(objection)")
        }
    }
}
