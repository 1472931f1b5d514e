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
        },
        Operation(
            .get, "/api/v1/talkers",
            "The workloads with the most traffic in the flows of the history",
            inputs: Input.optional(
                "from", in: .query, .integer(0...seconds),
                "Seconds since 1970: flows active since then; default: an hour ago"),
            Input.optional(
                "to", in: .query, .integer(0...seconds),
                "Seconds since 1970: flows begun until then; default: now"),
            Input<FlowTalkers.Order>(
                "order", in: .query, .enumeration, default: .bytes, "By what they are ranked"),
            Input("limit", in: .query, .integer(1...1000), default: 20, "Most workloads"),
            answers: .json(.talkers)
        ) { context, from, to, order, limit in
            let now = Int64(Clock.now().second)
            let last = to ?? now
            let first = from ?? max(0, last - 3600)
            let found = try await talkers(
                context.hub, Timestamp(second: first)...Timestamp(second: max(first, last)),
                by: order, limit: Int(limit))
            return JSONText.response(
                JSONText.object([
                    ("from", "\(first)"), ("to", "\(last)"), ("total", "\(found.total)"),
                    ("forged", "\(found.forged)"), ("partial", "\(found.isPartial)"),
                    ("talkers", JSONText.array(found.talkers.map(json))),
                ]))
        },
    ]

    private static func talkers(
        _ hub: MonitorHub, _ time: ClosedRange<Timestamp>, by order: FlowTalkers.Order, limit: Int
    ) async throws(ProblemDetails) -> FlowTalkers {
        try await read(hub) { (reader) throws(HistoryError) in
            try reader.talkers(
                from: time.lowerBound, to: time.upperBound, by: order, limit: limit)
        }
    }

    private static func json(_ talker: FlowTalker) -> String {
        JSONText.object([
            ("name", JSONText.quoted(talker.name)), ("flows", "\(talker.flows)"),
            ("bytes_sent", "\(talker.bytesSent)"), ("bytes_received", "\(talker.bytesReceived)"),
            ("peers", "\(talker.peers)"), ("new_peers", "\(talker.newPeers)"),
        ])
    }

    /// The last second that a time stamp can have.
    private static let seconds = Int64(Timestamp.distantFuture.second)

    private static let queue = DiskQueue("flow queries")

    private static func page(
        _ hub: MonitorHub, _ query: FlowQuery, before: Int64?, limit: Int
    ) async throws(ProblemDetails) -> FlowPage {
        try await read(hub) { (reader) throws(HistoryError) in
            try reader.page(query, before: before, limit: limit)
        }
    }

    private static func read<T: Sendable>(
        _ hub: MonitorHub, _ body: @escaping @Sendable (HistoryReader) throws(HistoryError) -> T
    ) async throws(ProblemDetails) -> T {
        guard let status = hub.status, let directory = status.stateDirectory else {
            throw ProblemDetails(.unavailable, "the monitor has only begun")
        }
        let result = try await queue.run { () throws(HistoryError) in
            try body(HistoryReader(directory: directory))
        }
        switch result {
        case .success(let found): return found
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

    fileprivate static let talkers = object([
        ("from", integer), ("to", integer),
        ("total", count.with("description", JSONText.quoted("Workloads and addresses with flows"))),
        (
            "forged",
            count.with(
                "description",
                JSONText.quoted("Addresses that may be forged: one talker stands for all of them"))
        ),
        (
            "partial",
            boolean.with("description", JSONText.quoted("There were more flows than are counted"))
        ),
        (
            "talkers",
            array(
                of: object([
                    ("name", string), ("flows", count), ("bytes_sent", count),
                    ("bytes_received", count), ("peers", count),
                    (
                        "new_peers",
                        count.with(
                            "description",
                            JSONText.quoted("Peers with contacts that the baseline does not know"))
                    ),
                ]))
        ),
    ])

    private static let damaged = JSONText.quoted("Flows of the page that cannot be read")
    private static let next = JSONText.quoted("For the next page; missing: this is the last")

    private static let flow = object(
        [
            ("number", integer), ("start", string), ("end", string), ("proto", string),
            ("orig", string), ("orig_port", count), ("resp", string), ("resp_port", count),
            ("conn_state", string), ("continued", boolean), ("new", boolean),
            ("orig_packets", count),
            ("orig_bytes", count), ("resp_packets", count), ("resp_bytes", count),
            ("end_reason", string), ("community_id", string),
        ], optional: [("orig_workload", string), ("resp_workload", string)])
}
