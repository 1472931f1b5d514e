internal import Events
internal import Timestamps

/// An event that waits for a sink.
struct QueuedEvent: Sendable {
    let rendered: RenderedEvent
    /// When it was queued.
    let handedOver: Timestamp

    var event: Event { rendered.event }
    /// A JSON object on one line, without the newline.
    var line: String { rendered.line }
}
