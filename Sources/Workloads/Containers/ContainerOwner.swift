/// The owner of a container: a pod, a Compose project's service, a Swarm service.
///
/// An owner that the engine reports takes precedence over labels. Anyone who starts a container can
/// set any label on it, a pod's author those of the pod, and an image's author those of the image.
/// Labels inherited from the image are therefore ignored, and so are labels that claim two kinds of
/// owner.
struct ContainerOwner: Sendable, Equatable {
    /// The namespace in which the container's own labels name it.
    var scope: String
    /// The workload's name.
    var name: String

    /// The prefixes of the labels that Compose, the kubelet and Swarm set on their containers.
    static let prefixes = [
        "com.docker.compose.", "io.podman.compose.", "io.kubernetes.", "com.docker.swarm.",
    ]

    init(scope: String, name: String) {
        self.scope = scope
        self.name = name
    }

    /// The owner that labels claim; nil if they claim none or several.
    ///
    /// - Parameters:
    ///   - labels: all that the container has.
    ///   - own: the labels that its image lacks or has with another value. Compose, the kubelet and
    ///     Swarm each set some labels with a new value on every container.
    init?(labels: [String: String], own: [String: String]) {
        /// A part of a name. A value with a `/` is refused, because it could be a name in another
        /// scope.
        func part(_ prefix: String, _ key: String) -> String? {
            guard own.keys.contains(where: { $0.hasPrefix(prefix) }) else { return nil }
            return labels[prefix + key].flatMap { $0.isEmpty || $0.contains("/") ? nil : $0 }
        }
        func compose(_ prefix: String) -> Self? {
            guard let project = part(prefix, "project"), let service = part(prefix, "service")
            else { return nil }
            return Self(scope: project, name: "\(project)/\(service)")
        }
        func pod(_ prefix: String) -> Self? {
            guard let space = part(prefix, "pod.namespace"), let name = part(prefix, "pod.name")
            else { return nil }
            return Self(scope: space, name: "\(space)/\(WorkloadNaming.owner(ofPod: name))")
        }
        let claims = [
            compose("com.docker.compose.") ?? compose("io.podman.compose."),
            pod("io.kubernetes."),
            part("com.docker.swarm.", "service.name").map { Self(scope: $0, name: $0) },
        ].compactMap(\.self)
        guard claims.count == 1 else { return nil }
        self = claims[0]
    }
}
