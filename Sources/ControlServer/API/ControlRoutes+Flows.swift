internal import FlowHistory
internal import HTTPServer
internal import Monitor
import StatusReport
internal import Timestamps

extension ControlRoutes {
    static let flowOperations: [Operation] = [
        Operation(
            .get, "/api/v1/flows",
            "Flows of the history, the latest first; 'before' of an answer is that of the next one",
            inputs: Input.optional(
                "from", in: .query, .integer(0...seconds), "Seconds since 1970: active since then"),
            Input.optional(
                "to", in: .query, .integer(0...seconds), "Seconds since 1970: begun until then"),
            Input.optional(
                "workload", in: .query, .flowHost, "One end: a workload, address or prefix"),
            Input.optional("peer", in: .query, .flowHost, "The other end"),
            Input.optional("port", in: .query, .flowPort, "The responder's port: 443 or udp/53"),
            Input("limit", in: .query, .integer(1...1000), default: 100, "Most flows"),
            Input.optional(
                "before", in: .query, .integer(0...Int64.max), "Only flows with smaller numbers"),
            answers: .json(.flows)
        ) { context, from, to, workload, peer, port, limit, before in
            var query = FlowQuery()
            query.from = from.map { Timestamp(second: $0) }
            query.to = to.map { Timestamp(second: $0) }
            query.workload = workload
            query.peer = peer
            query.port = port
            let page = try await page(context.hub, query, before: before, limit: Int(limit))
            var answer = [
                ("flows", JSONText.array(page.rows.map(\.json))), ("damaged", "\(page.damaged)"),
            ]
            if let before = page.before { answer.append(("before", "\(before)")) }
            return JSONText.response(JSONText.object(answer))
        }
    ]

    /// The last second that a time stamp can have.
    private static let seconds = Int64(Timestamp.distantFuture.second)

    private static let queue = DiskQueue("flow queries")

    private static func page(
        _ hub: MonitorHub, _ query: FlowQuery, before: Int64?, limit: Int
    ) async throws(ProblemDetails) -> FlowPage {
        guard let status = hub.status, let directory = status.stateDirectory else {
            throw ProblemDetails(.unavailable, "the monitor has only begun")
        }
        let result = try await queue.run { () throws(HistoryError) in
            try HistoryReader(directory: directory).page(query, before: before, limit: limit)
        }
        switch result {
        case .success(let page): return page
        case .failure(let error):
            if case .missing = error { throw ProblemDetails(.notFound, "\(error)") }
            throw ProblemDetails(.unavailable, "\(error)")
        }
    }
}

extension ValueFormat where Value == FlowQuery.Host {
    /// An address, a prefix, or a workload's name.
    fileprivate static var flowHost: Self {
        Self(
            schema: .string(maxLength: 253),
            expectation: "a workload, an address or a prefix of 1 to 253 characters",
            decode: { value in
                guard case .text(let text) = value, !text.isEmpty,
                    text.unicodeScalars.count <= 253
                else { return nil }
                return FlowQuery.Host(text)
            }, json: { JSONText.quoted("\($0)") })
    }
}

extension ValueFormat where Value == FlowQuery.Port {
    fileprivate static var flowPort: Self {
        Self(
            schema: .string.with("pattern", JSONText.quoted("^([a-z0-9]+/)?[0-9]+$")),
            expectation: "a port such as 443, tcp/443 or udp/53",
            decode: { value in
                guard case .text(let text) = value else { return nil }
                return FlowQuery.Port(text)
            }, json: { JSONText.quoted("\($0.number)") })
    }
}

extension Schema {
    static let history = object(
        [
            ("flows", integer), ("bytes", integer), ("written", count), ("lost", count),
            ("waiting", count),
        ], optional: [("oldest", integer), ("trouble", string)])

    fileprivate static let flows = object(
        [
            ("flows", array(of: flow)), ("damaged", count.with("description", damaged)),
        ], optional: [("before", integer.with("description", next))])

    private static let damaged = JSONText.quoted("Flows of the page that cannot be read")
    private static let next = JSONText.quoted("For the next page; missing: this is the last")

    private static let flow = object(
        [
            ("number", integer), ("start", string), ("end", string), ("proto", string),
            ("orig", string), ("orig_port", count), ("resp", string), ("resp_port", count),
            ("conn_state", string), ("continued", boolean), ("orig_packets", count),
            ("orig_bytes", count), ("resp_packets", count), ("resp_bytes", count),
        ], optional: [("orig_workload", string), ("resp_workload", string)])
}
