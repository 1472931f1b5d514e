/// A setting of one container or pod that should be changed.
public struct PostureFinding: Sendable, Equatable {
    public var check: PostureCheck
    public var severity: PostureCheck.Severity
    /// The workload's name, which is the one of the model and of alerts.
    public var workload: String
    /// The container's name, or `POD/CONTAINER` within the namespace.
    public var container: String
    /// Where it was read: `docker /var/run/docker.sock`, a cluster's address, a file.
    public var source: String
    /// What was found, such as `SYS_ADMIN` or `80/tcp`; empty if the check says all.
    public var detail: String
    /// The line of configuration that mends it.
    public var mend: String

    /// Sorts the worst first.
    static func isBefore(_ one: Self, _ other: Self) -> Bool {
        if one.severity != other.severity { return one.severity > other.severity }
        let order = PostureCheck.allCases
        let (first, second) = (order.firstIndex(of: one.check), order.firstIndex(of: other.check))
        if first != second { return (first ?? 0) < (second ?? 0) }
        return (one.workload, one.container, one.detail)
            < (other.workload, other.container, other.detail)
    }
}

/// The findings of containers and pods.
public struct PostureReport: Sendable {
    /// The worst first.
    public var findings: [PostureFinding] { all.sorted(by: PostureFinding.isBefore) }
    /// The numbers of containers, those of pods included.
    public private(set) var containerCount = 0
    public private(set) var podCount = 0
    /// Checks of which some containers or pods lack what is needed for them.
    public private(set) var incompleteChecks: Set<PostureCheck> = []
    /// Whether published ports were compared with a model.
    public internal(set) var hasComparedPorts = false
    /// The workloads that have containers, also those without findings.
    public private(set) var workloads: Set<String> = []
    /// What was not assessed, and why.
    public private(set) var remarks: [String] = []

    private var all: [PostureFinding] = []
    var published: [PublishedPort] = []

    public init() {}

    mutating func add(_ found: [PostureFinding], of workload: String, containers: Int) {
        all += found
        if containers > 0 { workloads.insert(workload) }
        containerCount += containers
    }

    mutating func addPod() { podCount += 1 }

    /// - Parameter check: could not be made everywhere for this reason.
    mutating func add(remark: String, about check: PostureCheck? = nil) {
        if let check { incompleteChecks.insert(check) }
        if !remarks.contains(remark) { remarks.append(remark) }
    }
}

/// Why the settings of containers cannot be read.
public struct PostureError: Error, Sendable, CustomStringConvertible {
    /// The file, engine or cluster.
    public var source: String
    public var reason: String

    public init(source: String, reason: String) {
        self.source = source
        self.reason = reason
    }

    public var description: String { "\(source): \(reason)" }
}
