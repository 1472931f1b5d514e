internal import Timestamps
package import Workloads

extension LiveWorkloads {
    /// The running containers with their images, and which engines or clusters did not tell them.
    package struct RunningImages: Sendable {
        package var images: [RunningImage] = []
        package var failures: [(source: String, reason: String)] = []
        /// The engines and clusters that answered.
        package var sources: [String] = []
    }

    /// The least time between two lists of the containers, which is also that of a new attempt.
    private static let imagePause = Duration.seconds(30)

    /// Lists the running containers at once, and again when containers have come or gone, on a task
    /// of its own.
    func followImages(
        isWanted: @escaping @Sendable () -> Bool,
        take: @escaping @Sendable (RunningImages) -> Void
    ) {
        run { [self] in
            var done = -1
            while !Task.isCancelled {
                let version = directory.version
                guard isWanted(), version != done else {
                    try? await Task.sleep(for: .milliseconds(500))
                    continue
                }
                let found = await runningImages()
                take(found)
                if found.failures.isEmpty { done = version }
                try? await Task.sleep(for: Self.imagePause)
            }
        }
    }

    /// Asks every engine and the cluster for their running containers, and each engine once for
    /// each image.
    package func runningImages() async -> RunningImages {
        var result = RunningImages()
        for engine in engines where engine.isPresent || isNamed(engine) {
            let source = "\(engine.name) \(engine.path)"
            do {
                result.images += try await engine.runningImages()
                result.sources.append(source)
            } catch {
                result.failures.append((source, "\(error)"))
            }
        }
        if let cluster {
            let source = "kubernetes \(cluster.name)"
            do {
                result.images += try await cluster.runningImages()
                result.sources.append(source)
            } catch {
                result.failures.append((source, "\(error)"))
            }
        }
        return result
    }
}
