internal import Recording
public import Logging
internal import Decisions
internal import Dispatch
internal import Enforcement
internal import EventDelivery
internal import FoundationEssentials
internal import NetworkAddresses
internal import PacketCapture
internal import SystemSupport
internal import Quarantine
package import Responses
internal import Synchronization
public import Workloads
internal import Timestamps

/// The containers of this node as reported by their engines, for as long as a monitor runs.
public final class LiveWorkloads: Sendable {
    /// The name that stands for every bridge of a container network.
    public static let allBridges = "containers"

    public let directory = WorkloadDirectory()
    private let options: WorkloadOptions
    /// The operator's inventory, and the one stored in the model.
    let given: Inventory
    let remembered: Inventory
    let engines: [ContainerEngine]
    let cluster: KubernetesSource?
    private let work = Mutex<[Task<Void, Never>]>([])
    private let seen = Mutex(0)
    private let running = DispatchGroup()

    /// - Parameters:
    ///   - given: the operator's inventory; it takes precedence over the engines.
    ///   - remembered: the model's inventory, which counts only where no engine has a network.
    /// - Throws: for a kubeconfig that cannot be used.
    public init(
        options: WorkloadOptions, given: Inventory?, remembered: Inventory = .empty
    ) throws(KubernetesAccessError) {
        self.options = options
        self.given = given ?? .empty
        self.remembered = given == nil ? remembered : .empty
        engines = Self.engines(options, directory)
        cluster = try Self.cluster(options, directory)
    }

    private static func engines(
        _ options: WorkloadOptions, _ directory: WorkloadDirectory
    ) -> [ContainerEngine] {
        engineAddresses(options).map {
            ContainerEngine(
                name: $0.name, path: $0.path, naming: options.naming, directory: directory)
        }
    }

    /// The container engines that the options name, or that may be at their usual paths.
    package static func engineAddresses(_ options: WorkloadOptions) -> [EngineAddress] {
        let choices: [(String, WorkloadOptions.Choice, String)] = [
            ("podman", options.podman, "/run/podman/podman.sock"),
            ("docker", options.docker, "/var/run/docker.sock"),
        ]
        var paths: Set<String> = []
        var engines: [EngineAddress] = []
        for (name, choice, standard) in choices {
            let path: String
            switch choice {
            case .never: continue
            case .auto: path = standard
            case .path(let given): path = given
            }
            // Podman can provide Docker's socket under Docker's name.
            let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            guard paths.insert(real).inserted else { continue }
            engines.append(EngineAddress(name: name, path: path, isNamed: choice != .auto))
        }
        return engines
    }

    private static func cluster(
        _ options: WorkloadOptions, _ directory: WorkloadDirectory
    ) throws(KubernetesAccessError) -> KubernetesSource? {
        try access(options).map {
            KubernetesSource(
                access: $0, node: options.environment["NODE_NAME"], naming: options.naming,
                directory: directory)
        }
    }

    private static func access(
        _ options: WorkloadOptions
    ) throws(KubernetesAccessError) -> KubernetesAccess? {
        switch options.kubernetes {
        case .never: nil
        case .auto: KubernetesAccess(inCluster: options.environment)
        case .path(let path): try KubernetesAccess(kubeconfig: path)
        }
    }

    /// The API of the cluster that this node belongs to, for responses; nil: there is none.
    ///
    /// - Throws: if the kubeconfig cannot be used.
    package static func clusterAddress(
        _ options: WorkloadOptions
    ) throws(KubernetesAccessError) -> ClusterAddress? {
        try access(options).map {
            ClusterAddress(access: $0, node: options.environment["NODE_NAME"])
        }
    }

    /// Starts to follow every source, and waits a moment for those that are available.
    public func start(logger: Logger) {
        for engine in engines {
            if isNamed(engine), !engine.isPresent {
                logger.warning("\(engine.name): \(engine.path) is not there; waiting for it")
            }
            run { await engine.run(logger: logger) }
        }
        if let cluster { run { await cluster.run(logger: logger) } }
        let end = Date().addingTimeInterval(3)
        let expected = engines.count(where: \.isPresent) + (cluster == nil ? 0 : 1)
        while Date() < end, answering < expected { rest(.milliseconds(10)) }
    }

    /// Whether the configuration names the engine's socket.
    func isNamed(_ engine: ContainerEngine) -> Bool {
        (engine.name == "docker" ? options.docker : options.podman) != .auto
    }

    /// Where the container engines are expected, such as `docker /var/run/docker.sock`; empty: none
    /// is to be asked.
    public var engineNames: [String] { engines.map { "\($0.name) \($0.path)" } }

    /// Why no bridge is watched for `containers`; nil if one is, or none was asked for.
    func bridgesLack(_ interfaces: [String]) -> String? {
        guard interfaces.contains(Self.allBridges), directory.bridges().isEmpty else { return nil }
        let states = Dictionary(directory.states().map { ($0.source, $0.state) }) { $1 }
        let isAnswered = engineNames.contains { states[$0] == .connected }
        return isAnswered
            ? "'\(Self.allBridges)': the container engine has no network with a bridge"
            : "'\(Self.allBridges)': no container engine answers (\(enginesText))"
    }

    /// The engines for a message about their absence.
    public var enginesText: String {
        engineNames.isEmpty
            ? "none is configured" : engineNames.joined(separator: ", ")
    }

    private var answering: Int { directory.states().count { $0.state != .absent } }

    func run(_ body: @escaping @Sendable () async -> Void) {
        running.enter()
        let task = Task.detached { [running] in
            await body()
            running.leave()
        }
        work.withLock { $0.append(task) }
    }

    /// Queries every source once.
    ///
    /// - Returns: the errors, by source.
    public func listOnce() async -> [(source: String, reason: String)] {
        var failures: [(source: String, reason: String)] = []
        for engine in engines {
            guard engine.isPresent || isNamed(engine) else { continue }
            do { try await engine.list() } catch {
                failures.append(("\(engine.name) \(engine.path)", "\(error)"))
            }
        }
        do { try await cluster?.list() } catch {
            failures.append(("kubernetes \(cluster?.name ?? "")", "\(error)"))
        }
        return failures
    }

    /// Stops; returns when every connection is closed, or after two seconds.
    public func stop() {
        for task in work.withLock({ $0 }) { task.cancel() }
        _ = running.wait(timeout: .now() + .seconds(2))
    }

    /// A description of the sources of names.
    public var source: String {
        var words: [String] = []
        if !given.isEmpty { words.append("the inventory file") }
        if directory.isLive { words.append(directory.source) }
        if !remembered.isEmpty {
            words.append(directory.isLive ? "outside of these the model" : "the model's inventory")
        }
        return words.isEmpty
            ? "addresses alone: no Docker, Podman, Kubernetes or inventory"
            : words.joined(separator: "; ")
    }

    /// The current inventory, joined from all sources.
    public var inventory: Inventory {
        given.joined(live: directory.inventory(), remembered: remembered)
    }

    /// Whether packets are held for a moment, to order them with those of other bridges and to let
    /// names arrive before them.
    func holdsPackets(_ named: [String]) -> Bool {
        directory.isLive || named.contains(Self.allBridges)
    }

    /// Applies the changes since the last call. Called by the packet thread before every batch.
    func update<Pipeline: WorkloadObserver & ~Copyable>(
        _ pipeline: inout Pipeline, _ context: CaptureContext
    ) {
        let version = directory.version
        let isNew = seen.withLock { seen in
            defer { seen = version }
            return seen != version
        }
        if isNew { take(directory.takeChange(), &pipeline, context) }
    }

    /// Passes everything that is known to a new pipeline.
    func begin<Pipeline: WorkloadObserver & ~Copyable>(
        _ pipeline: inout Pipeline, _ context: CaptureContext
    ) {
        seen.withLock { $0 = directory.version }
        context.recording?.recordNames(givenHolders)
        take(directory.takeAll(), &pipeline, context)
    }

    /// The addresses of the operator's inventory as a change that holds from the beginning.
    private var givenHolders: WorkloadChange {
        var change = WorkloadChange()
        for workload in given.workloads {
            for (number, member) in workload.members.enumerated() {
                for address in member.addresses {
                    change.holders[address] = .some(
                        Inventory.Holder(
                            workload: workload.name, image: workload.image,
                            labels: workload.labels,
                            instance: member.addresses.count > 1
                                ? "\(workload.name) \(number)" : nil))
                }
            }
        }
        if !given.networks.isEmpty { change.networks = given.networks }
        return change
    }

    private func take<Pipeline: WorkloadObserver & ~Copyable>(
        _ change: WorkloadChange, _ pipeline: inout Pipeline, _ context: CaptureContext
    ) {
        pipeline.apply(change, now: Clock.now())
        guard let recording = context.recording else { return follow(change.bridges, context) }
        var noted = change
        for address in change.holders.keys where given.workload(of: address) != nil {
            noted.holders[address] = nil
        }
        noted.networks = change.networks.map { given.networks + $0 }
        recording.recordNames(noted)
        follow(change.bridges, context)
    }

    private func follow(_ bridges: [String]?, _ context: CaptureContext) {
        if context.interfaces.contains(Self.allBridges) { watch(bridges, context) }
    }

    /// Captures on the configured interfaces, with `bridges` as the list of bridges.
    func watch(_ bridges: [String]?, _ context: CaptureContext) {
        guard let bridges else { return }
        let names = Self.interfaces(context.interfaces, bridges: bridges)
        context.capture.replaceInterfaces(names)
        context.recording?.forgetSources()
        context.logger.info(
            "watching \(names.isEmpty ? "no bridge yet" : names.joined(separator: ", "))")
    }

    /// The interfaces to monitor: the named ones, and the bridges of container networks if these
    /// are requested.
    static func interfaces(_ named: [String], bridges: [String]) -> [String] {
        guard named.contains(allBridges) else { return named }
        let fixed = named.filter { $0 != allBridges }
        return fixed + bridges.filter { !fixed.contains($0) }
    }

    /// Keeps the quarantine's workloads, networks and protected addresses up to date, on a task of
    /// its own.
    ///
    /// A failed update, for instance when the ledger cannot be written, is retried until it
    /// succeeds: a fence must not stay on a workload that has only inherited the address.
    func connect(
        _ quarantine: QuarantineService, _ decisions: DecisionThread,
        logger: Logger
    ) {
        run { [self] in
            var done = -1
            var trouble: String?
            while !Task.isCancelled {
                let version = directory.version
                if version != done, directory.isLive {
                    do throws(QuarantineError) {
                        // The quarantine reports what the kernel refused.
                        decisions.submit(try await follow(quarantine))
                        if trouble != nil {
                            logger.notice("the quarantine follows the containers again")
                        }
                        done = version
                        trouble = nil
                    } catch {
                        if trouble != "\(error)" {
                            logger.error("the quarantine cannot follow the containers: \(error)")
                        }
                        trouble = "\(error)"
                    }
                }
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// - Returns: rules that were removed.
    private func follow(
        _ quarantine: QuarantineService
    ) async throws(QuarantineError) -> [QuarantineOutcome] {
        let protected = directory.protected().sorted { $0.key < $1.key }.map {
            ProtectedSet.Entry(IPPrefix(host: $0.key), reason: $0.value)
        }
        return try await quarantine.follow(
            KnownInventory(inventory, since: directory.firstSeen()), protecting: protected)
    }
}
