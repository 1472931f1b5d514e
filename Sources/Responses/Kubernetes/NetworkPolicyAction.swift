internal import FoundationEssentials
internal import Timestamps

/// Isolates one pod: a label of its own, and a NetworkPolicy that selects that label and allows
/// nothing, or only DNS and the hosts that are kept. Other replicas are not affected.
struct NetworkPolicyAction: ResponseAction {
    let cluster: ClusterAddress
    /// Somebody who removes the policy while the pod is fenced gets it back.
    let isRenewed = true

    static let label = "lazaret.io/quarantine"

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        var (plan, pod) = try await cluster.pod(record, rails)
        guard pod.labels[Self.label] == nil else {
            throw .notNeeded("\(pod.title) is isolated already")
        }
        if plan.replaces { plan.removed = try await Self.selected(pod, cluster) }
        return plan.text
    }

    /// The labels by which services and the ReplicaSet select the pod; none if its controller is
    /// no ReplicaSet, which would not replace it.
    private static func selected(
        _ pod: ClusterPod, _ cluster: ClusterAddress
    ) async throws(ResponseError) -> [String: String] {
        guard pod.controller?.kind == "ReplicaSet" else { return [:] }
        let services = try await cluster.connection.get(
            ServiceList.self, "/api/v1/namespaces/\(pod.metadata.namespace)/services")
        var keys: Set<String> = ["pod-template-hash"]
        for service in services.items ?? [] {
            guard let selector = service.spec?.selector, !selector.isEmpty,
                selector.allSatisfy({ pod.labels[$0.key] == $0.value })
            else { continue }
            keys.formUnion(selector.keys)
        }
        return pod.labels.filter { keys.contains($0.key) }
    }

    private struct ServiceList: Decodable {
        struct Service: Decodable {
            struct Spec: Decodable {
                var selector: [String: String]?
            }
            var spec: Spec?
        }
        var items: [Service]?
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        guard let pod = try await cluster.present(plan) else {
            try await removePolicy(plan)
            throw .gone("pod \(plan.title)")
        }
        // The policy first: from the moment that it has the label, the pod is isolated.
        try await cluster.connection.create(Self.policies(plan), Self.policy(plan))
        if pod.labels[Self.label] != Self.value(plan) {
            var labels: [String: JSONValue] = [Self.label: .text(Self.value(plan))]
            for key in plan.removed.keys { labels[key] = JSONValue.null }
            try await cluster.connection.patch(plan.podPath, Self.change(pod, labels))
        }
        await cluster.report(
            plan, "Quarantined", "isolated by Lazaret: \(plan.reason) (rule \(plan.rule))",
            at: record.changed)
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let plan = try ClusterPlan(record)
        guard let pod = try await cluster.present(plan) else {
            // A policy without its pod would stay for ever.
            try await removePolicy(plan)
            throw .gone("pod \(plan.title)")
        }
        let hasLabel = pod.labels[Self.label] == Self.value(plan)
        let policy = try await cluster.connection.find(Named.self, Self.path(plan))
        return switch (hasLabel, policy?.isOurs(plan)) {
        case (true, true): .whole
        case (false, nil), (false, false): .none
        default: hasLabel ? .none : .part
        }
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        guard let pod = try await cluster.present(plan) else {
            try await removePolicy(plan)
            return "pod \(plan.title) is gone"
        }
        var note: String?
        if pod.labels[Self.label] == Self.value(plan) {
            var labels: [String: JSONValue] = [Self.label: JSONValue.null]
            for (key, value) in plan.removed {
                if let present = pod.labels[key] {
                    note = "the label \(key) is '\(EngineConnection.clean(present))' by now"
                } else {
                    labels[key] = .text(value)
                }
            }
            try await cluster.connection.patch(plan.podPath, Self.change(pod, labels))
        } else {
            note = "somebody else has removed the label \(Self.label)"
        }
        try await removePolicy(plan)
        await cluster.report(
            plan, "Released", "no longer isolated by Lazaret (rule \(plan.rule))",
            at: record.changed)
        return note
    }

    /// What is to be known about a response in effect; nil: nothing.
    func remark(on record: ResponseRecord) async -> String? {
        guard let list = try? await cluster.connection.get(NamedList.self, Self.agents) else {
            return "whether a network plugin enforces NetworkPolicy is unknown: DaemonSets cannot "
                + "be listed"
        }
        let names = (list.items ?? []).map(\.metadata.name)
        let enforces = names.contains { name in Self.enforcing.contains { name.contains($0) } }
        return enforces
            ? nil
            : "no network plugin that enforces NetworkPolicy was found: the fence on this node "
                + "alone stops the pod"
    }

    private static let agents = "/apis/apps/v1/daemonsets?limit=500"
    /// Parts of the names of network plugins that enforce NetworkPolicy.
    private static let enforcing = [
        "calico", "canal", "cilium", "antrea", "weave", "kube-router", "kube-ovn", "ovnkube",
        "azure-npm", "aws-node", "kindnet", "romana", "network-policy",
    ]

    private func removePolicy(_ plan: ClusterPlan) async throws(ResponseError) {
        guard let policy = try await cluster.connection.find(Named.self, Self.path(plan)),
            policy.isOurs(plan), let uid = policy.metadata.uid
        else { return }
        try await cluster.connection.delete(Self.path(plan), uid: uid)
    }

    /// The value of the label: unique, because a pod that takes the name over has another one.
    static func value(_ plan: ClusterPlan) -> String { String(plan.uid.prefix(63)) }

    private static func policyName(_ plan: ClusterPlan) -> String { "lazaret-\(plan.uid)" }

    private static func policies(_ plan: ClusterPlan) -> String {
        "/apis/networking.k8s.io/v1/namespaces/\(plan.namespace)/networkpolicies"
    }

    private static func path(_ plan: ClusterPlan) -> String {
        "\(policies(plan))/\(policyName(plan))"
    }

    /// A change of the pod's labels, which the API refuses if the pod was changed since it was
    /// read.
    private static func change(_ pod: ClusterPod, _ labels: [String: JSONValue]) -> JSONValue {
        var metadata: [String: JSONValue] = [
            "uid": .text(pod.metadata.uid), "labels": .object(labels),
        ]
        if let version = pod.metadata.resourceVersion {
            metadata["resourceVersion"] = .text(version)
        }
        return .object(["metadata": .object(metadata)])
    }

    /// The NetworkPolicy (networking.k8s.io/v1) of a pod.
    static func policy(_ plan: ClusterPlan) -> JSONValue {
        var (ingress, egress): ([JSONValue], [JSONValue]) = ([], [])
        if let hosts = plan.keptHosts {
            let peers = hosts.map { JSONValue.object(["ipBlock": .object(["cidr": .text($0)])]) }
            ingress.append(.object(["from": .list(peers)]))
            egress.append(.object(["to": .list(peers)]))
        }
        if plan.keepsDNS {
            let ports = ["UDP", "TCP"].map { name -> JSONValue in
                .object(["protocol": .text(name), "port": .number(53)])
            }
            egress.append(
                .object([
                    "to": .list([
                        .object([
                            "namespaceSelector": .object([
                                "matchLabels": .object([
                                    "kubernetes.io/metadata.name": .text("kube-system")
                                ])
                            ])
                        ])
                    ]), "ports": .list(ports),
                ]))
        }
        return .object([
            "apiVersion": .text("networking.k8s.io/v1"), "kind": .text("NetworkPolicy"),
            "metadata": .object([
                "name": .text(policyName(plan)), "namespace": .text(plan.namespace),
                "labels": .object([label: .text(value(plan))]),
                "annotations": .object([
                    "lazaret.io/reason": .text(plan.reason), "lazaret.io/rule": .text(plan.rule),
                ]),
            ]),
            "spec": .object([
                "podSelector": .object([
                    "matchLabels": .object([label: .text(value(plan))])
                ]),
                "policyTypes": .list([.text("Ingress"), .text("Egress")]),
                "ingress": .list(ingress), "egress": .list(egress),
            ]),
        ])
    }

    /// The commands that undo it by hand.
    static func commands(_ plan: ClusterPlan) -> [String] {
        let labels =
            ["\(label)-"] + plan.removed.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return [
            "kubectl -n \(plan.namespace) delete networkpolicy \(policyName(plan))",
            "kubectl -n \(plan.namespace) label pod \(plan.name) \(labels.joined(separator: " "))",
        ]
    }

    struct Named: Decodable {
        struct Metadata: Decodable {
            var name: String
            var uid: String?
            var labels: [String: String]?
        }
        var metadata: Metadata

        /// Whether it is the policy that this program has made for the pod.
        func isOurs(_ plan: ClusterPlan) -> Bool {
            metadata.labels?[NetworkPolicyAction.label] == NetworkPolicyAction.value(plan)
        }
    }

    private struct NamedList: Decodable {
        var items: [Named]?
    }
}
