import Foundation
import Quarantine
import TestKit
import Testing

@testable import Responses

/// A monitor that is killed between two steps of a response on a cluster.
@Suite(.timeLimit(.minutes(20)))
struct ClusterKillTests {
    private let bench: ResponseBench
    private let cluster: FakeCluster

    init() throws {
        bench = try ResponseBench()
        cluster = try FakeCluster()
        let objects = """
            {"/api/v1/namespaces/shop/pods/web-6d4-x7k": {
               "metadata": {"name": "web-6d4-x7k", "namespace": "shop", "uid": "u1",
                 "labels": {"app": "web"},
                 "ownerReferences": [
                   {"kind": "ReplicaSet", "name": "web-6d4", "controller": true}]},
               "spec": {"nodeName": "worker-1"},
               "status": {"phase": "Running", "podIP": "10.244.1.5",
                 "startTime": "1970-01-01T00:10:00Z", "podIPs": [{"ip": "10.244.1.5"}]}},
             "/api/v1/nodes/worker-1": {"metadata": {"name": "worker-1"}, "spec": {"podCIDR": "x"}},
             "/apis/apps/v1/namespaces/shop/replicasets/web-6d4": {
               "metadata": {"name": "web-6d4",
                 "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]}},
             "/apis/apps/v1/namespaces/shop/deployments/web": {
               "metadata": {"name": "web"}, "spec": {"replicas": 3}},
             "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/reader": {
               "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
               "metadata": {"name": "reader", "labels": {"a": "b"}},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
                 "name": "reader"},
               "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}]}}
            """
        let parsed = try JSONSerialization.jsonObject(with: Data(objects.utf8))
        for (path, object) in try #require(parsed as? [String: FakeCluster.Object]) {
            cluster.put(path, object)
        }
    }

    @Test(
        arguments: [.networkPolicy, .evict, .cordon, .scale, .revoke] as [ResponseEntry.Action],
        0..<7)
    func aKillAtAnyStepLeavesTheClusterAsItWas(
        action: ResponseEntry.Action, writes: Int
    ) throws {
        var entry = ResponseEntry("one", action)
        if action == .revoke { entry.binding = "reader" }
        var before = cluster.contents
        bench.fence("10.244.1.5")
        try bench.killAndRestart("one", afterWrites: writes) {
            bench.engine([entry], ledger: $0, cluster: try cluster.address())
        }
        // An evicted pod does not come back; its controller starts another.
        if action == .evict { before["/api/v1/namespaces/shop/pods/web-6d4-x7k"] = nil }
        #expect(cluster.contents == before, "\(cluster.changes)")
    }
}
