import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import Workloads

/// A real Podman pod: its containers share an address, which belongs to the pod.
@Suite(.serialized, .needs(.podman), .timeLimit(.minutes(20))) final class PodTests {
    private let host: ContainerHost
    private let network: String
    private let directory = WorkloadDirectory()
    private var task: Task<Void, Never>?

    init() throws {
        host = try ContainerHost(.podman)
        network = try host.network("shop", v4: "10.69.0.0/24")
    }

    deinit {
        task?.cancel()
        _ = try? host.run("pod", "rm", "-f", "-a")
    }

    private func holder(_ address: IPAddress, _ directory: WorkloadDirectory) -> String? {
        directory.inventory().workload(of: address)?.name
    }

    @Test func theAddressBelongsToThePodAndNotToItsContainers() async throws {
        let follower = ContainerEngine(
            name: "podman", path: host.socket, naming: WorkloadNaming(), directory: directory)
        task = Task.detached(executorPreference: OwnThreads()) {
            await follower.run(logger: CollectedLog().logger)
        }
        let isThere = await eventually { directory.source.contains("containers)") }
        try #require(isThere)
        try host.run([
            "pod", "create", "--name", "frontdoor", "--network", network, "--ip", "10.69.0.7",
            "--infra-image", "web:1", "--infra-command", "/bin/sleep 300",
        ])
        try host.run(["run", "-d", "--pod", "frontdoor", "--name", "app", "job:1", "sleep", "300"])
        try host.run([
            "run", "-d", "--name", "alone", "--network", network, "--ip", "10.69.0.8", "job:1",
            "sleep", "300",
        ])
        let (pod, alone) = (
            try #require(IPAddress("10.69.0.7")), try #require(IPAddress("10.69.0.8"))
        )
        let isNamed = await eventually {
            holder(pod, directory) == "frontdoor" && holder(alone, directory) == "job"
        }
        #expect(isNamed, "\(directory.inventory().yaml)")
        try host.run(["run", "-d", "--pod", "frontdoor", "--name", "late", "job:1", "sleep", "300"])
        // Engines send events in order, so a later event arrives after it.
        try host.run([
            "run", "-d", "--name", "last", "--network", network, "--ip", "10.69.0.9", "job:1",
            "sleep", "300",
        ])
        let next = try #require(IPAddress("10.69.0.9"))
        let isHeard = await eventually { holder(next, directory) == "job" }
        #expect(isHeard, "\(directory.inventory().yaml)")
        #expect(holder(pod, directory) == "frontdoor")
        // No other container ever had the address.
        let since = try #require(directory.lease(of: pod, at: Clock.now())?.since)
        #expect(directory.lease(of: pod, at: since - .nanoseconds(1)) == nil)

        // A list yields the same as the events.
        let listed = WorkloadDirectory()
        try await ContainerEngine(
            name: "podman", path: host.socket, naming: WorkloadNaming(), directory: listed
        ).list()
        #expect(holder(pod, listed) == "frontdoor" && holder(alone, listed) == "job")
        try host.run("pod", "rm", "-f", "-t", "0", "frontdoor")
        let isGone = await eventually { holder(pod, directory) == nil }
        #expect(isGone)
    }
}
