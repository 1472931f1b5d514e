internal import Recording
internal import Logging
internal import Enforcement
internal import FlowHistory
internal import Responses

/// The components that work beside the packet thread of a monitor, and the operator's logger.
struct MonitorParts {
    let source: LiveSource
    let live: LiveWorkloads
    let decisions: DecisionThread
    let quarantine: QuarantineService
    let responses: ResponseEngine
    let feed: DecisionFeed
    let indicators: IndicatorWatch
    let images: ImageWatch
    let runtime: RuntimeEventWatch
    let recorder: EventRecorder
    let recording: PacketRecording?
    /// Nil: flows are not kept.
    let history: HistoryWriter?
    /// Called from any thread, with one line.
    let logger: Logger
}
