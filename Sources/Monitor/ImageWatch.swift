internal import ImageReports
internal import Logging
internal import Synchronization
internal import SystemSupport
internal import Timestamps
internal import Workloads

/// Reads reports of scanners on a thread of its own, and joins them to the running containers: at
/// the start, when a report changes, and when containers come and go. No packet waits for it.
final class ImageWatch: Sendable {
    /// How often the files' times are looked at.
    private static let period = Interval.seconds(60)

    private enum Message: Sendable {
        case options(ImageReportOptions)
        case running(LiveWorkloads.RunningImages)
    }

    private let worker = Worker<Message>(capacity: 16)
    private let hub: MonitorHub
    private let logger: Logger
    private let faults = Mutex<[String]>([])

    /// What the thread owns.
    private struct State {
        var files = ImageReportFiles()
        var options: ImageReportOptions
        var catalog = ImageCatalog()
        /// By engine or cluster; one that does not answer keeps what it told before.
        var running: [String: [RunningImage]] = [:]
        var next = Clock.monotonic()
        var lines = ChangedLines()
    }

    /// Starts the thread.
    init(_ options: ImageReportOptions, live: LiveWorkloads, hub: MonitorHub, logger: Logger) {
        self.hub = hub
        self.logger = logger
        worker.start(with: State(options: options), period: .seconds(1)) {
            [self] state, batch in work(&state, batch)
        }
        hub.setUsesImages(!options.paths.isEmpty)
        live.followImages(
            isWanted: { hub.usesImages },
            take: { [worker] in
                worker.submit(.running($0))
            })
    }

    /// Reads these reports from now on, and those that have changed at once.
    func follow(_ options: ImageReportOptions) {
        hub.setUsesImages(!options.paths.isEmpty)
        worker.submit(.options(options))
    }

    /// What is wrong with the newest versions of reports.
    var troubles: [String] { faults.withLock { $0 } }

    /// Ends the thread, unless it is busy for long.
    func stop() {
        // A report that is being read is of no use any more.
        worker.stop(by: Clock.monotonic() + .seconds(5))
    }

    private func work(_ state: inout State, _ batch: Worker<Message>.Batch) {
        guard !batch.isLast else { return }
        let now = Clock.monotonic()
        var hasNews = false
        for message in batch.items {
            switch message {
            case .options(let options):
                state.options = options
                state.next = now
            case .running(let running):
                let all = Dictionary(grouping: running.images, by: \.source)
                for source in running.sources { state.running[source] = all[source] ?? [] }
                hasNews = true
            }
        }
        if now >= state.next {
            state.next = now + Self.period
            // A monitor without reports never makes a catalog.
            let isNeeded = !state.options.paths.isEmpty || state.files.isUsed
            if isNeeded, let outcome = state.files.read(state.options, now: Clock.now()) {
                state.catalog = outcome.catalog
                let failed = outcome.notices.filter(\.isFailure).map(\.text)
                faults.withLock { $0 = failed.map { "image reports: \($0)" } }
                state.lines.log(
                    outcome.notices.map { ($0.path, $0.text, $0.isFailure ? .error : .info) },
                    about: "image reports", to: logger)
                hasNews = true
            }
        }
        guard hasNews else { return }
        let running = state.running.sorted { $0.key < $1.key }.flatMap(\.value)
        let isUsed = !state.options.paths.isEmpty
        hub.publish(images: isUsed ? state.catalog.summaries(of: running) : [:])
    }
}
