/// A setting of a container or pod that gives it, or whoever breaks into it, more than it needs.
public enum PostureCheck: String, CaseIterable, Sendable {
    case privileged
    case engineSocket = "engine_socket"
    case hostPath = "host_path"
    case hostNetwork = "host_network"
    case hostProcesses = "host_processes"
    case hostIPC = "host_ipc"
    case hostDevice = "host_device"
    case addedCapability = "added_capability"
    case netRaw = "net_raw"
    case noSeccomp = "no_seccomp"
    case noConfinement = "no_apparmor_or_selinux"
    case privilegeEscalation = "privilege_escalation"
    case runsAsRoot = "runs_as_root"
    case noUserNamespace = "no_user_namespace"
    case secretInEnvironment = "secret_in_environment"
    case serviceAccountToken = "service_account_token"
    case noNetworkPolicy = "no_network_policy"
    case defaultBridge = "default_bridge"
    case publishedPort = "published_on_all_addresses"
    case unusedPort = "unused_published_port"
    case movingTag = "moving_image_tag"

    public enum Severity: String, CaseIterable, Comparable, Sendable {
        case low, medium, high, critical

        public static func < (one: Self, other: Self) -> Bool { one.rank < other.rank }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// The title for an operator.
    public var title: String {
        switch self {
        case .privileged: "privileged"
        case .engineSocket: "socket of the container engine"
        case .hostPath: "path of the node"
        case .hostNetwork: "network of the node"
        case .hostProcesses: "processes of the node"
        case .hostIPC: "shared memory of the node"
        case .hostDevice: "device of the node"
        case .addedCapability: "added capabilities"
        case .netRaw: "can forge packets"
        case .noSeccomp: "system calls are not filtered"
        case .noConfinement: "AppArmor or SELinux is off"
        case .privilegeEscalation: "processes can gain privileges"
        case .runsAsRoot: "runs as root"
        case .noUserNamespace: "root is root of the node"
        case .secretInEnvironment: "secret in the environment"
        case .serviceAccountToken: "token of the default service account"
        case .noNetworkPolicy: "no network policy"
        case .defaultBridge: "default bridge"
        case .publishedPort: "port published on all addresses"
        case .unusedPort: "published port without use"
        case .movingTag: "image tag that moves"
        }
    }

    /// What an intruder gains by it.
    public var reason: String {
        switch self {
        case .privileged: "whoever controls the container controls the node"
        case .engineSocket: "who can write to the socket starts containers with any rights"
        case .hostPath: "files of the node can be read or changed"
        case .hostNetwork:
            "the container sees the node's traffic, and no policy or fence tells it from the node"
        case .hostProcesses: "processes of the node and their environment are visible"
        case .hostIPC: "shared memory of the node's processes can be read and written"
        case .hostDevice: "the device can be used without the node's checks"
        case .addedCapability: "the container has rights that containers lack otherwise"
        case .netRaw: "packets can be sent with another container's addresses (NET_RAW)"
        case .noSeccomp: "more of the kernel can be attacked"
        case .noConfinement: "a second barrier around the container is missing"
        case .privilegeEscalation: "programs with setuid give their rights to who starts them"
        case .runsAsRoot: "who breaks out of the container is root, too"
        case .noUserNamespace: "root in the container is root of the node"
        case .secretInEnvironment: "every process, crash report and 'inspect' shows it"
        case .serviceAccountToken: "the token is valid at the cluster's API"
        case .noNetworkPolicy: "every pod of the cluster can open connections to it"
        case .defaultBridge: "all containers of this bridge reach each other on all ports"
        case .publishedPort: "everybody who reaches the node reaches the port"
        case .unusedPort: "nobody used it in the baseline, so it only helps an intruder"
        case .movingTag: "what runs can change without a change of the configuration"
        }
    }

    public var severity: Severity {
        switch self {
        case .privileged, .engineSocket: .critical
        case .hostNetwork, .hostProcesses, .hostDevice, .addedCapability, .noSeccomp, .hostPath:
            .high
        case .hostIPC, .noConfinement, .secretInEnvironment, .serviceAccountToken, .unusedPort,
            .noNetworkPolicy:
            .medium
        case .netRaw, .privilegeEscalation, .runsAsRoot, .noUserNamespace, .defaultBridge,
            .publishedPort, .movingTag:
            .low
        }
    }

    /// The recommendations that it belongs to: CIS Docker Benchmark as numbered by
    /// docker-bench-security 1.6.0, CIS Kubernetes Benchmark 1.12, and the controls of the NSA's
    /// Kubernetes hardening guide as Kubescape numbers them.
    public var references: [String] {
        func all(_ docker: String?, _ kubernetes: String? = nil, _ nsa: String? = nil) -> [String] {
            [
                docker.map { "CIS Docker \($0)" }, kubernetes.map { "CIS Kubernetes 1.12 \($0)" },
                nsa.map { "NSA \($0)" },
            ].compactMap(\.self)
        }
        return switch self {
        case .privileged: all("5.5", "5.2.2", "C-0057")
        case .engineSocket: all("5.32", "5.2.11")
        case .hostPath: all("5.6", "5.2.11")
        case .hostNetwork: all("5.10", "5.2.5", "C-0041")
        case .hostProcesses: all("5.16", "5.2.3", "C-0038")
        case .hostIPC: all("5.17", "5.2.4", "C-0038")
        case .hostDevice: all("5.18")
        case .addedCapability: all("5.4", "5.2.9", "C-0046")
        case .netRaw: all("5.4", "5.2.8", "C-0046")
        case .noSeccomp: all("5.22", "5.6.2", "C-0055")
        case .noConfinement: all("5.2, 5.3", "5.6.3", "C-0055")
        case .privilegeEscalation: all("5.26", "5.2.6", "C-0016")
        case .runsAsRoot: all("4.1", "5.2.7", "C-0013")
        case .noUserNamespace: all("5.31")
        case .secretInEnvironment: all("4.10", "5.4.1", "C-0012")
        case .serviceAccountToken: all(nil, "5.1.6", "C-0034")
        case .noNetworkPolicy: all(nil, "5.3.2", "C-0030")
        case .defaultBridge: all("5.30")
        case .publishedPort: all("5.14", "5.2.12", "C-0044")
        case .unusedPort: all("5.9")
        case .movingTag: []
        }
    }
}
