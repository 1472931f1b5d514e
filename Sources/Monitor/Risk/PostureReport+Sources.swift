package import Posture
internal import Responses
internal import Workloads

extension PostureReport {
    /// Adds what runs on this node, from every engine and cluster of the configuration.
    ///
    /// - Returns: how many answered, and why others did not.
    package mutating func readSources(
        _ options: WorkloadOptions
    ) async -> (answered: Int, failures: [any Error]) {
        var answered = 0
        var failures: [any Error] = []
        for engine in LiveWorkloads.engineAddresses(options) where engine.isExpected {
            do throws(PostureError) {
                try await read(
                    engine: engine.name, socket: engine.path, naming: options.naming)
                answered += 1
            } catch { failures.append(error) }
        }
        do {
            if let cluster = try LiveWorkloads.clusterAddress(options) {
                try await read(
                    cluster: cluster.access, node: cluster.node, naming: options.naming)
                answered += 1
            }
        } catch { failures.append(error) }
        return (answered, failures)
    }
}
