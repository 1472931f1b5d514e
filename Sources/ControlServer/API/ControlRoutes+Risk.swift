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
            let ranked = report.entries.enumerated().filter {
                workload == nil || $0.element.score.workload == workload
            }
            if let workload, ranked.isEmpty {
                throw ProblemDetails(.notFound, "there is no workload \(workload)")
            }
            return JSONText.response(
                JSONText.object([
                    ("time", JSONText.quoted(UTC.timestamp(report.time))),
                    ("total", "\(report.entries.count)"),
                    ("remarks", JSONText.array(report.remarks.map(JSONText.quoted))),
                    (
                        "workloads",
                        JSONText.array(
                            ranked.prefix(Int(limit)).map { json($0.element, rank: $0.offset + 1) })
                    ),
                ]))
        }
    ]

    private static func json(_ entry: RiskReport.Entry, rank: Int) -> String {
        var object = JSONObject()
        object.put("rank", rank)
        object.put("workload", entry.score.workload)
        object.put("score", entry.score.value, digits: 1)
        object.put("band", entry.score.band.rawValue)
        object.put("reason", entry.score.main?.text)
        object.put("action", entry.score.action)
        object.put("trend", entry.trend.direction.rawValue)
        object.put("trend_text", entry.trend.text)
        if let forecast = entry.trend.forecast {
            var expected = JSONObject()
            expected.put("days", RiskForecast.horizon)
            expected.put("expected", forecast.expected, digits: 1)
            expected.put("lower", forecast.lower, digits: 1)
            expected.put("upper", forecast.upper, digits: 1)
            object.put("forecast", expected)
        }
        let scores = entry.trend.scores.map {
            $0.map { JSONObject.number($0, digits: 1) } ?? "null"
        }
        object.put("scores", json: JSONText.array(scores))
        object.put("parts", entry.score.parts.map(json))
        return object.text
    }

    private static func json(_ part: RiskPart) -> JSONObject {
        var object = JSONObject()
        object.put("kind", part.kind.rawValue)
        object.put("points", part.points, digits: 1)
        object.put("most", part.most, digits: 1)
        object.put("unknown", part.isUnknown)
        object.put("text", part.text)
        object.put("action", part.action)
        return object
    }
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
