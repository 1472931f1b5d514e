internal import FoundationEssentials

/// Asks the API to evict a pod, so that its controller starts another one elsewhere. Disruption
/// budgets are respected. There is nothing to undo.
struct EvictAction: ResponseAction {
    let cluster: ClusterAddress
    let isRenewed = false

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        let (plan, pod) = try await cluster.pod(record, rails)
        guard let controller = pod.controller, controller.kind != "DaemonSet" else {
            throw .notNeeded("\(pod.title): no controller would start it elsewhere")
        }
        return plan.text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        guard try await cluster.present(plan) != nil else { return nil }
        let eviction: JSONValue = .object([
            "apiVersion": .text("policy/v1"), "kind": .text("Eviction"),
            "metadata": .object([
                "name": .text(plan.name), "namespace": .text(plan.namespace),
            ]),
            "deleteOptions": .object([
                "preconditions": .object(["uid": .text(plan.uid)])
            ]),
        ])
        // 429 is a disruption budget that does not allow it now: it is tried again.
        try await cluster.connection.create(plan.podPath + "/eviction", eviction)
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let plan = try ClusterPlan(record)
        guard let pod = try await cluster.present(plan) else { return .whole }
        // Its containers get time to end.
        return pod.metadata.deletionTimestamp == nil ? .none : .whole
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? { nil }
}

/// Keeps new pods from the node of a pod.
struct CordonAction: ResponseAction {
    let cluster: ClusterAddress
    let isRenewed = false

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        var (plan, pod) = try await cluster.pod(record, rails)
        guard let name = pod.spec?.nodeName, ClusterPod.isName(name) else {
            throw .notNeeded("the node of \(pod.title) is unknown")
        }
        let node = try await cluster.connection.get(Node.self, Self.path(name))
        guard node.spec?.unschedulable != true else {
            throw .notNeeded("node \(name) is cordoned already")
        }
        (plan.object, plan.objectUID) = (name, node.metadata.uid)
        return plan.text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        try await set(ClusterPlan(record), .flag(true))
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let node = try await node(ClusterPlan(record))
        return node.spec?.unschedulable == true ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        guard try await node(plan).spec?.unschedulable == true else {
            throw .changed("node \(plan.object) was uncordoned already")
        }
        try await set(plan, JSONValue.null)
        return nil
    }

    private func node(_ plan: ClusterPlan) async throws(ResponseError) -> Node {
        let node = try await cluster.connection.get(Node.self, Self.path(plan.object))
        guard node.metadata.uid == plan.objectUID else { throw .gone("node \(plan.object)") }
        return node
    }

    private func set(_ plan: ClusterPlan, _ value: JSONValue) async throws(ResponseError) {
        try await cluster.connection.patch(
            Self.path(plan.object),
            .object([
                "metadata": .object(["uid": .text(plan.objectUID)]),
                "spec": .object(["unschedulable": value]),
            ]))
    }

    private static func path(_ name: String) -> String { "/api/v1/nodes/\(name)" }

    private struct Node: Decodable {
        struct Metadata: Decodable {
            var uid: String
        }
        struct Spec: Decodable {
            var unschedulable: Bool?
        }
        var metadata: Metadata
        var spec: Spec?
    }
}

/// Scales the deployment of a pod to zero: all of its replicas end.
struct ScaleAction: ResponseAction {
    let cluster: ClusterAddress
    let isRenewed = false

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        var (plan, pod) = try await cluster.pod(record, rails)
        guard let owner = pod.controller, owner.kind == "ReplicaSet", ClusterPod.isName(owner.name)
        else { throw .notNeeded("\(pod.title) belongs to no Deployment") }
        let set = try await cluster.connection.get(
            ReplicaSet.self, Self.path(plan, "replicasets", owner.name))
        guard
            let deployment = set.metadata.ownerReferences?.first(where: {
                $0.kind == "Deployment" && $0.controller == true
            }), ClusterPod.isName(deployment.name)
        else { throw .notNeeded("\(pod.title) belongs to no Deployment") }
        plan.object = deployment.name
        let scale = try await scale(plan)
        guard let replicas = scale.spec?.replicas, replicas > 0 else {
            throw .notNeeded("deployment \(plan.namespace)/\(plan.object) has no replicas")
        }
        plan.replicas = replicas
        return plan.text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        try await set(ClusterPlan(record), 0)
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        try await scale(ClusterPlan(record)).spec?.replicas ?? 0 == 0 ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        let present = try await scale(plan).spec?.replicas ?? 0
        guard present == 0 else {
            throw .changed("deployment \(plan.namespace)/\(plan.object) has \(present) replicas")
        }
        try await set(plan, plan.replicas ?? 1)
        return nil
    }

    private func scale(_ plan: ClusterPlan) async throws(ResponseError) -> Scale {
        try await cluster.connection.get(
            Scale.self, Self.path(plan, "deployments", plan.object) + "/scale")
    }

    private func set(_ plan: ClusterPlan, _ replicas: Int64) async throws(ResponseError) {
        try await cluster.connection.patch(
            Self.path(plan, "deployments", plan.object) + "/scale",
            .object(["spec": .object(["replicas": .number(replicas)])]))
    }

    private static func path(_ plan: ClusterPlan, _ kind: String, _ name: String) -> String {
        "/apis/apps/v1/namespaces/\(plan.namespace)/\(kind)/\(name)"
    }

    private struct Scale: Decodable {
        struct Spec: Decodable {
            var replicas: Int64?
        }
        var spec: Spec?
    }

    private struct ReplicaSet: Decodable {
        struct Metadata: Decodable {
            var ownerReferences: [ClusterPod.Owner]?
        }
        var metadata: Metadata
    }
}

/// Takes rights away: deletes the RoleBinding that the configuration names, and makes it again.
struct RevokeAction: ResponseAction {
    let cluster: ClusterAddress
    let isRenewed = false

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        var (plan, pod) = try await cluster.pod(record, rails)
        guard let name = plan.binding, ClusterPod.isName(name) else {
            throw .notNeeded("no binding is named")
        }
        plan.object = name
        guard let found = try await cluster.connection.find(JSONValue.self, Self.path(plan)) else {
            throw .notNeeded("no RoleBinding \(pod.metadata.namespace)/\(name)")
        }
        guard case .text(let uid)? = found["metadata"]?["uid"] else {
            throw .failed("RoleBinding \(name) has no uid")
        }
        plan.objectUID = uid
        var kept: [String: JSONValue] = [
            "apiVersion": .text("rbac.authorization.k8s.io/v1"), "kind": .text("RoleBinding"),
            "roleRef": found["roleRef"] ?? JSONValue.null,
            "subjects": found["subjects"] ?? .list([]),
        ]
        var metadata: [String: JSONValue] = ["name": .text(name)]
        for key in ["labels", "annotations"] { metadata[key] = found["metadata"]?[key] }
        kept["metadata"] = .object(metadata)
        plan.before = .object(kept)
        return plan.text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        try await cluster.connection.delete(Self.path(plan), uid: plan.objectUID)
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let found = try await cluster.connection.find(
            JSONValue.self, Self.path(ClusterPlan(record)))
        return found == nil ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ClusterPlan(record)
        guard let before = plan.before else { throw .changed("what it was is unknown") }
        let isMade = try await cluster.connection.create(Self.folder(plan), before)
        return isMade ? nil : "somebody else has made it again"
    }

    private static func folder(_ plan: ClusterPlan) -> String {
        "/apis/rbac.authorization.k8s.io/v1/namespaces/\(plan.namespace)/rolebindings"
    }

    private static func path(_ plan: ClusterPlan) -> String { "\(folder(plan))/\(plan.object)" }
}
