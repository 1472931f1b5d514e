internal import Logging
internal import Enforcement
internal import PacketCapture

/// What works beside the packet thread of a monitor, and where it tells the operator.
struct MonitorParts {
    let source: LiveCapture
    let live: LiveWorkloads
    let decisions: DecisionThread
    let quarantine: QuarantineService
    let recorder: EventRecorder
    let recording: PacketRecording?
    /// Called with one line, from any thread.
    let logger: Logger
}
