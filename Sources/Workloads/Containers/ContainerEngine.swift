public import Logging
internal import FoundationEssentials
internal import Glibc
internal import NetworkAddresses
internal import Synchronization
internal import Timestamps
internal import SystemSupport

/// Follows Docker or Podman: lists the running containers, then receives an event for every change.
///
/// Docker reports when a container gets an address, before its first process runs; Podman reports
/// when the container is set up. The times are the engine's own, so a late event does no harm.
/// After a broken connection everything is listed again.
public struct ContainerEngine: Sendable {
    /// The engine's name: `docker` or `podman`.
    public let name: String
    /// The path of its Unix socket.
    public let path: String
    let directory: WorkloadDirectory
    let naming: WorkloadNaming
    let images = EngineImages()

    public init(
        name: String, path: String, naming: WorkloadNaming, directory: WorkloadDirectory
    ) {
        self.name = name
        self.path = path
        self.naming = naming
        self.directory = directory
    }

    var source: String { "\(name) \(path)" }

    /// Whether the socket's path exists.
    public var isPresent: Bool { Files.exists(path) }

    /// Lists networks and containers once.
    public func list() async throws {
        let http = SourceConnection(socket: path)
        let isPodman = try await http.get(EngineVersion.self, "/version").isPodman
        try await listAll(http, isPodman)
    }

    /// Follows the engine until the task is cancelled.
    ///
    /// - Parameter logger: receives a line when the engine stops or starts to answer.
    public func run(logger: Logger) async {
        let http = SourceConnection(socket: path)
        let notice = SourceNotice()
        var pause = Self.shortestPause
        var wasLost = false
        while !Task.isCancelled {
            let pending = PendingQueries()
            if isPresent {
                do {
                    try await session(http, pending) {
                        if let line = notice.back("\(source) answers again") {
                            logger.notice("\(line)")
                        }
                        if let reason = images.takeRefusal() {
                            logger.warning(
                                """
                                \(source) does not show its images (\(reason)): no label names a \
                                workload; allow GET /images/NAME/json
                                """)
                        }
                    }
                } catch {
                    if Task.isCancelled { break }
                    let reason = Self.words(error)
                    directory.setState(source, .lost(reason))
                    let line = "\(source) is unreachable: \(reason); its names stay in use"
                    if let line = notice.lost(line) { logger.error("\(line)") }
                    wasLost = true
                }
            } else if !wasLost {
                directory.setState(source, .absent)
            }
            // An engine that answered before is retried soon.
            if pending.isOpen { pause = Self.shortestPause }
            try? await Task.sleep(for: .milliseconds(pause + Int64.random(in: 0...pause / 4)))
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// Milliseconds.
    private static let shortestPause: Int64 = 100
    private static let longestPause: Int64 = 5000

    static func words(_ error: any Error) -> String {
        let text = "\(error)".split(separator: "\n").first.map(String.init) ?? "no answer"
        return WorkloadNaming.clean(text)
    }

    // MARK: - One connection

    /// The greatest number of pending containers; beyond it, everything is listed instead.
    private static let waitingLimit = 1024

    private func session(
        _ http: SourceConnection, _ pending: PendingQueries, opened: @escaping @Sendable () -> Void
    ) async throws {
        let isPodman = try await http.get(EngineVersion.self, "/version").isPodman
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { pending.close() }
                try await http.lines("/events") {
                    // The stream is open, so every change from now on arrives as an event.
                    try await listAll(http, isPodman)
                    pending.waiting.withLock { $0.isOpen = true }
                    opened()
                } _: { line in
                    guard let event = try? JSONDecoder().decode(EngineEvent.self, from: line) else {
                        return
                    }
                    handle(event, isPodman, pending)
                }
            }
            group.addTask {
                for await _ in pending.wakeUps { try await query(http, isPodman, pending) }
            }
            // When one task ends, the other is cancelled.
            do { try await group.next() } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }

    private func handle(_ event: EngineEvent, _ isPodman: Bool, _ pending: PendingQueries) {
        guard let id = event.Actor?.ID, !id.isEmpty, id.utf8.count <= 256 else { return }
        let attributes = event.Actor?.Attributes ?? [:]
        // An event cannot be in the future, even if the engine's clock is ahead.
        let now = Clock.now()
        let time = min(max(event.moment ?? now, .epoch), now)
        switch (event.kind, event.Action) {
        case ("container", "create"):
            // A container whose labels are too large to keep is queried later.
            guard let container = CreatedContainer(attributes, naming) else { return }
            pending.waiting.withLock { waiting in
                if waiting.created.count > Self.waitingLimit { waiting.created.removeAll() }
                waiting.created[id] = container
            }
        case ("container", "init"), ("container", "start"), ("container", "restart"):
            pending.with { waiting in
                if waiting.over.remove(id) != nil { waiting.joined[id] = nil }
                // It has had its addresses since it was set up, before its first process ran.
                let since = waiting.joined[id] ?? time
                waiting.joined[id] = since
                waiting.containers[id] = since
                // A network's bridge may be created with its first container.
                if isPodman { waiting.listsNetworks = true }
                Self.bound(&waiting)
            }
        case ("container", "die"), ("container", "died"), ("container", "remove"),
            ("container", "destroy"):
            directory.end(source, container: id, at: time)
            pending.with { $0.over.insert(id) }
        case ("network", "connect"):
            guard let container = attributes["container"], container.utf8.count <= 256 else {
                return
            }
            pending.with { waiting in
                if waiting.over.remove(container) != nil { waiting.joined[container] = nil }
                waiting.joined[container] = waiting.joined[container] ?? time
                waiting.networks.insert(id)
                Self.bound(&waiting)
            }
        case ("network", "disconnect"):
            guard let container = attributes["container"] else { return }
            directory.end(source, container: container, network: attributes["name"], at: time)
        case ("network", "create"), ("network", "destroy"), ("network", "remove"):
            pending.with { $0.listsNetworks = true }
        case ("daemon", "reload"), ("system", _):
            pending.with { $0.listsAll = true }
        default: break
        }
    }

    private static func bound(_ waiting: inout PendingQueries.Waiting) {
        let count = max(waiting.containers.count, waiting.networks.count, waiting.joined.count)
        guard count > waitingLimit else { return }
        waiting = PendingQueries.Waiting(listsAll: true, isOpen: waiting.isOpen)
    }

    private func query(_ http: SourceConnection, _ isPodman: Bool, _ pending: PendingQueries)
        async throws
    {
        let waiting = pending.waiting.withLock { waiting in
            let all = waiting
            waiting.containers = [:]
            waiting.networks = []
            waiting.listsAll = false
            waiting.listsNetworks = false
            for id in waiting.over {
                waiting.created[id] = nil
                waiting.joined[id] = nil
            }
            waiting.over = []
            return all
        }
        if waiting.listsAll { return try await listAll(http, isPodman) }
        if waiting.listsNetworks { try await listNetworks(http, isPodman) }
        for network in waiting.networks where Self.isIdentifier(network) {
            // The network may be gone already.
            guard
                let answer = try await Self.ifThere({
                    try await http.get(EngineNetwork.self, "/networks/\(network)")
                })
            else { continue }
            try await begin(members: answer, waiting.joined, waiting.created, http)
        }
        let ids = waiting.containers.keys.filter(Self.isIdentifier)
        guard !ids.isEmpty else { return }
        let list = ids.map { "\"\($0)\"" }.joined(separator: ",")
        let filter = "%7B%22id%22%3A%5B\(list.replacing("\"", with: "%22"))%5D%7D"
        let found = try await http.get(
            Lenient<EngineContainer>.self, "/containers/json?all=1&filters=\(filter)")
        let pods = isPodman ? try await pods(http) : [:]
        var leases: [(address: IPAddress, lease: Lease)] = []
        for one in found.elements {
            leases += try await self.leases(
                of: one, since: waiting.containers[one.Id], pods, found.elements, http)
        }
        directory.begin(source, leases)
        pending.waiting.withLock { now in
            for id in ids where now.containers[id] == nil && now.joined[id] == waiting.joined[id] {
                now.created[id] = nil
                now.joined[id] = nil
            }
        }
        // A new network may first be seen through its containers.
        let networks = Set(directory.networks().map(\.name))
        let used = Set(found.elements.flatMap { ($0.NetworkSettings?.Networks ?? [:]).keys })
        if !used.subtracting(["host", "none"]).isSubset(of: networks) {
            try await listNetworks(http, isPodman)
        }
    }

    private static func ifThere<T>(_ body: () async throws -> T) async throws -> T? {
        do { return try await body() } catch SourceError.refused(404, _, _) { return nil }
    }

    private static func isIdentifier(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                $0 < 0x80 && ($0 >= 0x30 && $0 <= 0x39 || $0 >= 0x61 && $0 <= 0x66)
            }
    }

    // MARK: - Answers

    private func listAll(_ http: SourceConnection, _ isPodman: Bool) async throws {
        try await listNetworks(http, isPodman)
        let asked = Clock.now()
        let found = try await http.get(Lenient<EngineContainer>.self, "/containers/json")
        let pods = isPodman ? try await pods(http) : [:]
        var leases: [(address: IPAddress, lease: Lease)] = []
        for one in found.elements {
            leases += try await self.leases(
                of: one, since: nil, pods, found.elements, http)
        }
        directory.replaceAll(
            source, leases, containers: Set(found.elements.map(\.Id)), at: asked)
        directory.setState(source, .connected)
    }

    func pods(_ http: SourceConnection) async throws -> [String: PodmanPod] {
        PodmanPod.pods(
            of: try await http.get(
                Lenient<PodmanContainer>.self, "/v4.0.0/libpod/containers/json?all=true"
            ).elements)
    }

    private func listNetworks(_ http: SourceConnection, _ isPodman: Bool) async throws {
        let networks =
            isPodman
            ? try await http.get(Lenient<PodmanNetwork>.self, "/v4.0.0/libpod/networks/json")
                .elements.compactMap(\.network)
            : try await http.get(Lenient<EngineNetwork>.self, "/networks").elements.compactMap(
                \.network)
        directory.setNetworks(source, networks.sorted { $0.name < $1.name })
    }

    /// Records a network's members. Docker assigns addresses before it starts a container, so the
    /// network lists them first.
    private func begin(
        members network: EngineNetwork, _ joined: [String: Timestamp],
        _ created: [String: CreatedContainer], _ http: SourceConnection
    ) async throws {
        var leases: [(address: IPAddress, lease: Lease)] = []
        for (id, member) in network.Containers ?? [:] {
            guard let since = joined[id] else { continue }
            let known: Container?
            if let one = created[id] {
                known = try await container(
                    id: id, name: one.name, image: one.image, labels: one.labels, of: one.image,
                    http)
            } else {
                known = directory.container(id, of: source)
            }
            guard let container = known else { continue }
            for text in [member.IPv4Address, member.IPv6Address] {
                guard let address = Self.address(text) else { continue }
                leases.append(
                    (
                        address,
                        Lease(
                            container: container, network: network.Name,
                            mac: member.MacAddress.flatMap { MACAddress($0) }, since: since)
                    ))
            }
        }
        directory.begin(source, leases)
    }

    private func leases(
        of found: EngineContainer, since: Timestamp?, _ pods: [String: PodmanPod],
        _ all: [EngineContainer], _ http: SourceConnection
    ) async throws -> [(address: IPAddress, lease: Lease)] {
        let pod = pods[found.Id]
        let container = try await container(of: found, in: pod, http)
        let shared = pod.flatMap { pod in
            pod.infra == found.Id ? nil : addresses(ofInfra: pod.infra, all)
        }
        let created = found.Created.map {
            min(max(Timestamp(second: $0), .epoch), Clock.now())
        }
        var result: [(address: IPAddress, lease: Lease)] = []
        for (network, endpoint) in found.NetworkSettings?.Networks ?? [:] {
            for text in [endpoint.IPAddress, endpoint.GlobalIPv6Address] {
                guard let address = Self.address(text), shared?.contains(address) != true else {
                    continue
                }
                result.append(
                    (
                        address,
                        Lease(
                            container: container, network: WorkloadNaming.clean(network),
                            mac: endpoint.MacAddress.flatMap { MACAddress($0) },
                            since: since ?? created ?? .epoch)
                    ))
            }
        }
        return result
    }

    /// The addresses that belong to a pod, and not to each of its containers.
    private func addresses(ofInfra id: String, _ all: [EngineContainer]) -> Set<IPAddress> {
        let listed = all.first { $0.Id == id }?.NetworkSettings?.Networks ?? [:]
        let told = listed.values.flatMap { [$0.IPAddress, $0.GlobalIPv6Address] }
            .compactMap(Self.address)
        return Set(told).union(directory.addresses(of: id, source))
    }

    /// Parses an address with or without a prefix length.
    private static func address(_ text: String?) -> IPAddress? {
        guard let text, !text.isEmpty, text.utf8.count < 64 else { return nil }
        return IPAddress(String(text.prefix { $0 != "/" }))
    }
}
