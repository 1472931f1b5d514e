internal import FoundationEssentials
internal import Workloads

/// One result of a check: what was found, and the line that mends it.
struct PostureResult {
    var check: PostureCheck
    var severity: PostureCheck.Severity
    var detail: String
    var mend: String

    init(
        _ check: PostureCheck, _ detail: String = "", mend: String,
        severity: PostureCheck.Severity? = nil
    ) {
        self.check = check
        self.severity = severity ?? check.severity
        self.detail = detail
        self.mend = mend
    }
}

/// The findings of one container. The lines that mend them are those of a Compose file, whose keys
/// `docker run` and `podman run` have as options.
extension InspectedContainer {
    /// - Parameters:
    ///   - isOnHostNetwork: whether it uses the node's network, also by another container.
    func results(_ engine: EngineSettings, isOnHostNetwork: Bool) -> [PostureResult] {
        rights(engine) + namespaces(engine, isOnHostNetwork) + mounts(engine) + environment + ports
    }

    private func rights(_ engine: EngineSettings) -> [PostureResult] {
        var results: [PostureResult] = []
        if HostConfig.Privileged == true {
            // It has all rights, and no filter of system calls.
            return [PostureResult(.privileged, mend: "privileged: false")] + user
        }
        let added = Self.names(HostConfig.CapAdd)
        let dropped = Set(Self.names(HostConfig.CapDrop))
        for name in Capabilities.dangerous(added) {
            results.append(
                PostureResult(
                    .addedCapability, name, mend: "cap_add: without \(name)",
                    severity: Capabilities.isLikeRoot(name) ? .critical : nil))
        }
        // Docker gives it to all; Podman's defaults are a matter of its configuration.
        let hasNetRaw =
            EffectiveCaps.map { Self.names($0).contains("NET_RAW") }
            ?? (dropped.isDisjoint(with: ["NET_RAW", "ALL"]) || added.contains("NET_RAW"))
        if hasNetRaw { results.append(PostureResult(.netRaw, mend: "cap_drop: [NET_RAW]")) }
        let options = options
        if options["seccomp"] == "unconfined" {
            results.append(
                PostureResult(.noSeccomp, mend: "security_opt: without seccomp=unconfined"))
        }
        for (name, value) in [("apparmor", "unconfined"), ("label", "disable")]
        where options[name] == value {
            results.append(
                PostureResult(
                    .noConfinement, "\(name)=\(value)",
                    mend: "security_opt: without \(name)=\(value)"))
        }
        if options["no-new-privileges"].map({ $0 == "false" }) ?? true {
            results.append(
                PostureResult(.privilegeEscalation, mend: "security_opt: [no-new-privileges:true]"))
        }
        return results + user
    }

    private var user: [PostureResult] {
        let user = Config?.User ?? ""
        guard ["", "0", "root"].contains(user.split(separator: ":").first ?? "") else { return [] }
        return [PostureResult(.runsAsRoot, mend: "user: \"1000:1000\"")]
    }

    private func namespaces(
        _ engine: EngineSettings, _ isOnHostNetwork: Bool
    ) -> [PostureResult] {
        var results: [PostureResult] = []
        if isOnHostNetwork {
            let other = sharesNetworkOf.map { "by container \($0.prefix(12))" }
            results.append(
                PostureResult(
                    .hostNetwork, other ?? "", mend: "networks: [NAME] instead of network_mode"))
        }
        if HostConfig.PidMode == "host" {
            results.append(PostureResult(.hostProcesses, mend: "pid: without host"))
        }
        if HostConfig.IpcMode == "host" {
            results.append(PostureResult(.hostIPC, mend: "ipc: private"))
        }
        if HostConfig.UsernsMode == "host" && engine.hasUserNamespaces != nil
            || engine.hasUserNamespaces == false && (HostConfig.UsernsMode ?? "").isEmpty
        {
            results.append(
                PostureResult(
                    .noUserNamespace,
                    mend: engine.isPodman
                        ? "userns_mode: auto" : "\"userns-remap\": \"default\" in daemon.json"))
        }
        if NetworkSettings?.Networks?["bridge"] != nil, !isOnHostNetwork, !engine.isPodman {
            results.append(PostureResult(.defaultBridge, mend: "networks: [NAME]"))
        }
        return results
    }

    private func mounts(_ engine: EngineSettings) -> [PostureResult] {
        var results: [PostureResult] = []
        for mount in Mounts ?? [] where mount.Type == "bind" {
            guard let source = mount.Source, !source.isEmpty else { continue }
            results +=
                NodePath.result(
                    source, isReadOnly: mount.RW == false, mend: "volumes: without \(source)",
                    socket: engine.socket
                ).map { [$0] } ?? []
        }
        for device in HostConfig.Devices ?? [] {
            guard let path = device.PathOnHost, !path.isEmpty else { continue }
            results.append(PostureResult(.hostDevice, path, mend: "devices: without \(path)"))
        }
        return results
    }

    private var environment: [PostureResult] {
        (Config?.Env ?? []).compactMap { entry in
            let parts = entry.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, SecretName.isLikely(parts[0]) else { return nil }
            return PostureResult(
                .secretInEnvironment, String(parts[0]),
                mend: "secrets: and \(parts[0])_FILE=/run/secrets/NAME")
        }
    }

    private var ports: [PostureResult] {
        publishedPorts.compactMap { port, bindings in
            guard
                let open = bindings.first(where: {
                    ["", "0.0.0.0", "::"].contains($0.HostIp ?? "")
                })
            else { return nil }
            return PostureResult(
                .publishedPort, "\(open.HostPort ?? "?") for \(port)",
                mend: "ports: [\"127.0.0.1:\(open.HostPort ?? "?"):\(port)\"], or an address inside"
            )
        } + imageTag
    }

    private var imageTag: [PostureResult] {
        ImageTag.moves(reference)
            ? [PostureResult(.movingTag, reference, mend: "image: NAME:VERSION@sha256:DIGEST")] : []
    }

    /// The published ports and protocols in order.
    var publishedPorts: [(port: String, bindings: [Binding])] {
        (NetworkSettings?.Ports ?? [:]).compactMap { port, bindings in
            guard let bindings, !bindings.isEmpty else { return nil }
            return (port, bindings)
        }.sorted { $0.port < $1.port }
    }
}
