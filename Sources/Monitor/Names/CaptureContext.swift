internal import Logging
internal import PacketCapture

/// The parts of a monitor that follow the names and bridges of containers.
struct CaptureContext {
    let capture: LiveCapture
    /// The interfaces as configured; `LiveWorkloads.allBridges` may be one of them.
    var interfaces: [String]
    let recording: PacketRecording?
    let logger: Logger
}
