public import NetworkAddresses
internal import SystemSupport
internal import TextFormats
public import Timestamps

/// A configured response beyond nftables: what is done about an offender besides its fence.
public struct ResponseEntry: Sendable, Equatable {
    public enum Action: String, CaseIterable, Sendable {
        /// Keeps what the engine knows about the container, and its files if asked.
        case evidence
        /// Takes the container out of its networks.
        case disconnect
        /// Freezes the container's processes.
        case pause
        /// Stops the container.
        case stop
        /// Sends HTTP requests, such as to a firewall at the border.
        case request
        /// Runs a program.
        case exec
        /// Takes the allowed addresses from a peer of WireGuard.
        case wireguard
        /// Pushes a decision on an offender outside to CrowdSec, and so to every bouncer.
        case crowdsec
        /// Isolates a pod by a label and a NetworkPolicy.
        case networkPolicy = "network_policy"
        /// Evicts a pod.
        case evict
        /// Keeps new pods from the node of a pod.
        case cordon
        /// Scales the deployment of a pod to zero.
        case scale
        /// Deletes a RoleBinding of a pod's namespace.
        case revoke

        /// Whether it acts on a container, and not on the fence's target.
        public var isOnContainer: Bool {
            switch self {
            case .evidence, .disconnect, .pause, .stop: true
            case .request, .exec, .wireguard, .crowdsec: false
            case .networkPolicy, .evict, .cordon, .scale, .revoke: false
            }
        }

        /// Whether it changes objects of a cluster.
        var isOnCluster: Bool {
            switch self {
            case .networkPolicy, .evict, .cordon, .scale, .revoke: true
            case .evidence, .disconnect, .pause, .stop: false
            case .request, .exec, .wireguard, .crowdsec: false
            }
        }

        /// Responses of one lane wait for each other.
        enum Lane { case containers, evidence, elsewhere }

        var lane: Lane {
            self == .evidence ? .evidence : isOnContainer ? .containers : .elsewhere
        }

        /// The order in which the responses of one container are undone: it gets its networks
        /// before its processes continue.
        var undoOrder: Int {
            switch self {
            case .disconnect: 0
            case .stop: 1
            case .pause: 2
            case .request, .exec, .wireguard, .crowdsec, .evidence: 3
            case .networkPolicy, .evict, .cordon, .scale, .revoke: 3
            }
        }
    }

    /// Unique among the entries; the ledger and the audit trail name it.
    public var name = ""
    public var action = Action.pause
    /// How long the fence must have been active.
    public var delay = Interval.zero
    /// Names of workloads, with `*` for any text, or `outside` for what is no workload; empty: all.
    public var workloads: [String] = []
    /// The most containers (nil: 8) or addresses (nil: 1000) for which it is in effect at a time.
    public var most: Int?
    /// How long a container that is stopped may take to end by itself; nil: 10 s.
    public var grace: Interval?
    /// Whether evidence has the container's files as an image; nil: it has not.
    public var commits: Bool?
    /// How much evidence is kept; nil: that of 20 containers.
    public var kept: Int?
    /// How long a request, a program or `wg` may take (nil: 10 s), or an image (nil: 2 minutes).
    public var timeout: Interval?
    public var apply: RequestStep?
    /// Nil: what was applied counts as in effect.
    public var verify: RequestStep?
    public var undo: RequestStep?
    /// The type of the requests' bodies; nil: JSON.
    public var content: RequestContent?
    /// A key of the answer whose value the variable `captured` has in `undo`.
    public var capture: String?
    /// A file with headers, which may be secret.
    public var headersFile: String?
    /// A file with the only authorities to trust (PEM).
    public var authoritiesFile: String?
    /// The absolute path of a program; for WireGuard that of `wg`.
    public var program: String?
    public var arguments: [String] = []
    /// The user that runs the program; nil: the monitor's.
    public var user: String?
    /// Whether the program can verify; nil: it cannot.
    public var verifies: Bool?
    /// The interfaces of WireGuard whose peers may be suspended; empty: all.
    public var interfaces: [String] = []
    /// Whether peers of WireGuard with whole networks may be suspended; nil: they may not.
    public var networks: Bool?
    /// Whether a pod that is isolated may ask for names; nil: it may not.
    public var keepsDNS: Bool?
    /// The hosts that a pod that is isolated still reaches, and that reach it, such as a forensic
    /// host.
    public var keptHosts: [IPPrefix] = []
    /// Whether a pod that is isolated leaves its services and its ReplicaSet; nil: it does not.
    public var replaces: Bool?
    /// The name of the RoleBinding that is deleted.
    public var binding: String?
    /// The URL of CrowdSec's Local API, without `/v1`.
    public var url: String?
    /// The machine's name and the file with its password.
    public var machine: String?
    public var passwordFile: String?
    /// Whether workloads and private addresses are pushed to CrowdSec, too; nil: they are not.
    public var sharesPrivate: Bool?

    /// The network that a container is moved to when it leaves its own; nil: none.
    public var network: String?

    public init() {}

    var limit: Int { most ?? (action.isOnContainer ? 8 : 1000) }

    /// The time that a stopped container has, in seconds.
    var graceSeconds: Int64 { Int64((grace ?? .seconds(10)).wholeSeconds) }

    /// Whether the entry is meant for a workload; nil is none that is known.
    public func covers(_ workload: String?) -> Bool {
        if workloads.isEmpty { return true }
        guard let workload else { return workloads.contains("outside") }
        return workloads.contains { Self.matches(Array(workload.utf8), Array($0.utf8)) }
    }

    /// Whether `text` matches a pattern in which `*` stands for any bytes.
    private static func matches(_ text: [UInt8], _ pattern: [UInt8]) -> Bool {
        var (at, next) = (0, 0)
        // Where the last `*` is, and the first byte that it does not cover.
        var star: (pattern: Int, text: Int)?
        while at < text.count {
            if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
                star = (next, at)
                next += 1
            } else if next < pattern.count, pattern[next] == text[at] {
                at += 1
                next += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                at = last.text + 1
                next = last.pattern + 1
            } else {
                return false
            }
        }
        return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension ResponseEntry {
    /// The greatest number of entries.
    public static let countLimit = 64

    /// What is wrong with the entries, each as one line.
    public static func faults(in entries: [ResponseEntry]) -> [String] {
        EntryNames.faults(in: entries.map(\.name), limit: countLimit)
            + entries.flatMap { entry in
                entry.faults.map { "'\(entry.name.printable)': \($0)" }
            }
    }

    private var faults: [String] {
        var faults: [String] = []
        if grace != nil, action != .stop { faults.append("'grace' is for 'action: stop' only") }
        if timeout != nil, action.isOnContainer, action != .evidence {
            faults.append(
                "'timeout' is for 'action: request', 'exec', 'wireguard', 'crowdsec' and "
                    + "'evidence' only")
        }
        if commits != nil || kept != nil, action != .evidence {
            faults.append("'commit' and 'keep' are for 'action: evidence' only")
        }
        let steps: [(String, RequestStep?)] = [
            ("apply", apply), ("verify", verify), ("undo", undo),
        ]
        let given =
            steps.filter { $0.1 != nil }.map(\.0)
            + [
                ("content", content != nil), ("capture", capture != nil),
                ("headers_file", headersFile != nil),
                ("ca_file", authoritiesFile != nil && action != .crowdsec),
            ].filter(\.1).map(\.0)
        if action == .request {
            faults += requestFaults(steps)
        } else if let key = given.first {
            faults.append("'\(key)' is for 'action: request' only")
        }
        if action != .wireguard, !interfaces.isEmpty || networks != nil {
            faults.append("'interfaces' and 'networks' are for 'action: wireguard' only")
        }
        if network != nil, action != .disconnect {
            faults.append("'network' is for 'action: disconnect' only")
        }
        if keepsDNS != nil || replaces != nil || !keptHosts.isEmpty, action != .networkPolicy {
            faults.append(
                "'keep_dns', 'keep_hosts' and 'replace' are for 'action: network_policy' only")
        }
        if action == .revoke {
            if binding.map(ClusterPod.isName) != true {
                faults.append("'binding' must be the name of a RoleBinding")
            }
        } else if binding != nil {
            faults.append("'binding' is for 'action: revoke' only")
        }
        if action == .exec {
            faults += execFaults
        } else if action == .wireguard, arguments.isEmpty, user == nil, verifies == nil {
            faults += [ExecPlan.fault(program: program ?? WireGuardAction.program)].compactMap {
                $0.map { "\($0) (package wireguard-tools)" }
            }
        } else if program != nil || !arguments.isEmpty || user != nil || verifies != nil {
            faults.append(
                "'program', 'arguments', 'user' and 'verifies' are for 'action: exec' only")
        }
        if action == .crowdsec {
            faults += crowdSecFaults
        } else if url != nil || machine != nil || passwordFile != nil || sharesPrivate != nil {
            faults.append(
                "'url', 'machine', 'password_file' and 'private' are for 'action: crowdsec' only")
        }
        return faults
    }

    private func requestFaults(_ steps: [(String, RequestStep?)]) -> [String] {
        var faults: [String] = []
        if apply == nil || undo == nil { faults.append("'apply' and 'undo' are missing") }
        if let verify, (verify.contains ?? "").isEmpty {
            faults.append("'verify' needs 'contains': what the answer has while it is in effect")
        }
        if let name = steps.first(where: { $0.0 != "verify" && $0.1?.contains != nil })?.0 {
            faults.append("'contains' is for 'verify' only, not for '\(name)'")
        }
        for (name, step) in steps {
            guard let step else { continue }
            if let fault = step.fault { faults.append("'\(name)': \(fault)") }
            for text in step.texts {
                guard let names = ResponseTemplate.names(in: text) else {
                    faults.append("'\(name)': '{{' without '}}'")
                    continue
                }
                let captured = name == "undo" && capture != nil ? ResponseTemplate.captured : ""
                for variable in names
                where variable != captured && !ResponseTemplate.variables.contains(variable) {
                    faults.append(
                        "'\(name)': no variable '\(variable)'; there are "
                            + ResponseTemplate.variables.sorted().joined(separator: ", ")
                            + ", and with 'capture' in 'undo': captured")
                }
            }
        }
        for path in [headersFile, authoritiesFile] {
            if let path, !path.hasPrefix("/") { faults.append("\(path): not an absolute path") }
        }
        if usedTargets.count > 1 {
            faults.append(
                "a target has only one of \(usedTargets.sorted().joined(separator: ", "))")
        }
        return faults
    }

    private var execFaults: [String] {
        guard let program else { return ["'program' is missing"] }
        var faults = [ExecPlan.fault(program: program)].compactMap { $0 }
        if let user, ExecAction.numbers(ofUser: user) == nil {
            faults.append("user '\(user)' does not exist; create it or leave it out")
        }
        return faults
    }

    /// The kinds of targets that the requests name.
    private var usedTargets: Set<String> {
        let texts = [apply, verify, undo].flatMap { $0?.texts ?? [] }
        return Set(texts.flatMap { ResponseTemplate.names(in: $0) ?? [] })
            .intersection(ResponseTemplate.targets)
    }

    /// Whether it can act on a target with these values.
    func isMeant(for values: [String: String]) -> Bool {
        usedTargets.allSatisfy { values[$0] != nil }
    }

    /// Reads the files that it names.
    ///
    /// - Throws: `.failed` if one cannot be used.
    public func checkFiles() throws(ResponseError) {
        if let headersFile { _ = try HeadersFile.read(headersFile) }
        if let passwordFile { try Self.checkPassword(in: passwordFile) }
        if let authoritiesFile, !Files.exists(authoritiesFile) {
            throw .failed("\(authoritiesFile): cannot be read")
        }
    }

    /// The entry without what may be secret, for those who may only read.
    public var masked: ResponseEntry {
        var shown = self
        shown.apply = apply?.masked
        shown.verify = verify?.masked
        shown.undo = undo?.masked
        return shown
    }
}
