import Foundation
import NetworkAddresses
import Synchronization
import TestKit
import Testing

@testable import Workloads
import Timestamps

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private let webMetadata =
    #"""
    "name":"web-6d4cf56db6-x7k2p","namespace":"shop","labels":{"pod-template-hash":"6d4cf56db6"},\#
    "ownerReferences":[{"kind":"ReplicaSet","name":"web-6d4cf56db6","controller":true}]
    """#

private func pod(_ addresses: [String], phase: String = "Running", host: Bool = false) -> String {
    let ips = addresses.map { #"{"ip":"\#($0)"}"# }.joined(separator: ",")
    return
        #"""
        "spec":{"hostNetwork":\#(host),"containers":[{"image":"nginx:1.27"}]},\#
        "status":{"phase":"\#(phase)","podIPs":[\#(ips)],"startTime":"2026-01-01T00:00:00Z"}
        """#
}

@Suite(.timeLimit(.minutes(20))) final class KubernetesTests {
    let cluster = Result { try ScriptedCluster() }
    let directory = WorkloadDirectory()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        UUID().uuidString)
    var task: Task<Void, Never>?
    var naming = WorkloadNaming()

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        task?.cancel()
        try? FileManager.default.removeItem(at: folder)
    }

    func file(_ name: String, _ text: String) throws -> String {
        let url = folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    func access() throws -> KubernetesAccess {
        _ = try file("token", "secret\n")
        return try KubernetesAccess(
            kubeconfig: file(
                "config",
                """
                current-context: here
                contexts: [{name: here, context: {cluster: c, user: u}}]
                clusters: [{name: c, cluster: {server: "http://127.0.0.1:\(cluster.get().port)"}}]
                users: [{name: u, user: {tokenFile: token}}]
                """))
    }

    func follow() async throws {
        let source = KubernetesSource(
            access: try access(), node: "worker-1", naming: naming, directory: directory)
        task = Task.detached(executorPreference: OwnThreads()) {
            await source.run(logger: CollectedLog().logger)
        }
        let cluster = try cluster.get()
        let isThere = await eventually {
            cluster.watchers("pods") > 0 && cluster.watchers("nodes") > 0
                && cluster.watchers("services") > 0
        }
        try #require(isThere)
    }

    func name(_ text: String) throws -> String? {
        try directory.inventory().workload(of: address(text))?.name
    }

    @Test func podsServicesAndNodesAreNamed() async throws {
        let cluster = try cluster.get()
        cluster.put("pods", "p1", webMetadata, pod(["10.244.1.5", "fd00:1::5"]))
        cluster.put(
            "pods", "p2",
            #"""
            "name":"backup-29012345-abcde","namespace":"shop","ownerReferences":[{"kind":"Job",\#
            "name":"backup-29012345","controller":true}]
            """#,
            pod(["10.244.1.6"]))
        cluster.put(
            "pods", "p3",
            #"""
            "name":"proxy-worker-1","namespace":"kube-system","ownerReferences":[{"kind":"Node",\#
            "name":"worker-1"}]
            """#,
            pod(["192.0.2.9"], host: true))
        cluster.put(
            "pods", "p4", #""name":"done","namespace":"shop""#,
            pod(["10.244.1.7"], phase: "Succeeded"))
        cluster.put(
            "pods", "p5",
            #"""
            "name":"db-0","namespace":"shop","ownerReferences":[{"kind":"StatefulSet",\#
            "name":"db","controller":true}]
            """#,
            pod(["10.244.1.8"]))
        cluster.put(
            "services", "s1", #""name":"web","namespace":"shop""#,
            #""spec":{"clusterIPs":["10.96.0.7"]}"#)
        cluster.put(
            "services", "s2", #""name":"db","namespace":"shop""#, #""spec":{"clusterIPs":["None"]}"#
        )
        cluster.put(
            "nodes", "n1", #""name":"worker-1""#,
            #"""
            "spec":{"podCIDRs":["10.244.1.0/24"]},"status":{"addresses":[{"type":"Hostname",\#
            "address":"worker-1"},{"type":"InternalIP","address":"192.0.2.9"}]}
            """#
        )
        try await follow()
        #expect(try name("10.244.1.5") == "shop/web" && name("fd00:1::5") == "shop/web")
        #expect(try name("10.244.1.6") == "shop/backup" && name("10.244.1.8") == "shop/db")
        #expect(try name("10.244.1.7") == nil)
        #expect(try name("10.96.0.7") == "service shop/web")
        // A pod on the host network is the node, and the node is never fenced.
        #expect(try name("192.0.2.9") == "node worker-1")
        #expect(try directory.protected()[address("192.0.2.9")] == "node worker-1 of the cluster")
        #expect(directory.inventory().networks.map(\.name) == ["pods of worker-1"])
        let asked = cluster.state.withLock { $0.requests }
        #expect(asked.contains { $0.contains("pods?fieldSelector=spec.nodeName%3Dworker%2D1") })
        #expect(
            asked.contains {
                $0.contains("allowWatchBookmarks=true") && $0.contains("resourceVersion=10")
            })
    }

    @Test func aPodsLabelsNameNoWorkloadOutsideItsNamespace() async throws {
        let cluster = try cluster.get()
        let labels = [
            #""com.docker.compose.project":"shop","com.docker.compose.service":"web""#,
            #""io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.name":"web-0""#,
            #""com.docker.swarm.service.name":"web""#, #""app":"web""#, #""app":"../shop/web""#,
        ]
        for (number, label) in labels.enumerated() {
            cluster.put(
                "pods", "p\(number)",
                #""name":"scan-\#(number)","namespace":"lab","labels":{\#(label)}"#,
                pod(["10.244.1.\(number)"]))
        }
        naming.nameLabel = "app"
        try await follow()
        #expect(
            try (0..<5).map { try name("10.244.1.\($0)") } == [
                "lab/scan-0", "lab/scan-1", "lab/scan-2", "lab/web", "lab/../shop/web",
            ])
    }

    @Test(arguments: ["2290-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
    func aPodMayClaimAnyStartTime(start: String) async throws {
        let text = pod(["10.244.1.5"]).replacingOccurrences(of: "2026-01-01T00:00:00Z", with: start)
        try cluster.get().put("pods", "p1", webMetadata, text)
        try await follow()
        #expect(try name("10.244.1.5") == "shop/web")
        let lease = try directory.lease(of: address("10.244.1.5"), at: Clock.now())
        #expect(lease.map { $0.since >= .epoch } == true)
    }

    @Test func changesArriveAndAnExpiredVersionIsListedAgain() async throws {
        let cluster = try cluster.get()
        try await follow()
        cluster.put("pods", "p1", webMetadata, pod([]))
        cluster.put("pods", "p1", webMetadata, pod(["10.244.1.5"]), type: "MODIFIED")
        var isKnown = try await eventually { try name("10.244.1.5") == "shop/web" }
        #expect(isKnown)
        // A watch that ends is continued where it was; a bookmark had advanced it.
        for stream in cluster.state.withLock({ $0.streams["pods"] ?? [] }) {
            stream.write(
                #"""
                {"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"7777"}}}
                """#
            )
        }
        cluster.hangUp(forgets: false)
        isKnown = await eventually {
            cluster.state.withLock {
                $0.requests.contains {
                    $0.hasPrefix("/api/v1/pods") && $0.contains("resourceVersion=7777")
                }
            }
        }
        #expect(isKnown)
        // Deleted while there was no watch, and the version has expired.
        let isWatched = await eventually { cluster.watchers("pods") > 0 }
        #expect(isWatched)
        cluster.state.withLock { $0.objects["pods"]?["p1"] = nil }
        cluster.state.withLock { $0.version = 8000 }
        cluster.put("pods", "p2", #""name":"job-x","namespace":"shop""#, pod(["10.244.1.9"]))
        cluster.hangUp(forgets: true)
        let isAnew = try await eventually {
            try name("10.244.1.5") == nil && name("10.244.1.9") == "shop/job-x"
        }
        #expect(isAnew)
        // The scripted server reports changes only to existing watches.
        let isWatchedAgain = await eventually { cluster.watchers("pods") > 0 }
        #expect(isWatchedAgain)
        cluster.put(
            "pods", "p2", #""name":"job-x","namespace":"shop""#, pod(["10.244.1.9"]),
            type: "DELETED")
        isKnown = try await eventually { try name("10.244.1.9") == nil }
        #expect(isKnown)
    }

    @Test func aKindThatMayNotBeWatchedIsReportedAsLost() async throws {
        let cluster = try cluster.get()
        cluster.state.withLock { _ = $0.unwatched.insert("pods") }
        let log = CollectedLog()
        let source = KubernetesSource(
            access: try access(), node: nil, naming: WorkloadNaming(), directory: directory)
        task = Task.detached(executorPreference: OwnThreads()) {
            await source.run(logger: log.logger)
        }
        let areOthersThere = await eventually {
            cluster.watchers("nodes") > 0 && cluster.watchers("services") > 0
        }
        try #require(areOthersThere)
        // It is retried while the others change, and is still lost, which is reported once.
        let isAskedAgain = await eventually {
            cluster.put("services", "s1", #""name":"web""#, #""spec":{"clusterIP":"10.96.0.7"}"#)
            return cluster.state.withLock { state in
                state.requests.count { $0.hasPrefix("/api/v1/pods") && $0.contains("watch=1") } >= 3
            }
        }
        #expect(isAskedAgain)
        let isNamed = try await eventually { try name("10.96.0.7") == "service default/web" }
        #expect(isNamed)
        guard case .lost(let reason)? = directory.states().first?.state else {
            Issue.record("\(directory.states())")
            return
        }
        #expect(reason.hasPrefix("pods: ") && reason.contains("403"), "\(reason)")
        #expect(log.lines.count == 1, "\(log.lines)")
        cluster.state.withLock { $0.unwatched = [] }
        let isBack = await eventually { directory.states().first?.state == .connected }
        #expect(isBack)
        #expect(log.lines.last?.contains("available again") == true)
    }

    @Test func emptyPagesAreReadUpToALimit() async throws {
        let cluster = try cluster.get()
        cluster.put("pods", "p1", webMetadata, pod(["10.244.1.5"]))
        let source = KubernetesSource(
            access: try access(), node: nil, naming: WorkloadNaming(), directory: directory)
        cluster.state.withLock { $0.emptyPages = 5 }
        try await source.list()
        #expect(try name("10.244.1.5") == "shop/web")
        cluster.state.withLock { state in
            state.emptyPages = nil
            state.requests = []
        }
        await #expect(throws: SourceError.self) { try await source.list() }
        let asked = cluster.state.withLock { $0.requests.count }
        #expect(asked == KubernetesSource.pageLimit)
    }

    @Test func aRefusedRequestIsReported() async throws {
        let access = try access()
        _ = try file("token", "wrong")
        let source = KubernetesSource(
            access: access, node: nil, naming: WorkloadNaming(), directory: directory)
        await #expect(throws: SourceError.self) { try await source.list() }
        _ = try file("token", "secret")
        try await source.list()
    }
}
