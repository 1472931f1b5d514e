/// Who owns a container: a pod, a Compose project's service, a Swarm service.
///
/// What an engine says itself goes before what labels claim. Whoever starts a container may set any
/// label on it, a pod's author those of the pod, an image's author those of the image; so labels
/// that the image brings count for nothing, and labels that claim two kinds of owner neither.
struct ContainerOwner: Sendable, Equatable {
    /// What the container's own labels name within.
    var scope: String
    /// The workload's name.
    var name: String

    /// How the labels begin by which Compose, the kubelet and Swarm mark their containers.
    static let prefixes = [
        "com.docker.compose.", "io.podman.compose.", "io.kubernetes.", "com.docker.swarm.",
    ]

    init(scope: String, name: String) {
        self.scope = scope
        self.name = name
    }

    /// The owner that labels claim; nil where they claim none, or several.
    ///
    /// - Parameters:
    ///   - labels: all that the container has.
    ///   - own: those that its image does not have, or has with another value. Compose, the kubelet
    ///     and Swarm each set some of theirs anew on every container.
    init?(labels: [String: String], own: [String: String]) {
        /// A part of a name: what holds a `/` would be a name within another.
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
