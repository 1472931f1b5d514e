import Recording
import Enforcement
public import Logging
public import Monitor
import NetworkAddresses
import PacketCapture
import Quarantine
import SystemSupport
import Workloads
import YAML

/// The settings of `lazaret monitor` with their defaults, from `/etc/lazaret/lazaret.yaml`.
public struct Configuration: Sendable {
    /// The path of the configuration unless another file is named.
    public static let standardPath = "/etc/lazaret/lazaret.yaml"

    public var monitor = Monitor.Options()
    /// Path of the model; nil: not configured, but it may be named on the command line.
    public var model: String?
    /// Path of the inventory; nil: the model's own.
    public var inventory: String?
    public var control = ControlOptions()
    /// The user that a monitor started by root switches to; nil: it does not switch.
    public var user: String?
    /// The lowest level of log lines that are written.
    public var logLevel = Logger.Level.info
    /// The file that it was read from; nil: none.
    public private(set) var path: String?
    /// The options of the command line that replaced a key, by that key.
    public var options: [String: String] = [:]

    public init() {}

    /// Reads a file.
    ///
    /// - Throws: an error with line, key and the expected value; unknown keys are errors too.
    public init(path: String) throws(ConfigurationError) {
        self.path = path
        do throws(YAMLError) {
            let reader = YAMLReader(path: path)
            try read(
                ConfigurationNode(try reader.root(of: YAMLReader.read(path)), "the file", reader))
        } catch {
            throw ConfigurationError(path: error.path, reason: error.reason)
        }
    }

    /// The keys that differ from `other` and that a running monitor cannot apply.
    public func needsRestart(after other: Configuration) -> [String] {
        let new = monitor
        let old = other.monitor
        let same: [(String, Bool)] = [
            ("filter", new.capture.filter == old.capture.filter),
            ("inventory", inventory == other.inventory),
            ("state", new.stateDirectory == old.stateDirectory),
            ("user", user == other.user), ("enforce", new.isEnforcing == old.isEnforcing),
            ("control", control == other.control), ("record", new.recording == old.recording),
            ("limits", new.limits == old.limits), ("kept", new.policy.kept == old.policy.kept),
        ]
        return same.filter { !$0.1 }.map(\.0)
    }

    private mutating func read(_ file: ConfigurationNode) throws(YAMLError) {
        let top = try file.mapping([
            "interfaces", "filter", "capture", "model", "inventory", "state", "user", "events",
            "rotate", "syslog", "webhook", "statistics", "enforce", "learn", "retrain", "keep",
            "control", "quarantine", "protected", "allow", "kept", "workloads", "record", "limits",
            "log_level",
        ])
        try top["interfaces"]?.list { item throws(YAMLError) in
            monitor.interfaces.append(try item.text())
        }
        monitor.capture.filter = try top["filter"]?.text() ?? ""
        if let node = top["capture"] { try readCapture(node) }
        if let node = top["record"] { try readRecording(node) }
        if let node = top["limits"] { try readLimits(node) }
        if let node = top["log_level"] {
            let word = try node.word(of: Logger.Level.allCases.map { "\($0)" })
            logLevel = Logger.Level(rawValue: word) ?? logLevel
        }
        model = try top["model"]?.text()
        inventory = try top["inventory"]?.text()
        if let node = top["workloads"] { try readWorkloads(node) }
        monitor.stateDirectory = try top["state"]?.text() ?? monitor.stateDirectory
        user = try top["user"]?.text()
        monitor.output = try top["events"]?.text() ?? monitor.output
        try readDelivery(top)
        if let span = try top["statistics"]?.span(1...86_400) {
            monitor.statisticsInterval = span
        }
        monitor.isEnforcing = try top["enforce"]?.flag() ?? false
        if let span = try top["learn"]?.span(1...31_536_000) { monitor.learningTime = span }
        if let keys = try top["keep"]?.mapping(["age", "mib"]) {
            monitor.keepTime = try keys["age"]?.span(60...31_536_000) ?? monitor.keepTime
            if let mib = try keys["mib"]?.number(1...1_000_000) {
                monitor.keepBytes = Int64(mib) << 20
            }
        }
        if let node = top["control"] { try readControl(node) }
        if let node = top["retrain"], try !node.isWord("never") {
            monitor.retrainInterval = try node.span(60...31_536_000)
        }
        if let node = top["quarantine"] { try readPolicy(node) }
        try top["protected"]?.list { item throws(YAMLError) in
            let keys = try item.mapping(["prefix", "reason"])
            monitor.discovery.named.append(
                .init(
                    try keys.need("prefix", in: item).prefix(),
                    reason: try keys.need("reason", in: item).text()))
        }
        try top["allow"]?.list { item throws(YAMLError) in
            let keys = try item.mapping(["prefix", "reason", "until"])
            monitor.allowlist.append(
                AllowEntry(
                    try keys.need("prefix", in: item).prefix(),
                    reason: try keys.need("reason", in: item).text(),
                    expires: try keys["until"]?.moment()))
        }
        try top["kept"]?.list { item throws(YAMLError) in
            let keys = try item.mapping(["name", "address", "port"])
            monitor.policy.kept.append(
                KeptService(
                    name: try keys.need("name", in: item).text(),
                    address: try keys.need("address", in: item).address(),
                    port: try keys["port"]?.port()))
        }
    }

    private mutating func readWorkloads(_ node: ConfigurationNode) throws(YAMLError) {
        let keys = try node.mapping(["docker", "podman", "kubernetes", "name_label", "labels"])
        var workloads = monitor.workloads
        workloads.docker = try keys["docker"]?.choice() ?? workloads.docker
        workloads.podman = try keys["podman"]?.choice() ?? workloads.podman
        workloads.kubernetes = try keys["kubernetes"]?.choice() ?? workloads.kubernetes
        workloads.naming.nameLabel = try keys["name_label"]?.text()
        try keys["labels"]?.list { item throws(YAMLError) in
            workloads.naming.labels.append(try item.text())
        }
        monitor.workloads = workloads
    }

    private mutating func readCapture(_ node: ConfigurationNode) throws(YAMLError) {
        let keys = try node.mapping(["snap_length", "buffer_kib", "promiscuous"])
        let capture = monitor.capture
        monitor.capture.snapLength =
            try keys["snap_length"]?.number(64...262_144) ?? capture.snapLength
        monitor.capture.bufferSize =
            try keys["buffer_kib"].map { node throws(YAMLError) in
                try node.number(64...2_000_000) << 10
            } ?? capture.bufferSize
        monitor.capture.isPromiscuous = try keys["promiscuous"]?.flag() ?? capture.isPromiscuous
    }

    private mutating func readRecording(_ node: ConfigurationNode) throws(YAMLError) {
        let keys = try node.mapping(["file", "size", "keep"])
        var recording = monitor.recording
        recording.path = try keys["file"]?.text()
        recording.size = try keys["size"]?.bytes((4 << 20)...(1 << 44)) ?? recording.size
        recording.kept = try keys["keep"]?.number(1...1000) ?? recording.kept
        monitor.recording = recording
    }

    private mutating func readLimits(_ node: ConfigurationNode) throws(YAMLError) {
        let keys = try node.mapping(["memory", "cpu"])
        monitor.limits.memory =
            try keys["memory"]?.bytes(ResourceLimits.memoryRange) ?? monitor.limits.memory
        if let node = keys["cpu"] {
            monitor.limits.cores = try node.isWord("never") ? nil : try node.cores()
        }
    }

    private mutating func readControl(_ node: ConfigurationNode) throws(YAMLError) {
        let keys = try node.mapping(["socket", "port", "token_file", "operators", "may_force"])
        if let node = keys["socket"] {
            control.socket = try node.isWord("never") ? nil : try node.text()
        }
        control.port = try keys["port"]?.number(1...65_535)
        control.tokenFile = try keys["token_file"]?.text()
        try keys["operators"]?.list { item throws(YAMLError) in
            control.operators.append(try item.text())
        }
        try keys["may_force"]?.list { item throws(YAMLError) in
            control.overriders.append(try item.text())
        }
        if control.port != nil, control.tokenFile == nil {
            throw node.fail("'port' needs a 'token_file': clients must send its token")
        }
    }

    private mutating func readPolicy(_ node: ConfigurationNode) throws(YAMLError) {
        let keys = try node.mapping([
            "windows_in_row", "far_beyond", "durations", "forgiven_after", "most_at_a_time",
            "most_of_workloads", "breaker", "warm_up", "responses", "limit",
            "protect_targets", "release_grace",
            "flush_connections", "subnets",
        ])
        var policy = monitor.policy
        policy.persistenceWindows =
            try keys["windows_in_row"]?.number(1...1000) ?? policy.persistenceWindows
        if let node = keys["far_beyond"] {
            policy.farBeyondShare = try node.isWord("never") ? nil : try node.share()
        }
        if let node = keys["durations"] {
            policy.durations = []
            try node.list { item throws(YAMLError) in
                policy.durations.append(try item.span(1...34_560_000))
            }
            guard !policy.durations.isEmpty else {
                throw node.fail("'durations' is empty; name at least one")
            }
        }
        policy.decay = try keys["forgiven_after"]?.span() ?? policy.decay
        policy.maximumActive =
            try keys["most_at_a_time"]?.number(0...65_536) ?? policy.maximumActive
        policy.maximumShareOfWorkloads =
            try keys["most_of_workloads"]?.share() ?? policy.maximumShareOfWorkloads
        policy.breaker = try keys["breaker"]?.span() ?? policy.breaker
        policy.warmUp = try keys["warm_up"]?.span() ?? policy.warmUp
        if let node = keys["responses"] {
            policy.actions = []
            try node.list { item throws(YAMLError) in
                guard let action = QuarantineRule.Action(rawValue: try item.text()) else {
                    throw item.fail("'\(try item.text())' must be drop, egress, limit or observe")
                }
                guard action.isAgainstTarget else {
                    throw item.fail("'protect' is for targets; set 'protect_targets'")
                }
                policy.actions.append(action)
            }
        }
        policy.limitPacketsPerSecond =
            try keys["limit"].map { node throws(YAMLError) in
                UInt64(try node.number(1...1_000_000_000))
            } ?? policy.limitPacketsPerSecond
        if let node = keys["protect_targets"] {
            policy.protectedConnectionsPerSecond =
                try node.isWord("never") ? nil : UInt64(try node.number(1...1_000_000_000))
        }
        policy.releaseGrace =
            try keys["release_grace"]?.span() ?? policy.releaseGrace
        monitor.flushesConnections = try keys["flush_connections"]?.flag() ?? false
        if let node = keys["subnets"] { try readSubnets(node, &policy) }
        monitor.policy = policy
    }

    private func readSubnets(
        _ node: ConfigurationNode, _ policy: inout QuarantinePolicyOptions
    ) throws(YAMLError) {
        let keys = try node.mapping(["fenced", "least", "share", "within"])
        policy.fencesSubnets = try keys["fenced"]?.flag() ?? policy.fencesSubnets
        policy.subnetMinimum = try keys["least"]?.number(2...65_536) ?? policy.subnetMinimum
        policy.subnetShare = try keys["share"]?.share() ?? policy.subnetShare
        policy.subnetSpan = try keys["within"]?.span() ?? policy.subnetSpan
    }
}
