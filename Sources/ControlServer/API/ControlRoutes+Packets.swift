internal import EventStore
internal import Events
internal import FoundationEssentials
internal import HTTPServer
internal import Monitor
internal import NetworkAddresses
internal import PacketCapture
internal import Recording
internal import Timestamps

extension ControlRoutes {
    static let packetOperations: [Operation] = [
        Operation(
            .get, "/api/v1/incidents/{id}/packets",
            """
            The recorded packets of an incident's offender as pcapng: from a minute before the \
            incident to half a minute after it, at most 16 MiB
            """,
            // Packets contain what hosts say to each other, passwords included.
            access: .act,
            inputs: Input("id", in: .path, .text(maxLength: 64), "Identifier of its first event"),
            answers: Operation.Answer(type: "application/octet-stream")
        ) { context, id in
            guard let recording = context.hub.recording else {
                throw ProblemDetails(.unavailable, "the monitor has only begun")
            }
            guard recording.path != nil else {
                throw ProblemDetails(
                    .notFound, "no packets are recorded; set record.file in the configuration")
            }
            guard let incident = try incident(id, context.hub) else {
                throw ProblemDetails(.notFound, "no incident begins with event \(id)")
            }
            guard let host = host(of: incident) else {
                throw ProblemDetails(.notFound, "the incident has no address of its own")
            }
            let excerpt = try await excerpt(of: host, incident, recording)
            guard excerpt.packets > 0 else {
                throw ProblemDetails(
                    .notFound,
                    "the recording has no packets of \(host) from that time (any more)")
            }
            var response = Response(
                type: "application/octet-stream", body: .bytes(excerpt.bytes))
            response.headers["Content-Disposition"] =
                "attachment; filename=\"lazaret-\(incident.id).pcapng\""
            response.headers["Lazaret-Left-Out"] = "\(excerpt.leftOut)"
            return response
        }
    ]

    private static let limit = 16 << 20
    private static let timeBefore = Interval.seconds(60)
    // The newest traffic may be in the bucket after the last that counts.
    private static let timeAfter = Interval.seconds(30)

    private static let packetQueue = DiskQueue("recorded packets")

    /// The offender; its target, where the offender is not known.
    private static func host(of incident: StoredIncident) -> IPAddress? {
        if let offender = IPAddress(incident.offender) { return offender }
        let summary = try? JSONDecoder().decode(
            IncidentSummary.self, from: Data(incident.json.utf8))
        return summary?.targetAddress
    }

    private static func excerpt(
        of host: IPAddress, _ incident: StoredIncident, _ recording: RecordingOptions
    ) async throws(ProblemDetails) -> PacketExcerpt {
        let start = Timestamp(second: incident.start) - timeBefore
        let end = Timestamp(second: max(incident.start, incident.end)) + timeAfter
        let result = try await packetQueue.run { () throws(CaptureError) in
            try PacketExcerpt(of: host, from: start, to: end, in: recording, limit: limit)
        }
        switch result {
        case .success(let excerpt): return excerpt
        case .failure(let error): throw ProblemDetails(.unavailable, "\(error)")
        }
    }
}
