internal import Logging
internal import PacketCapture

/// What follows the names and bridges of containers beside a feed.
struct CaptureContext {
    let capture: LiveCapture
    /// As they were asked for; `LiveWorkloads.allBridges` may be one of them.
    var interfaces: [String]
    let recording: PacketRecording?
    let logger: Logger
}
