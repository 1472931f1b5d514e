internal import BaselineGraph
internal import SystemSupport
public import Workloads

/// An object of a cluster that is assessed, or decides about others.
enum PostureObject: InspectedObject {
    case pod(ClusterPodSettings)
    case policy(PolicySelector)

    static let command = "kubectl get pods,networkpolicies -A -o json"
    static let policyKind = "NetworkPolicy"

    init?(kind: String, number: Int, from decoder: any Decoder) throws {
        switch kind {
        case "Pod":
            guard let pod = try? ClusterPodSettings(from: decoder) else {
                throw InspectionFault("pod \(number) is not as expected")
            }
            self = .pod(pod)
        case Self.policyKind: self = .policy(try PolicySelector(from: decoder))
        default:
            throw InspectionFault(
                "kind '\(WorkloadNaming.printable(kind))' is not assessed, only Pod and "
                    + Self.policyKind)
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
    /// Adds what a file describes: the output of `docker inspect` or `podman inspect`, or of
    /// `kubectl get pods,networkpolicies -A -o json`.
    ///
    /// - Throws: `PostureError`.
    public mutating func read(file path: String, naming: WorkloadNaming) throws(PostureError) {
        let found: Inspection<PostureObject>
        do throws(IOError) { found = try Inspection(file: path) } catch {
            throw PostureError(source: path, reason: error.reason)
        }
        guard found.images.isEmpty || !found.containers.isEmpty else {
            throw PostureError(
                source: path, reason: "it describes images; give 'docker inspect' of containers")
        }
        var pods: [ClusterPodSettings] = []
        // Nil: the file has none, so they are unknown.
        var policies: [PolicySelector]? =
            found.kinds.contains(PostureObject.policyKind) ? [] : nil
        for object in found.objects {
            switch object {
            case .pod(let pod): pods.append(pod)
            case .policy(let policy): policies?.append(policy)
            }
        }
        for container in found.containers {
            let engine = EngineSettings(
                isPodman: container.OCIRuntime != nil, hasUserNamespaces: nil)
            let name = container.workload(naming)
            add(container, of: engine, workload: name, all: found.containers, source: path)
        }
        add(pods, policies, naming, source: path)
        if found.containers.contains(where: { $0.HostConfig.UsernsMode != "host" }) {
            add(
                remark: "\(path): whether the engine uses user namespaces is not in the file",
                about: .noUserNamespace)
        }
    }

    mutating func add(
        _ container: InspectedContainer, of engine: EngineSettings, workload: String,
        all: [InspectedContainer], source: String
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
        _ container: InspectedContainer, _ all: [InspectedContainer]
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
