internal import HTTPServer
internal import Monitor
internal import Risk
internal import TextFormats

extension ControlRoutes {
    static let riskOperations: [Operation] = [
        Operation(
            .get, "/api/v1/risk",
            "How risky each workload is, why, and what to do first; the riskiest first",
            inputs: Input.optional(
                "workload", in: .query, .text(maxLength: 253), "Only this workload"),
            Input("limit", in: .query, .integer(1...5000), default: 1000, "Most workloads"),
            answers: .json(.risk)
        ) { context, workload, limit in
            guard let report = context.hub.risk else {
                throw ProblemDetails(.unavailable, "the risk has not been computed yet")
            }
            guard let json = report.json(of: workload, limit: Int(limit)) else {
                throw ProblemDetails(.notFound, RiskReport.noWorkload(workload))
            }
            return JSONText.response(json)
        }
    ]
}

extension Schema {
    fileprivate static let risk = object([
        ("time", string),
        ("total", count.with("description", JSONText.quoted("Workloads that were rated"))),
        (
            "remarks",
            array(of: string).with("description", JSONText.quoted("What could not be read"))
        ),
        ("workloads", array(of: ratedWorkload)),
    ])

    private static let ratedWorkload = object(
        [
            ("rank", count), ("workload", string), ("score", number),
            ("band", string(oneOf: RiskScore.Band.allCases.map(\.rawValue))),
            ("trend", string(oneOf: RiskTrend.Direction.allCases.map(\.rawValue))),
            ("trend_text", string),
            (
                "scores",
                anyArray.with(
                    "description",
                    JSONText.quoted("The highest of each day, today last; null: not known"))
            ),
            ("parts", array(of: part)),
        ],
        optional: [
            ("reason", string), ("action", string),
            (
                "forecast",
                object([
                    ("days", count), ("expected", number), ("lower", number), ("upper", number),
                ])
            ),
        ])

    private static let part = object(
        [
            ("kind", string(oneOf: RiskPart.Kind.allCases.map(\.rawValue))), ("points", number),
            ("most", number), ("unknown", boolean), ("text", string),
        ], optional: [("action", string)])
}
