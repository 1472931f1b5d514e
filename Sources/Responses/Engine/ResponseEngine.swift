internal import Dispatch
public import Logging
internal import Quarantine
internal import Synchronization
internal import SystemSupport
public import Timestamps

/// Runs the configured responses: begins them while a fence is active, and undoes them when it has
/// ended.
///
/// What is to be done follows from the rules that are active and from the ledger, never from a
/// message: a lost message, a restart or a clock that was set changes nothing. A thread compares
/// both once a second; each step runs on a queue of its own and never delays the firewall. One
/// container has one step at a time.
public final class ResponseEngine: Sendable {
    struct State {
        var entries: [ResponseEntry]
        /// The records that are not over; nil: the ledger was not read yet.
        var records: [ResponseRecord.Key: ResponseRecord]?
        /// The fences seen so far, by the rule's identifier.
        var fences: [String: SeenFence] = [:]
        var busy: Set<ResponseRecord.Key> = []
        /// Containers and targets with a step in progress, and whose step it is.
        var objects: [String: ResponseRecord.Key] = [:]
        /// Failed attempts, and when the next one is due.
        var pauses: [ResponseRecord.Key: Pause] = [:]
        /// What has happened since the start, by action.
        var counts: [String: ResponseCounts] = [:]
        var isLooking = false
        /// Whether the ledger could not be read.
        var isShut = false
        var isStopping = false
    }

    /// What is known about a fence since it was first seen.
    struct SeenFence {
        /// Its age when it was first seen.
        var age: Interval
        var seen: Instant
        /// When the evidence was gathered.
        var evidence: Timestamp
        /// Its containers and targets that have responses; nil: they were not looked up yet.
        var objects: Set<String>?
        var attempts = 0
        var due: Instant

        func age(at now: Instant) -> Interval { age + (now - seen) }
    }

    /// The delay after a failure: a second at first, doubled each time, a minute at most.
    struct Pause {
        var attempts = 0
        var due: Instant
        var trouble = ""
    }

    /// The most failures of a response before it is given up and undone.
    static let attemptLimit = 8
    /// The most steps in progress at a time, on containers and elsewhere.
    static let stepLimit = 8
    /// How often a response in effect is verified again.
    static let checkInterval = Interval.seconds(10)

    let state: Mutex<State>
    let ledger: any ResponseLedger
    let engines: [EngineAddress]
    let cluster: ClusterAddress?
    /// Where evidence is kept.
    let evidenceFolder: String
    let logger: Logger
    let clock: @Sendable () -> Timestamp
    let situation: @Sendable () -> ResponseSituation?
    let executor = ResponseExecutor()
    let listener = Mutex<(@Sendable (ResponseRecord, ResponseStep) -> Void)?>(nil)
    private let news = Signal()
    private let ended = Signal()
    private let steps = DispatchGroup()

    /// - Parameters:
    ///   - engines: the container engines of this node.
    ///   - cluster: the cluster that the node belongs to; nil: none.
    ///   - folder: where evidence is kept; created when it is needed.
    ///   - clock: returns the current time.
    ///   - situation: returns the rules in the kernel and the limits; nil: they are not known at
    ///     the moment.
    public init(
        entries: [ResponseEntry], ledger: any ResponseLedger, engines: [EngineAddress],
        cluster: ClusterAddress? = nil, evidence folder: String, logger: Logger,
        clock: @escaping @Sendable () -> Timestamp,
        situation: @escaping @Sendable () -> ResponseSituation?
    ) {
        var first = State(entries: entries)
        first.listActions()
        state = Mutex(first)
        self.ledger = ledger
        self.engines = engines
        self.cluster = cluster
        evidenceFolder = folder
        self.logger = logger
        self.clock = clock
        self.situation = situation
    }

    /// Starts the thread.
    public func start() {
        startThread { [self] in
            while !state.withLock({ $0.isStopping }) {
                tick()
                news.wait(until: Clock.monotonic() + .seconds(1))
            }
            ended.raise()
        }
    }

    /// Has the thread compare at once, because a fence has begun or ended.
    public func wake() { news.raise() }

    /// Calls `body` after each step that the ledger has, on the thread of the step.
    public func onStep(_ body: @escaping @Sendable (ResponseRecord, ResponseStep) -> Void) {
        listener.withLock { $0 = body }
    }

    /// Uses other entries. Responses in effect stay until their fence ends.
    public func replace(_ entries: [ResponseEntry]) {
        state.withLock { state in
            guard state.entries != entries else { return }
            state.entries = entries
            state.listActions()
            // New entries are meant for active fences too.
            for id in state.fences.keys { state.fences[id]?.objects = nil }
        }
        wake()
    }

    /// Stops the thread, and waits a moment for the steps in progress. Responses stay in effect
    /// like the fences; the next start undoes what is over by then.
    ///
    /// - Returns: false if a step is still in progress after five seconds.
    @discardableResult
    public func stop() -> Bool {
        state.withLock { $0.isStopping = true }
        news.raise()
        let isEnded = ended.wait(until: Clock.monotonic() + .seconds(5))
        return steps.wait(timeout: .now() + .seconds(5)) == .success && isEnded
    }

    /// The responses that are not over, by entry and object.
    public var open: [ResponseRecord] {
        state.withLock { state in
            (state.records ?? [:]).values.sorted { ($0.created, $0.entry) < ($1.created, $1.entry) }
        }
    }

    /// Runs `body` on the queue of the steps.
    func run(_ body: @escaping @Sendable () async -> Void) {
        steps.enter()
        Task.detached(executorPreference: executor) { [steps, news] in
            await body()
            news.raise()
            steps.leave()
        }
    }
}

/// Runs steps outside the cooperative pool: they write to the disk.
final class ResponseExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "responses", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
