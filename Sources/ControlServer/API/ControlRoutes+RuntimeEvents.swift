internal import HTTPServer
internal import Monitor

extension ControlRoutes {
    static let runtimeEventOperations: [Operation] = [
        Operation(
            .post, "/api/v1/runtime-events",
            "Takes in alerts of Falco, events of Tetragon and records of auditd",
            access: .act,
            rawBody: "One event, or one on each line, as the tool writes it; at most 64 KiB",
            answers: .json(.object([]), .accepted)
        ) { context in
            guard !context.request.body.isEmpty else {
                throw ProblemDetails(.badRequest, "the body is empty: send one event a line")
            }
            do throws(MonitorHub.RuntimeEventRefusal) {
                try context.hub.submit(runtimeEvents: context.request.body)
            } catch { throw ProblemDetails(.unavailable, "\(error)") }
            return JSONText.response("{}", status: .accepted)
        }
    ]
}
