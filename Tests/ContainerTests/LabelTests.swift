import NetworkAddresses
import TestKit
import Testing

@testable import Workloads

/// Labels of real images and containers: an image's author cannot name a workload.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LabelTests {
    private static let shop = [
        "com.docker.compose.project=shop", "com.docker.compose.service=web",
    ]

    @Test(.needs(.docker)) func labelsOfDockerImagesNameNoWorkload() async throws {
        try await labelsOfImagesNameNoWorkload(.docker)
    }

    @Test(.needs(.podman)) func labelsOfPodmanImagesNameNoWorkload() async throws {
        try await labelsOfImagesNameNoWorkload(.podman)
    }

    private func labelsOfImagesNameNoWorkload(_ engine: ContainerHost.Engine) async throws {
        let host = try ContainerHost(engine)
        let network = try host.network("labels", v4: "10.67.0.0/24")
        // An image with the labels that Compose sets on its containers.
        try host.run("create", "--name", "base", "--network", "none", "job:1", "sleep", "300")
        let changes = Self.shop.flatMap { ["--change", "LABEL \($0)"] }
        try host.run(["commit"] + changes + ["base", "trap:1"])
        try host.run("rm", "base")
        func start(_ name: String, _ spot: Int, _ image: String, _ labels: [String]) throws {
            let words = labels.flatMap { ["--label", $0] }
            try host.run(
                [
                    "run", "-d", "--name", name, "--network", network, "--ip",
                    "10.67.0.\(spot)",
                ] + words + [image, "sleep", "300"])
        }
        let directory = WorkloadDirectory()
        let follower = ContainerEngine(
            name: engine.rawValue, path: host.socket, naming: WorkloadNaming(),
            directory: directory)
        let task = Task.detached(executorPreference: OwnThreads()) {
            await follower.run(logger: CollectedLog().logger)
        }
        defer { task.cancel() }
        let isThere = await eventually { directory.source.contains("containers)") }
        try #require(isThere)
        try start("trapped", 11, "trap:1", [])
        try start("own", 12, "trap:1", ["com.docker.compose.project=lab"] + [Self.shop[1]])
        try start("built", 13, "trap:1", ["com.docker.compose.config-hash=0f"])
        try start("plain", 14, "job:1", Self.shop)
        func names(_ directory: WorkloadDirectory) throws -> [String?] {
            try (11...14).map { spot in
                let address = try #require(IPAddress("10.67.0.\(spot)"))
                return directory.inventory().workload(of: address)?.name
            }
        }
        let wanted = ["trap", "lab/web", "shop/web", "shop/web"]
        let isNamed = try await eventually { try names(directory) == wanted }
        let named = try names(directory)
        #expect(isNamed, "\(named)")
        let listed = WorkloadDirectory()
        try await ContainerEngine(
            name: engine.rawValue, path: host.socket, naming: WorkloadNaming(), directory: listed
        ).list()
        #expect(try names(listed) == wanted)
    }
}
