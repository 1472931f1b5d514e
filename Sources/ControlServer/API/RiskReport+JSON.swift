package import Monitor
internal import Risk
internal import TextFormats

/// The same object from a running monitor and from the records of one.
extension RiskReport {
    /// - Parameters:
    ///   - workload: nil: all.
    ///   - limit: the most workloads.
    /// - Returns: nil: there is no such workload.
    package func json(of workload: String?, limit: Int) -> String? {
        let ranked = entries.enumerated().filter {
            workload == nil || $0.element.score.workload == workload
        }
        if workload != nil, ranked.isEmpty { return nil }
        return JSONText.object([
            ("time", JSONText.quoted(UTC.timestamp(time))),
            ("total", "\(entries.count)"),
            ("remarks", JSONText.array(remarks.map(JSONText.quoted))),
            (
                "workloads",
                JSONText.array(
                    ranked.prefix(limit).map { Self.json($0.element, rank: $0.offset + 1) })
            ),
        ])
    }

    /// Why there is no answer about a workload.
    package static func noWorkload(_ name: String?) -> String {
        "there is no workload \(name ?? "")"
    }

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
