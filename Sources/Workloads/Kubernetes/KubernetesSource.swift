public import Logging
internal import FoundationEssentials
internal import NetworkAddresses
internal import SystemSupport
internal import Synchronization
internal import Timestamps

/// Follows a Kubernetes cluster: the pods of this node, and all services and nodes.
///
/// Each kind is listed, then watched from the list's resource version. If the server no longer has
/// that version (410 Gone), the kind is listed again; a watch that ends is continued from its last
/// version.
public struct KubernetesSource: Sendable {
    /// The server's address.
    public var name: String { access.server }
    private let access: KubernetesAccess
    private let node: String?
    private let naming: WorkloadNaming
    private let directory: WorkloadDirectory
    private let cluster = Cluster()

    /// - Parameter node: only the pods of this node are followed; nil: the pods of all nodes.
    public init(
        access: KubernetesAccess, node: String?, naming: WorkloadNaming,
        directory: WorkloadDirectory
    ) {
        self.access = access
        self.node = node
        self.naming = naming
        self.directory = directory
    }

    private var source: String { "kubernetes \(access.server)" }

    /// Seconds that one watch lasts; the connection counts as dead after 30 seconds more of
    /// silence.
    private static let watchSeconds = 300
    /// The greatest number of pages of one list: twice as many as the objects that are kept need.
    static let pageLimit = 1024

    private func connection() -> SourceConnection {
        SourceConnection(
            base: access.server, tls: access.tls, idleTimeout: .seconds(Self.watchSeconds + 30)
        ) { [access] in access.headers() }
    }

    /// The known services and nodes of the cluster. The result is written to the directory under
    /// the lock, so when two kinds change at once, neither overwrites the other's change with old
    /// data.
    private final class Cluster: Sendable {
        struct Entry {
            var addresses: [IPAddress: Inventory.Holder] = [:]
            var protected: [IPAddress: String] = [:]
            var network: ContainerNetwork?
        }
        struct State {
            /// By uid.
            var services: [String: Entry] = [:]
            var nodes: [String: Entry] = [:]
            /// Kinds that the server does not report, with the reasons.
            var lost: [String: String] = [:]
        }
        let state = Mutex(State())
    }

    private struct Kind: Sendable {
        var name: String
        var path: String
        var takeAll: @Sendable ([KubernetesObject], Timestamp) -> Void
        var take: @Sendable (KubernetesObject, _ isGone: Bool, Timestamp) -> Void
    }

    private var all: [Kind] {
        let encoded = node?.percentEncoded
        return [
            Kind(
                name: "pods",
                path: "/api/v1/pods"
                    + (encoded.map { "?fieldSelector=spec.nodeName%3D\($0)" } ?? ""),
                takeAll: { takePods($0, at: $1) }, take: { take(pod: $0, isGone: $1, at: $2) }),
            Kind(
                name: "services", path: "/api/v1/services",
                takeAll: { objects, _ in fix { $0.services = Self.table(objects, Self.service) } },
                take: { object, isGone, _ in
                    guard let (id, entry) = Self.service(object) else { return }
                    fix { $0.services[id] = isGone ? nil : entry }
                }),
            Kind(
                name: "nodes", path: "/api/v1/nodes",
                takeAll: { objects, _ in fix { $0.nodes = Self.table(objects, Self.node) } },
                take: { object, isGone, _ in
                    guard let (id, entry) = Self.node(object) else { return }
                    fix { $0.nodes[id] = isGone ? nil : entry }
                }),
        ]
    }

    /// Lists all kinds once.
    public func list() async throws {
        let http = connection()
        for kind in all {
            _ = try await list(kind, http)
            setState(kind, lost: nil)
        }
    }

    /// Follows the cluster until the task is cancelled.
    public func run(logger: Logger) async {
        if let warning = access.warning { logger.warning("\(warning)") }
        let http = connection()
        await withTaskGroup(of: Void.self) { group in
            for kind in all { group.addTask { await follow(kind, http, logger) } }
        }
    }

    private func follow(
        _ kind: Kind, _ http: SourceConnection, _ logger: Logger
    ) async {
        var version: String?
        let notice = SourceNotice()
        var pause: Int64 = 200
        while !Task.isCancelled {
            do {
                let from: String
                if let version { from = version } else { from = try await list(kind, http) }
                version = from
                // A client may be allowed to list but not to watch, so the source counts as
                // available only when a watch is open.
                try await watch(kind, http, &version) {
                    if let line = notice.back("\(kind.name) of \(source) are available again") {
                        logger.notice("\(line)")
                    }
                    pause = 200
                    setState(kind, lost: nil)
                }
            } catch SourceError.ended {
                // The server ends every watch after `watchSeconds`.
            } catch SourceError.refused(410, _, _) {
                version = nil
            } catch {
                if Task.isCancelled { return }
                // Changes may have been missed.
                version = nil
                let reason = ContainerEngine.words(error)
                setState(kind, lost: reason)
                let line =
                    "\(kind.name) of \(source) are unavailable: \(reason); names stay in use"
                if let line = notice.lost(line) { logger.error("\(line)") }
                pause = min(pause * 2, 30_000)
            }
            try? await Task.sleep(for: .milliseconds(pause + Int64.random(in: 0...pause / 4)))
        }
    }

    // MARK: - List and watch

    /// The pods of this node with the images of their containers.
    public func runningImages() async throws -> [RunningImage] {
        guard let pods = all.first else { return [] }
        let found = try await objects(of: pods, connection()).objects
        return found.flatMap { $0.runningImages(naming, source: source) }
    }

    /// - Returns: the list's version.
    private func list(_ kind: Kind, _ http: SourceConnection) async throws -> String {
        let asked = Clock.now()
        let (objects, version) = try await objects(of: kind, http)
        kind.takeAll(objects, asked)
        return version
    }

    /// All objects of a kind, and the list's version.
    private func objects(
        of kind: Kind, _ http: SourceConnection
    ) async throws -> (objects: [KubernetesObject], version: String) {
        var objects: [KubernetesObject] = []
        var version = ""
        var next: String?
        var pages = 0
        repeat {
            var path = kind.path + (kind.path.contains("?") ? "&" : "?") + "limit=500"
            if let next { path += "&continue=\(next.percentEncoded)" }
            let page = try await http.get(KubernetesList.self, path)
            objects += page.items?.elements ?? []
            version = page.metadata?.resourceVersion ?? version
            next = page.metadata?.continue.flatMap { $0.isEmpty ? nil : $0 }
            pages += 1
            // A page may be empty and have a next page if no object on it matches. The limit bounds
            // this.
            guard next == nil || pages < Self.pageLimit else {
                throw SourceError.malformed(
                    path: kind.path, reason: "a list of more than \(Self.pageLimit) pages")
            }
        } while next != nil && objects.count < LeaseTable.addressLimit
        return (objects, version)
    }

    private func setState(_ kind: Kind, lost reason: String?) {
        cluster.state.withLock { state in
            state.lost[kind.name] = reason
            let lost = state.lost.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            directory.setState(
                source, lost.isEmpty ? .connected : .lost(lost.joined(separator: "; ")))
        }
    }

    private func watch(
        _ kind: Kind, _ http: SourceConnection, _ version: inout String?, opened: () -> Void
    ) async throws {
        let from = (version ?? "").percentEncoded
        let path =
            kind.path + (kind.path.contains("?") ? "&" : "?")
            + "watch=1&allowWatchBookmarks=true&timeoutSeconds=\(Self.watchSeconds)"
            + "&resourceVersion=\(from)"
        // The last version that the watch reported; the next watch starts there.
        let reached = Mutex<String?>(version)
        defer { version = reached.withLock { $0 } }
        try await http.lines(path, opened: opened) { line in
            guard let event = try? JSONDecoder().decode(KubernetesEvent.self, from: line) else {
                return
            }
            if event.type == "ERROR" {
                throw SourceError.refused(
                    status: event.object.code ?? 0, path: kind.path,
                    reason: WorkloadNaming.clean(event.object.reason ?? "watch failed"))
            }
            if let seen = event.object.metadata?.resourceVersion {
                reached.withLock { $0 = seen }
            }
            guard event.type != "BOOKMARK" else { return }
            kind.take(event.object, event.type == "DELETED", Clock.now())
        }
    }

    // MARK: - Pods

    private func takePods(_ objects: [KubernetesObject], at time: Timestamp) {
        var leases: [(address: IPAddress, lease: Lease)] = []
        var ids: Set<String> = []
        for object in objects where !object.isOver {
            guard let id = object.metadata?.uid else { continue }
            ids.insert(WorkloadNaming.clean(id))
            leases += self.leases(of: object, at: time)
        }
        directory.replaceAll(source, leases, containers: ids, at: time)
    }

    private func take(pod object: KubernetesObject, isGone: Bool, at time: Timestamp) {
        guard let uid = object.metadata?.uid else { return }
        let id = WorkloadNaming.clean(uid)
        if isGone || object.isOver {
            directory.end(source, container: id, at: time)
        } else {
            directory.begin(source, leases(of: object, at: time))
        }
    }

    private func leases(
        of pod: KubernetesObject, at time: Timestamp
    ) -> [(address: IPAddress, lease: Lease)] {
        // A pod on the host network has the node's address, not one of its own.
        guard let metadata = pod.metadata, let id = metadata.uid, pod.spec?.hostNetwork != true
        else { return [] }
        let space = metadata.namespace ?? "default"
        let container = naming.container(
            id: id, name: "\(space)/\(metadata.name ?? "")",
            image: pod.spec?.containers?.elements.first?.image ?? "",
            labels: metadata.labels ?? [:],
            owner: ContainerOwner(scope: space, name: "\(space)/\(pod.owner)"))
        var texts = (pod.status?.podIPs?.elements ?? []).compactMap(\.ip)
        if texts.isEmpty, let one = pod.status?.podIP { texts = [one] }
        let began = pod.status?.startTime.flatMap {
            try? Date.ISO8601FormatStyle().parse($0)
        }
        let since = began.map {
            max(Timestamp(secondsSince1970: $0.timeIntervalSince1970), .epoch)
        }
        return texts.prefix(LeaseTable.addressesOfContainer).compactMap { IPAddress($0) }.map {
            ($0, Lease(container: container, network: "pods", since: min(since ?? time, time)))
        }
    }

    // MARK: - Services and nodes

    private static func table(
        _ objects: [KubernetesObject], _ entry: (KubernetesObject) -> (String, Cluster.Entry)?
    ) -> [String: Cluster.Entry] {
        Dictionary(objects.compactMap(entry)) { first, _ in first }
    }

    private static func service(_ object: KubernetesObject) -> (String, Cluster.Entry)? {
        guard let metadata = object.metadata, let id = metadata.uid else { return nil }
        var entry = Cluster.Entry()
        let name = WorkloadNaming.clean(
            "service \(metadata.namespace ?? "default")/\(metadata.name ?? "")")
        let texts = object.spec?.clusterIPs?.elements ?? [object.spec?.clusterIP].compactMap { $0 }
        for text in texts.prefix(4) {
            // The address of a headless service is "None".
            guard let address = IPAddress(text) else { continue }
            entry.addresses[address] = Inventory.Holder(workload: name)
        }
        return (id, entry)
    }

    private static func node(_ object: KubernetesObject) -> (String, Cluster.Entry)? {
        guard let metadata = object.metadata, let id = metadata.uid else { return nil }
        var entry = Cluster.Entry()
        let name = WorkloadNaming.clean(metadata.name ?? "")
        for place in (object.status?.addresses?.elements ?? []).prefix(16) {
            guard let address = place.address.flatMap({ IPAddress($0) }) else { continue }
            entry.addresses[address] = Inventory.Holder(workload: "node \(name)")
            entry.protected[address] = "node \(name) of the cluster"
        }
        let texts = object.spec?.podCIDRs?.elements ?? [object.spec?.podCIDR].compactMap { $0 }
        let prefixes = texts.prefix(4).compactMap { IPPrefix($0) }
        if !prefixes.isEmpty {
            entry.network = ContainerNetwork(name: "pods of \(name)", prefixes: prefixes)
        }
        return (id, entry)
    }

    private func fix(_ body: (inout Cluster.State) -> Void) {
        cluster.state.withLock { state in
            body(&state)
            var addresses: [IPAddress: Inventory.Holder] = [:]
            var protected: [IPAddress: String] = [:]
            var networks: [ContainerNetwork] = []
            for entry in Array(state.services.values) + Array(state.nodes.values) {
                addresses.merge(entry.addresses) { mine, _ in mine }
                protected.merge(entry.protected) { mine, _ in mine }
                if let network = entry.network { networks.append(network) }
            }
            directory.setFixed(source, addresses, protected: protected)
            directory.setNetworks(source, networks.sorted { $0.name < $1.name })
        }
    }
}
