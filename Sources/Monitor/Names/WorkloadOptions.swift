public import Workloads

/// Where a monitor learns who is who while it runs.
public struct WorkloadOptions: Sendable, Equatable {
    /// Whether a source is asked, and where.
    public enum Choice: Sendable, Equatable {
        /// Where it usually is, if it is there.
        case auto
        case never
        /// At this path.
        case path(String)
    }

    public var docker = Choice.auto
    public var podman = Choice.auto
    /// The path is a kubeconfig's.
    public var kubernetes = Choice.auto
    public var naming = WorkloadNaming()
    /// Environment of the program: `KUBERNETES_SERVICE_HOST`, `NODE_NAME`, `KUBECONFIG`.
    public var environment: [String: String] = [:]

    public init() {}
}
