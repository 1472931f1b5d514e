internal import Recording
internal import Logging
/// What follows the names and bridges of containers beside a feed.
struct CaptureContext {
    let capture: LiveSource
    /// As they were asked for; `LiveWorkloads.allBridges` may be one of them.
    var interfaces: [String]
    let recording: PacketRecording?
    let logger: Logger
}
