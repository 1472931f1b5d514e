internal import Events

/// An event that waits for a sink.
struct QueuedEvent: Sendable {
    let rendered: RenderedEvent
    /// When it was handed over, in nanoseconds since 1970.
    let handedOver: Int64

    var event: Event { rendered.event }
    /// A JSON object on one line, without the newline.
    var line: String { rendered.line }
}
