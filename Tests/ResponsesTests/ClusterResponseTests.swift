import EventStore
import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Responses on pods, by a scripted API.
@Suite(.timeLimit(.minutes(20)))
struct ClusterResponseTests {
    private let bench: ResponseBench
    private let cluster: FakeCluster
    private static let web = "/api/v1/namespaces/shop/pods/web-6d4cf56db6-x7k2p"
    private static let policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
    private static let validator = Run.root.appendingPathComponent(
        ".build/venv/bin/kubernetes-validate"
    ).path
    private static let label = "lazaret.io/quarantine"

    init() throws {
        bench = try ResponseBench()
        cluster = try FakeCluster()
        pod()
    }

    private func pod(
        uid: String = "u1", started: String = "1970-01-01T00:10:00Z", isOnHost: Bool = false,
        owner: String = "ReplicaSet", address: String = "10.244.1.5"
    ) {
        cluster.put(
            Self.web,
            [
                "metadata": [
                    "name": "web-6d4cf56db6-x7k2p", "namespace": "shop", "uid": uid,
                    "labels": ["app": "web", "tier": "front", "pod-template-hash": "6d4cf56db6"],
                    "ownerReferences": [
                        ["kind": owner, "name": "web-6d4cf56db6", "controller": true]
                    ],
                ],
                "spec": ["nodeName": "worker-1", "hostNetwork": isOnHost],
                "status": [
                    "phase": "Running", "podIP": address, "startTime": started,
                    "podIPs": [["ip": address], ["ip": "fd00:1::5"]],
                ],
            ])
    }

    private func engine(
        _ entry: ResponseEntry, ledger: (any ResponseLedger)? = nil, node: String? = "worker-1"
    ) throws -> ResponseEngine {
        bench.engine([entry], ledger: ledger, cluster: try cluster.address(node: node))
    }

    private func labels() -> [String: String] {
        (cluster.object(Self.web)?["metadata"] as? FakeCluster.Object)?["labels"]
            as? [String: String] ?? [:]
    }

    private static let usual = [
        "app": "web", "tier": "front", "pod-template-hash": "6d4cf56db6",
    ]

    @Test(arguments: ["worker-1", nil] as [String?]) func aPodIsIsolatedAndReleased(
        node: String?
    ) throws {
        let engine = try engine(ResponseEntry("cut", .networkPolicy), node: node)
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual.merging([Self.label: "u1"]) { $1 })
        let policy = try #require(cluster.object("\(Self.policies)/lazaret-u1"))
        let spec = try #require(policy["spec"] as? FakeCluster.Object)
        let selector = spec["podSelector"] as? FakeCluster.Object
        #expect(selector?["matchLabels"] as? [String: String] == [Self.label: "u1"])
        #expect(spec["policyTypes"] as? [String] == ["Ingress", "Egress"])
        #expect((spec["ingress"] as? [Any])?.isEmpty == true)
        #expect((spec["egress"] as? [Any])?.isEmpty == true)
        #expect(cluster.names("/api/v1/namespaces/shop/events").count == 1)
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual && cluster.names(Self.policies).isEmpty)
        #expect(cluster.names("/api/v1/namespaces/shop/events").count == 2)
    }

    /// The other address of a pod is the pod's.
    @Test func aPodIsFoundByItsOtherAddress() throws {
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("fd00:1::5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
    }

    /// The objects are valid for the API.
    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: validator),
            "needs kubernetes-validate in .build/venv"), arguments: [false, true])
    func thePolicyConformsToTheSchema(keepsDNS: Bool) throws {
        var entry = ResponseEntry("cut", .networkPolicy)
        entry.keepsDNS = keepsDNS
        entry.keptHosts = keepsDNS ? [prefix("10.9.0.9"), prefix("fd00:9::/64")] : []
        let values = ["address": "10.244.1.5", "reason": "port scan", "rule": "q1"]
        var plan = try #require(ClusterPlan(entry, values))
        (plan.namespace, plan.uid) = ("shop", "4f6b8d2e-2c3a-4d4e-9a55-8f1f6c3f2b1a")
        let scratch = try Scratch()
        let file = try scratch.write(
            "policy.yaml", Data(NetworkPolicyAction.policy(plan).text.utf8))
        let said = try Namespace.command([Self.validator, "--strict", file])
        #expect(said.contains(" passed "), "\(said)")
        #expect(NetworkPolicyAction.policy(plan).text.contains("kube-system") == keepsDNS)
        let text = NetworkPolicyAction.policy(plan).text
        for part in ["10.9.0.9/32", "fd00:9::/64"] { #expect(text.contains(part) == keepsDNS) }
    }

    /// A pod that leaves its services and its ReplicaSet is replaced; its labels come back.
    @Test func aPodLeavesItsServices() throws {
        cluster.put(
            "/api/v1/namespaces/shop/services/web",
            ["metadata": ["name": "web"], "spec": ["selector": ["app": "web"]]])
        cluster.put(
            "/api/v1/namespaces/shop/services/db",
            ["metadata": ["name": "db"], "spec": ["selector": ["tier": "back"]]])
        cluster.put(
            "/api/v1/namespaces/shop/services/outside", ["metadata": ["name": "outside"]])
        var entry = ResponseEntry("cut", .networkPolicy)
        entry.replaces = true
        let engine = try engine(entry)
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        #expect(labels() == ["tier": "front", Self.label: "u1"])
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual)
    }

    /// Another pod with the name of the offender is not touched, and nothing of the old one stays.
    @Test func aPodThatIsReplacedIsNotTouched() throws {
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        pod(uid: "u2")
        bench.setClock(2011)
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual && cluster.names(Self.policies).isEmpty)
    }

    @Test func aPolicyThatIsRemovedIsMadeAgain() throws {
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        cluster.remove("\(Self.policies)/lazaret-u1")
        bench.setClock(2011)
        #expect(bench.run(engine) { cluster.names(Self.policies).count == 1 })
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual && cluster.names(Self.policies).isEmpty)
    }

    /// A policy of this name that this program has not made is left alone.
    @Test func aPolicyOfSomebodyElseStays() throws {
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        cluster.put(
            "\(Self.policies)/lazaret-u1", ["metadata": ["name": "lazaret-u1", "uid": "other"]])
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual && cluster.names(Self.policies).count == 1)
    }

    @Test(
        arguments: [
            ("no running pod has 10.244.1.5", "10.244.1.9", "1970-01-01T00:10:00Z", false),
            ("shares its address", "10.244.1.5", "1970-01-01T00:10:00Z", true),
            ("was started after the evidence", "10.244.1.5", "1970-01-01T01:00:00Z", false),
            ("when shop/web-6d4cf56db6-x7k2p was started", "10.244.1.5", "soon", false),
        ]) func theInnocentAreLeftAlone(
            _ why: String, _ address: String, _ started: String, _ isOnHost: Bool
        ) throws
    {
        pod(started: started, isOnHost: isOnHost, address: address)
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.skipped] }, "\(bench.log.lines)")
        #expect(bench.records("cut").allSatisfy { $0.detail.contains(why) }, "\(bench.trail)")
        #expect(cluster.changes.isEmpty)
    }

    @Test func aProtectedAddressOfAPodProtectsIt() throws {
        bench.change { $0.protected.add(IPPrefix("fd00:1::5/128")!, reason: "resolver") }
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.skipped] }, "\(bench.log.lines)")
        #expect(cluster.changes.isEmpty)
    }

    /// What the API refuses for a while is tried again.
    @Test(arguments: [403, 409, 429, 500]) func refusalsAreTriedAgain(status: Int) throws {
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        cluster.refuse(status)
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        cluster.refuse(status)
        bench.release()
        #expect(bench.run(engine) { bench.states("cut") == [.undone] }, "\(bench.log.lines)")
        #expect(labels() == Self.usual && cluster.names(Self.policies).isEmpty)
    }

    @Test(
        arguments: [
            ("calico-node", "in effect"), ("kube-flannel-ds", "no network plugin that enforces"),
        ]) func aPluginThatEnforcesNothingIsReported(_ name: String, _ text: String) throws
    {
        cluster.put(
            "/apis/apps/v1/namespaces/kube-system/daemonsets/\(name)", ["metadata": ["name": name]])
        let engine = try engine(ResponseEntry("cut", .networkPolicy))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("cut") == [.verified] }, "\(bench.log.lines)")
        let said = try #require(bench.trail.first { $0.hasPrefix("response verify") })
        #expect(said.contains(text))
        #expect(said.contains("network plugin") == (text != "in effect"))
    }

    @Test func aPodIsEvictedWhenItsBudgetAllows() throws {
        let engine = try engine(ResponseEntry("away", .evict))
        cluster.setBudgetSpent(true)
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("status 429") } })
        #expect(cluster.object(Self.web) != nil)
        cluster.setBudgetSpent(false)
        #expect(bench.run(engine) { bench.states("away") == [.verified] }, "\(bench.log.lines)")
        #expect(cluster.object(Self.web) == nil)
        bench.release()
        #expect(bench.run(engine) { bench.states("away") == [.undone] }, "\(bench.log.lines)")
    }

    @Test func aPodOfADaemonSetIsNotEvicted() throws {
        pod(owner: "DaemonSet")
        let engine = try engine(ResponseEntry("away", .evict))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("away") == [.skipped] }, "\(bench.log.lines)")
        #expect(cluster.object(Self.web) != nil)
    }

    @Test func aNodeIsCordonedAndUncordoned() throws {
        let node = "/api/v1/nodes/worker-1"
        cluster.put(
            node, ["metadata": ["name": "worker-1", "uid": "n1"], "spec": ["podCIDR": "x"]])
        let engine = try engine(ResponseEntry("node", .cordon))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("node") == [.verified] }, "\(bench.log.lines)")
        let spec = cluster.object(node)?["spec"] as? FakeCluster.Object
        #expect(spec?["unschedulable"] as? Bool == true)
        bench.release()
        #expect(bench.run(engine) { bench.states("node") == [.undone] }, "\(bench.log.lines)")
        let after = cluster.object(node)?["spec"] as? [String: String]
        #expect(after == ["podCIDR": "x"])
    }

    @Test func aDeploymentIsScaledToZeroAndBack() throws {
        cluster.put(
            "/apis/apps/v1/namespaces/shop/replicasets/web-6d4cf56db6",
            [
                "metadata": [
                    "name": "web-6d4cf56db6",
                    "ownerReferences": [["kind": "Deployment", "name": "web", "controller": true]],
                ]
            ])
        let deployment = "/apis/apps/v1/namespaces/shop/deployments/web"
        cluster.put(deployment, ["metadata": ["name": "web"], "spec": ["replicas": 3]])
        func replicas() -> Int? {
            (cluster.object(deployment)?["spec"] as? FakeCluster.Object)?["replicas"] as? Int
        }
        let engine = try engine(ResponseEntry("zero", .scale))
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("zero") == [.verified] }, "\(bench.log.lines)")
        #expect(replicas() == 0)
        bench.release()
        #expect(bench.run(engine) { bench.states("zero") == [.undone] }, "\(bench.log.lines)")
        #expect(replicas() == 3)
    }

    @Test func aBindingIsDeletedAndMadeAgain() throws {
        let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/reader"
        let role = ["apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"]
        let subjects = [["kind": "ServiceAccount", "name": "default", "namespace": "shop"]]
        cluster.put(
            path,
            [
                "metadata": ["name": "reader", "uid": "b1", "labels": ["a": "b"]], "roleRef": role,
                "subjects": subjects,
            ])
        var entry = ResponseEntry("rights", .revoke)
        entry.binding = "reader"
        let engine = try engine(entry)
        bench.fence("10.244.1.5")
        #expect(bench.run(engine) { bench.states("rights") == [.verified] }, "\(bench.log.lines)")
        #expect(cluster.object(path) == nil)
        bench.release()
        #expect(bench.run(engine) { bench.states("rights") == [.undone] }, "\(bench.log.lines)")
        let after = try #require(cluster.object(path))
        #expect(after["roleRef"] as? [String: String] == role)
        #expect(after["subjects"] as? [[String: String]] == subjects)
        let metadata = after["metadata"] as? FakeCluster.Object
        #expect(metadata?["labels"] as? [String: String] == ["a": "b"])
    }

    @Test func entriesAreChecked() {
        var entry = ResponseEntry("cut", .networkPolicy)
        (entry.keepsDNS, entry.replaces, entry.keptHosts) = (true, true, [prefix("10.9.0.9")])
        #expect(ResponseEntry.faults(in: [entry]).isEmpty)
        entry.action = .evict
        #expect(
            ResponseEntry.faults(in: [entry]) == [
                "'cut': 'keep_dns', 'keep_hosts' and 'replace' are for "
                    + "'action: network_policy' only"
            ])
        let revoke = ResponseEntry("rights", .revoke)
        #expect(
            ResponseEntry.faults(in: [revoke]) == [
                "'rights': 'binding' must be the name of a RoleBinding"
            ])
    }

    @Test func whatWouldBeDoneIsShown() async throws {
        let plan = await ResponsePreview(
            of: [ResponseEntry("cut", .networkPolicy)], on: [target("10.244.1.5")], workload: nil,
            engines: [], cluster: try cluster.address(),
            situation: ResponseSituation(rules: [], isActing: true), now: bench.now)
        let shown = try #require(plan.responses.first)
        #expect(
            shown.effect
                == "isolates pod shop/web-6d4cf56db6-x7k2p by a NetworkPolicy of its own")
        #expect(
            shown.commands == [
                "kubectl -n shop delete networkpolicy lazaret-u1",
                "kubectl -n shop label pod web-6d4cf56db6-x7k2p lazaret.io/quarantine-",
            ])
        let none = await ResponsePreview(
            of: [ResponseEntry("cut", .networkPolicy)], on: [target("10.244.1.5")], workload: nil,
            engines: [], situation: ResponseSituation(rules: [], isActing: true), now: bench.now)
        #expect(none.responses.first?.objection?.contains("no cluster") == true)
        #expect(cluster.changes.isEmpty)
    }
}
