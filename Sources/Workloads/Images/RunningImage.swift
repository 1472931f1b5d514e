internal import SystemSupport

/// A running container, or one of a pod, with its image.
public struct RunningImage: Sendable, Equatable {
    /// The workload's name, which is the one of the model and of alerts.
    public var workload: String
    /// The container's name, or `NAMESPACE/POD/CONTAINER`.
    public var container: String
    /// Where it was read: `docker /var/run/docker.sock`, a cluster's address, a file.
    public var source: String
    /// The image as it was named when the container was created.
    public var reference: String
    public var identity: ImageIdentity

    public init(
        workload: String, container: String, source: String, reference: String,
        identity: ImageIdentity
    ) {
        self.workload = workload
        self.container = WorkloadNaming.clean(container)
        self.source = source
        self.reference = WorkloadNaming.clean(reference)
        self.identity = identity
    }

    /// The most containers of one source.
    static let limit = 4096
}

extension ContainerEngine {
    /// The running containers with their images. The engine is asked for each image once.
    public func runningImages() async throws -> [RunningImage] {
        let http = SourceConnection(socket: path)
        let isPodman = try await http.get(EngineVersion.self, "/version").isPodman
        let found = try await http.get(Lenient<EngineContainer>.self, "/containers/json")
        let pods = isPodman ? try await pods(http) : [:]
        var result: [RunningImage] = []
        for one in found.elements.prefix(RunningImage.limit) {
            let container = try await container(of: one, in: pods[one.Id], http)
            var identity = ImageIdentity()
            identity.add(digest: one.ImageID)
            identity.add(digest: one.ImageManifestDescriptor?.digest)
            identity.add(reference: one.Image)
            let image = one.ImageID ?? one.Image ?? ""
            if let known = try await images.image(image, naming, http) {
                identity.add(known.identity)
            }
            result.append(
                RunningImage(
                    workload: container.workload, container: container.name, source: source,
                    reference: container.reference, identity: identity))
        }
        return result
    }
}

extension KubernetesObject {
    /// The containers of a pod with their images.
    func runningImages(_ naming: WorkloadNaming, source: String) -> [RunningImage] {
        guard !isOver else { return [] }
        let pod = "\(metadata?.namespace ?? "default")/\(metadata?.name ?? "")"
        let parts = spec?.containers?.elements ?? []
        let running =
            (status?.containerStatuses?.elements ?? [])
            + (status?.ephemeralContainerStatuses?.elements ?? [])
        return running.prefix(64).map { one in
            let given = parts.first { $0.name == one.name }?.image
            var identity = ImageIdentity()
            identity.add(digest: one.imageID)
            identity.add(reference: one.image)
            identity.add(reference: given)
            return RunningImage(
                workload: workload(naming), container: "\(pod)/\(one.name ?? "")", source: source,
                reference: given ?? one.image ?? "", identity: identity)
        }
    }
}
