import Foundation
import TestKit
import Testing
import Workloads

@testable import Posture

/// Pods as a cluster describes them.
struct PodPostureTests {
    private func report(_ json: String) throws -> PostureReport {
        let scratch = try Scratch()
        let path = try scratch.write("pods.json", Data(json.utf8))
        var report = PostureReport()
        try report.read(file: path, naming: WorkloadNaming())
        return report
    }

    private static let careful = """
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-6d5f7c9b8-x2k4p",
        "namespace": "shop", "labels": {"app": "web", "pod-template-hash": "6d5f7c9b8"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-6d5f7c9b8", "controller": true}]},
        "spec": {"hostUsers": false, "serviceAccountName": "web", "securityContext":
        {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}, "containers":
        [{"name": "web", "image": "registry.example/shop/web:2.4@sha256:2f19", "securityContext":
        {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}
        """

    private static let careless = """
        {"kind": "Pod", "metadata": {"name": "tool", "namespace": "shop", "labels": {"app":
        "tool"}}, "spec": {"hostPID": true, "volumes": [{"name": "s", "hostPath": {"path":
        "/var/run/../run/docker.sock"}}, {"name": "logs", "hostPath": {"path": "/var/log"}}],
        "initContainers": [{"name": "setup", "image": "setup", "securityContext":
        {"privileged": true}}],
        "containers": [{"name": "tool", "image": "tool:latest", "env": [{"name": "DB_PASSWORD",
        "value": "geheim"}, {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {}}}],
        "ports": [{"containerPort": 80, "hostPort": 8080}],
        "securityContext": {"runAsUser": 0, "capabilities": {"add": ["CAP_NET_ADMIN"]}},
        "volumeMounts": [{"name": "s", "mountPath": "/s"}, {"name": "logs", "mountPath": "/logs"},
        {"name": "t", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}]}}
        """

    private static func list(_ items: String...) -> String {
        #"{"kind": "List", "items": [\#(items.joined(separator: ","))]}"#
    }

    private static func policy(_ selector: String, namespace: String = "shop") -> String {
        """
        {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "\(namespace)"},
        "spec": {"podSelector": \(selector)}}
        """
    }

    @Test func aCarefulPodHasNoFinding() throws {
        let report = try report(Self.list(Self.careful, Self.policy("{}")))
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(report.remarks.isEmpty)
        #expect(report.containerCount == 1)
    }

    @Test func aCarelessPod() throws {
        let report = try report(Self.list(Self.careless, Self.policy("{}", namespace: "other")))
        let found = Dictionary(grouping: report.findings, by: \.check)
        let expected: Set<PostureCheck> = [
            .privileged, .engineSocket, .hostPath, .hostProcesses, .addedCapability, .netRaw,
            .noSeccomp, .privilegeEscalation, .runsAsRoot, .noUserNamespace, .secretInEnvironment,
            .serviceAccountToken, .noNetworkPolicy, .publishedPort, .movingTag,
        ]
        #expect(Set(found.keys) == expected)
        #expect(found[.privileged]?.map(\.container) == ["tool/setup"])
        #expect(found[.addedCapability]?.map(\.detail) == ["NET_ADMIN"])
        #expect(found[.engineSocket]?.map(\.detail) == ["/var/run/docker.sock"])
        #expect(found[.secretInEnvironment]?.map(\.detail) == ["DB_PASSWORD"])
        #expect(found[.movingTag]?.map(\.detail) == ["setup", "tool:latest"])
        #expect(report.findings.allSatisfy { $0.workload == "shop/tool" })
        #expect(!report.findings.contains { "\($0)".contains("geheim") })
        // The worst comes first.
        #expect(report.findings.map(\.severity) == report.findings.map(\.severity).sorted(by: >))
    }

    /// A workload has the name that it has in alerts and models.
    @Test func podsAreNamedByTheirOwner() throws {
        let report = try report(
            Self.list(Self.careful, Self.policy(#"{"matchLabels": {"a": "b"}}"#)))
        #expect(report.findings.map(\.check) == [.noNetworkPolicy])
        #expect(report.findings.map(\.workload) == ["shop/web"])
    }

    @Test(arguments: [
        (#"{"matchLabels": {"app": "web"}}"#, true), (#"{"matchLabels": {"app": "db"}}"#, false),
        (#"{"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}"#, true),
        (#"{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}"#, false),
        (#"{"matchExpressions": [{"key": "tier", "operator": "Exists"}]}"#, false),
        (#"{"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}"#, true),
        (#"{"matchExpressions": [{"key": "app", "operator": "Near"}]}"#, false),
    ]) func selectorsOfPolicies(selector: String, isSelected: Bool) throws {
        let report = try report(Self.list(Self.careful, Self.policy(selector)))
        #expect(report.findings.isEmpty == isSelected)
    }

    /// Without policies in the file nothing is said about them.
    @Test func unknownPoliciesAreARemark() throws {
        let report = try report(Self.careful)
        #expect(report.findings.isEmpty)
        #expect(report.remarks.count == 1)
    }
}
