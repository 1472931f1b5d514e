internal import Recording
internal import Logging
/// Follows the names and bridges of containers for a capture.
struct CaptureContext {
    let capture: LiveSource
    /// The interfaces as given; `LiveWorkloads.allBridges` may be one of them.
    var interfaces: [String]
    let recording: PacketRecording?
    let logger: Logger
}
