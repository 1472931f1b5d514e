public import Logging
internal import Dispatch
public import Events
internal import SystemSupport
internal import Synchronization
internal import Timestamps

/// Writes events to all sinks: the event file or standard output, and the other configured ones. A
/// slow sink delays neither the other sinks nor the caller.
public final class EventDispatcher: Sendable {
    private struct Sinks {
        var path: String?
        var options = DeliveryOptions()
        var file: SinkWorker?
        var syslog: SinkWorker?
        var webhook: SinkWorker?
        var notify: [(entry: NotifyEntry, sink: SinkWorker)] = []

        var all: [SinkWorker] { [file, syslog, webhook].compactMap(\.self) + notify.map(\.sink) }
    }

    private let sinks: Mutex<Sinks>
    /// Sinks that have been replaced, and still deliver the events that they hold.
    private let retired = DispatchGroup()
    private let spool: String
    private let logger: Logger

    /// Opens every sink.
    ///
    /// - Parameters:
    ///   - path: the path of the event file; `-` is standard output.
    ///   - stateDirectory: the directory of the webhook's spool.
    ///   - logger: for the operator.
    /// - Throws: if a file, secret or option cannot be used. An unreachable server is no error.
    public init(
        path: String, options: DeliveryOptions, stateDirectory: String,
        logger: Logger
    ) throws(DeliveryError) {
        self.logger = logger
        spool = stateDirectory + "/spool"
        sinks = Mutex(Sinks())
        try replace(path: path, with: options)
    }

    /// Queues an event for every sink that accepts its kind; never waits.
    public func write(_ rendered: RenderedEvent) {
        let event = QueuedEvent(rendered: rendered, handedOver: Clock.now())
        for sink in sinks.withLock({ $0.all }) { sink.offer(event) }
    }

    /// Reopens the event file, and reads the secrets again.
    public func reopen() {
        for sink in sinks.withLock({ $0.all }) { sink.reopen() }
    }

    /// The status of each sink.
    public var statuses: [SinkStatus] { sinks.withLock { $0.all }.map(\.status) }

    /// Replaces the sinks; those whose options have not changed stay. The others deliver the events
    /// that they hold in the background, for five seconds at most.
    ///
    /// - Throws: if a file, secret or option cannot be used; then nothing is changed.
    public func replace(path: String, with options: DeliveryOptions) throws(DeliveryError) {
        let old = sinks.withLock { $0 }
        // Everything that can fail comes before the threads are started.
        let file =
            path == old.path && options.rotation == old.options.rotation
                && options.fileKinds == old.options.fileKinds
            ? nil : try EventFile(path: path, rotation: options.rotation)
        let syslog =
            options.syslog == old.options.syslog ? nil : try options.syslog.map(Syslog.init)
        let logger = logger
        let spool = spool
        let webhook =
            options.webhook == old.options.webhook
            ? nil
            : try options.webhook.map { options throws(DeliveryError) in
                try Webhook(options, directory: spool, logger: logger)
            }
        for entry in options.notify where !old.options.notify.contains(entry) {
            try entry.checkFiles()
        }
        var next = old
        next.path = path
        next.options = options
        if let file {
            let name = path == "-" ? "standard output" : path
            next.file = start(name, options.fileKinds, file)
        }
        if options.syslog != old.options.syslog {
            next.syslog = nil
            if let options = options.syslog, let syslog {
                next.syslog = start(Syslog.name(options), options.kinds, syslog)
            }
        }
        if options.webhook != old.options.webhook {
            next.webhook = nil
            if let options = options.webhook, let webhook {
                next.webhook = start(
                    Webhook.name(options), options.kinds, webhook, after: old.webhook)
            }
        }
        next.notify = options.notify.map { entry in
            let same = old.notify.first { $0.entry == entry }
            return same ?? (entry, start(entry))
        }
        let made = next
        sinks.withLock { $0 = made }
        let unused = old.all.filter { sink in !made.all.contains { $0 === sink } }
        guard !unused.isEmpty else { return }
        DispatchQueue.global().async(group: retired) { Self.stop(unused) }
    }

    private func start(
        _ name: String, _ kinds: Set<Event.Kind>?, _ driver: some SinkDriver,
        after predecessor: SinkWorker? = nil
    ) -> SinkWorker {
        SinkWorker(
            name, kinds: kinds, driver, statistics: SinkStatistics(), after: predecessor,
            logger: logger)
    }

    private func start(_ entry: NotifyEntry) -> SinkWorker {
        entry.kind == .alertmanager
            ? start(entry.title, [.alert, .quarantine], AlertmanagerSink(entry, logger: logger))
            : start(entry.title, [.alert, .quarantine], NoticeSink(entry, logger: logger))
    }

    /// Delivers the queued events, for five seconds at most, and stops.
    public func stop() {
        Self.stop(sinks.withLock { $0.all })
        _ = retired.wait(timeout: .now() + .seconds(5))
    }

    private static func stop(_ sinks: [SinkWorker]) {
        for sink in sinks { sink.askToStop() }
        let deadline = Clock.monotonic() + .seconds(5)
        for sink in sinks { sink.waitForEnd(until: deadline) }
    }
}
