public import Workloads

/// The sources from which a running monitor learns the names of workloads.
public struct WorkloadOptions: Sendable, Equatable {
    /// Whether a source is used, and its path.
    public enum Choice: Sendable, Equatable {
        /// At its usual path, if it exists there.
        case auto
        case never
        /// At this path.
        case path(String)
    }

    public var docker = Choice.auto
    public var podman = Choice.auto
    /// The path is that of a kubeconfig.
    public var kubernetes = Choice.auto
    public var naming = WorkloadNaming()
    /// The environment of the program: `KUBERNETES_SERVICE_HOST`, `NODE_NAME`, `KUBECONFIG`.
    public var environment: [String: String] = [:]

    public init() {}
}
