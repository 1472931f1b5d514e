internal import Workloads

/// The findings of one pod. The lines that mend them are those of its specification.
extension PodSettings {
    /// - Parameter policies: of the cluster; nil: unknown.
    /// - Returns: results with the container's name; nil: the pod's.
    func results(_ policies: [PolicySelector]?) -> [(part: String?, result: PostureResult)] {
        let ofPod = namespaces + (policies.map(network) ?? [])
        return ofPod.map { (nil, $0) }
            + spec.parts.flatMap { part in results(part).map { (part.name, $0) } }
    }

    private var namespaces: [PostureResult] {
        var results: [PostureResult] = []
        if spec.hostNetwork == true {
            results.append(PostureResult(.hostNetwork, mend: "hostNetwork: false"))
        }
        if spec.hostPID == true {
            results.append(PostureResult(.hostProcesses, mend: "hostPID: false"))
        }
        if spec.hostIPC == true {
            results.append(PostureResult(.hostIPC, mend: "hostIPC: false"))
        }
        if spec.hostUsers != false {
            results.append(PostureResult(.noUserNamespace, mend: "hostUsers: false"))
        }
        return results
    }

    private func network(_ policies: [PolicySelector]) -> [PostureResult] {
        // Policies do not apply to pods with the node's network.
        guard spec.hostNetwork != true, !policies.contains(where: { $0.selects(self) }) else {
            return []
        }
        return [
            PostureResult(
                .noNetworkPolicy, mend: "a NetworkPolicy; 'lazaret policy export' writes one")
        ]
    }

    private func results(_ part: Part) -> [PostureResult] {
        rights(part) + mounts(part) + environment(part) + ports(part)
    }

    private func rights(_ part: Part) -> [PostureResult] {
        let own = part.securityContext
        guard own?.privileged != true else {
            return [PostureResult(.privileged, mend: "securityContext: {privileged: false}")]
                + user(part)
        }
        var results: [PostureResult] = []
        let added = InspectedContainer.names(own?.capabilities?.add)
        for name in Capabilities.dangerous(added) {
            results.append(
                PostureResult(
                    .addedCapability, name, mend: "capabilities: {add: without \(name)}",
                    severity: Capabilities.isLikeRoot(name) ? .critical : nil))
        }
        let dropped = Set(InspectedContainer.names(own?.capabilities?.drop))
        if dropped.isDisjoint(with: ["NET_RAW", "ALL"]) || added.contains("NET_RAW") {
            results.append(PostureResult(.netRaw, mend: "capabilities: {drop: [ALL]}"))
        }
        let filter = own?.seccompProfile?.type ?? spec.securityContext?.seccompProfile?.type
        if filter == nil || filter == "Unconfined" {
            results.append(
                PostureResult(
                    .noSeccomp, filter == nil ? "unless the kubelet has a default" : "",
                    mend: "seccompProfile: {type: RuntimeDefault}",
                    severity: filter == nil ? .medium : nil))
        }
        let profile = own?.appArmorProfile?.type ?? spec.securityContext?.appArmorProfile?.type
        if profile == "Unconfined" {
            results.append(
                PostureResult(
                    .noConfinement, "AppArmor", mend: "appArmorProfile: {type: RuntimeDefault}"))
        }
        if own?.allowPrivilegeEscalation != false {
            results.append(
                PostureResult(.privilegeEscalation, mend: "allowPrivilegeEscalation: false"))
        }
        return results + user(part)
    }

    private func user(_ part: Part) -> [PostureResult] {
        let user = part.securityContext?.runAsUser ?? spec.securityContext?.runAsUser
        let isRefused =
            part.securityContext?.runAsNonRoot ?? spec.securityContext?.runAsNonRoot ?? false
        guard user == 0 || user == nil && !isRefused else { return [] }
        return [
            PostureResult(
                .runsAsRoot, user == nil ? "unless the image names a user" : "",
                mend: "securityContext: {runAsNonRoot: true}")
        ]
    }

    private func mounts(_ part: Part) -> [PostureResult] {
        var results: [PostureResult] = []
        for mount in part.volumeMounts ?? [] {
            if mount.mountPath == "/var/run/secrets/kubernetes.io/serviceaccount",
                ["", "default"].contains(spec.serviceAccountName ?? "")
            {
                results.append(
                    PostureResult(
                        .serviceAccountToken, mend: "automountServiceAccountToken: false"))
            }
            guard
                let path = spec.volumes?.first(where: { $0.name == mount.name })?.hostPath?.path,
                let result = NodePath.result(
                    path, isReadOnly: mount.readOnly == true,
                    mend: "volumes: without hostPath \(path)")
            else { continue }
            results.append(result)
        }
        return results
    }

    private func environment(_ part: Part) -> [PostureResult] {
        (part.env ?? []).compactMap { variable in
            guard let value = variable.value, !value.isEmpty, SecretName.isLikely(variable.name)
            else { return nil }
            return PostureResult(
                .secretInEnvironment, variable.name, mend: "valueFrom: {secretKeyRef: …}")
        }
    }

    private func ports(_ part: Part) -> [PostureResult] {
        var results: [PostureResult] = []
        for port in part.ports ?? [] where spec.hostNetwork != true {
            guard let open = port.hostPort, open != 0,
                ["", "0.0.0.0", "::"].contains(port.hostIP ?? "")
            else { continue }
            let transport = (port.protocol ?? "TCP").lowercased()
            results.append(
                PostureResult(
                    .publishedPort, "\(open) for \(port.containerPort ?? 0)/\(transport)",
                    mend: "ports: without hostPort; use a Service"))
        }
        if let image = part.image, ImageTag.moves(image) {
            results.append(
                PostureResult(.movingTag, image, mend: "image: NAME:VERSION@sha256:DIGEST"))
        }
        return results
    }
}
