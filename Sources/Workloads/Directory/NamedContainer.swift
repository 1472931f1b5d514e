/// Names of containers and pods that are described in full, as by `inspect`.
extension WorkloadNaming {
    /// The name of a container's workload.
    ///
    /// - Parameters:
    ///   - labels: all that it has.
    ///   - imageLabels: those of its image; nil: unknown, so all count as its own.
    package func workload(
        ofContainer id: String, name: String, image: String, labels: [String: String],
        imageLabels: [String: String]?
    ) -> String {
        container(id: id, name: name, image: image, labels: labels, imageLabels: imageLabels ?? [:])
            .workload
    }

    /// Untrusted text for a report: truncated, without control characters.
    package static func printable(_ text: String) -> String { clean(text) }
}

/// The names of a pod, from its description by a cluster.
package struct PodNames: Decodable {
    private let pod: KubernetesObject

    package init(from decoder: any Decoder) throws { pod = try KubernetesObject(from: decoder) }

    /// Whether it has ended for good.
    package var isOver: Bool { pod.isOver }

    /// The name of its workload.
    package func workload(_ naming: WorkloadNaming) -> String { pod.workload(naming) }
}

extension KubernetesObject {
    /// The name of a pod's workload.
    func workload(_ naming: WorkloadNaming) -> String {
        let space = metadata?.namespace ?? "default"
        return naming.container(
            id: metadata?.uid ?? "", name: "\(space)/\(metadata?.name ?? "")", image: "",
            labels: metadata?.labels ?? [:],
            owner: ContainerOwner(scope: space, name: "\(space)/\(owner)")
        ).workload
    }
}
