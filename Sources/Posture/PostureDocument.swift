internal import BaselineGraph
internal import FoundationEssentials
internal import SystemSupport
public import Workloads

/// The settings in a file: the output of `docker inspect` or `podman inspect`, or of
/// `kubectl get pods,networkpolicies -A -o json`.
struct PostureDocument: Decodable {
    var containers: [ContainerSettings] = []
    var pods: [ClusterPodSettings] = []
    /// nil: the file has none, so they are unknown.
    var policies: [PolicySelector]?

    private enum Keys: String, CodingKey { case kind, items }

    struct Unknown: Error {
        var reason: String
    }

    init(from decoder: any Decoder) throws {
        if var list = try? decoder.unkeyedContainer() {
            while !list.isAtEnd {
                let number = list.currentIndex + 1
                guard let container = try? list.decode(ContainerSettings.self) else {
                    throw Unknown(reason: "element \(number) does not describe a container")
                }
                containers.append(container)
            }
            return
        }
        guard let values = try? decoder.container(keyedBy: Keys.self),
            let kind = try? values.decode(String.self, forKey: .kind)
        else { throw Unknown(reason: "it has neither a list of containers nor a 'kind'") }
        guard values.contains(.items) else {
            try add(kind, decoder)
            return
        }
        var items = try values.nestedUnkeyedContainer(forKey: .items)
        let itemKind = kind == "List" ? nil : kind.hasSuffix("List") ? kind.dropLast(4) : nil
        if itemKind == "NetworkPolicy" { policies = [] }
        while !items.isAtEnd {
            let item = try items.superDecoder()
            let own = try item.container(keyedBy: Keys.self).decodeIfPresent(
                String.self, forKey: .kind)
            try add(own ?? itemKind.map(String.init) ?? "", item)
        }
    }

    private mutating func add(_ kind: String, _ decoder: any Decoder) throws {
        switch kind {
        case "Pod":
            guard let pod = try? ClusterPodSettings(from: decoder) else {
                throw Unknown(reason: "pod \(pods.count + 1) is not as expected")
            }
            pods.append(pod)
        case "NetworkPolicy":
            policies = (policies ?? []) + [try PolicySelector(from: decoder)]
        default:
            throw Unknown(
                reason: "kind '\(WorkloadNaming.printable(kind))' is not assessed, only Pod and "
                    + "NetworkPolicy")
        }
    }
}

/// A pod's settings and names.
struct ClusterPodSettings: Decodable {
    var settings: PodSettings
    var names: PodNames

    init(from decoder: any Decoder) throws {
        settings = try PodSettings(from: decoder)
        names = try PodNames(from: decoder)
    }
}

extension PostureReport {
    /// The greatest number of bytes of a file.
    private static let fileLimit: Int64 = 64 << 20

    /// Adds what a file describes.
    ///
    /// - Throws: `PostureError`.
    public mutating func read(file path: String, naming: WorkloadNaming) throws(PostureError) {
        func fail(_ reason: String) -> PostureError { PostureError(source: path, reason: reason) }
        let bytes: [UInt8]
        // A pipe would make the call wait for a writer; a file may change while it is read.
        do throws(IOError) {
            var file = try InputFile(path, limit: Self.fileLimit)
            bytes = try file.readToEnd()
        } catch { throw fail(error.reason) }
        let document: PostureDocument
        do {
            document = try JSONDecoder().decode(PostureDocument.self, from: Data(bytes))
        } catch let error as PostureDocument.Unknown {
            throw fail(
                error.reason + "; give the output of 'docker inspect', 'podman inspect' or "
                    + "'kubectl get pods,networkpolicies -A -o json'")
        } catch {
            throw fail("it is not whole JSON")
        }
        for container in document.containers {
            let engine = EngineSettings(
                isPodman: container.OCIRuntime != nil, hasUserNamespaces: nil)
            let name = naming.workload(
                ofContainer: container.Id, name: container.name, image: container.reference,
                labels: container.Config?.Labels ?? [:], imageLabels: nil)
            add(container, of: engine, workload: name, all: document.containers, source: path)
        }
        add(document.pods, document.policies, naming, source: path)
        if document.containers.contains(where: { $0.HostConfig.UsernsMode != "host" }) {
            add(
                remark: "\(path): whether the engine uses user namespaces is not in the file",
                about: .noUserNamespace)
        }
    }

    mutating func add(
        _ container: ContainerSettings, of engine: EngineSettings, workload: String,
        all: [ContainerSettings], source: String
    ) {
        let results = container.results(
            engine, isOnHostNetwork: Self.isOnHostNetwork(container, all))
        add(
            results.map {
                PostureFinding($0, workload: workload, container: container.name, source: source)
            }, of: workload, containers: 1)
        for (port, bindings) in container.publishedPorts {
            guard let service = Service(published: port) else { continue }
            published.append(
                PublishedPort(
                    workload: workload, container: WorkloadNaming.printable(container.name),
                    source: source, port: WorkloadNaming.printable(port), service: service,
                    nodePort: WorkloadNaming.printable(bindings.first?.HostPort ?? "?")))
        }
    }

    mutating func add(
        _ pods: [ClusterPodSettings], _ policies: [PolicySelector]?, _ naming: WorkloadNaming,
        source: String
    ) {
        for pod in pods where !pod.names.isOver {
            let workload = pod.names.workload(naming)
            let name = pod.settings.metadata.name
            let found = pod.settings.results(policies).map { part, result in
                PostureFinding(
                    result, workload: workload, container: part.map { "\(name)/\($0)" } ?? name,
                    source: source)
            }
            add(found, of: workload, containers: pod.settings.spec.parts.count)
            addPod()
        }
        if !pods.isEmpty, policies == nil {
            add(
                remark: "\(source): network policies are not known, and were not assessed",
                about: .noNetworkPolicy)
        }
    }

    /// Whether a container uses the node's network, also by a chain of other containers.
    private static func isOnHostNetwork(
        _ container: ContainerSettings, _ all: [ContainerSettings]
    ) -> Bool {
        var current = container
        for _ in 0..<8 {
            if current.HostConfig.NetworkMode == "host" { return true }
            guard let other = current.sharesNetworkOf, !other.isEmpty,
                let next = all.first(where: { $0.Id.hasPrefix(other) || $0.name == other })
            else { return false }
            current = next
        }
        return false
    }
}

extension PostureFinding {
    init(_ result: PostureResult, workload: String, container: String, source: String) {
        self.init(
            check: result.check, severity: result.severity, workload: workload,
            container: WorkloadNaming.printable(container), source: source,
            detail: WorkloadNaming.printable(result.detail),
            mend: WorkloadNaming.printable(result.mend))
    }
}
