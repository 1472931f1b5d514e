internal import HTTPServer
internal import ImageReports
internal import Monitor
internal import TextFormats
internal import Timestamps

extension ControlRoutes {
    static let imageOperations: [Operation] = [
        Operation(
            .get, "/api/v1/images",
            "What scanners report of the images of each running workload, by name",
            answers: .json(.array(of: .image))
        ) { context in
            let now = Clock.now()
            let images = context.hub.images.sorted { $0.key < $1.key }
            return JSONText.response(
                JSONText.array(images.map { $0.value.object(workload: $0.key, at: now).text }))
        }
    ]
}

extension Schema {
    fileprivate static let image = object(
        [
            ("workload", string), ("image", string), ("id", string),
            ("join", string(oneOf: ["none", "weak", "strong"])), ("without_report", count),
            ("by_severity", map(of: count)), ("fixable", count),
            ("known_exploited", array(of: string)),
        ], optional: [("highest_epss", number), ("report_age_s", count)])
}
