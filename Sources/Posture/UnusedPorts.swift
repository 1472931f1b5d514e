public import BaselineGraph

/// A port of a container that is published at the node.
struct PublishedPort: Sendable {
    var workload: String
    var container: String
    var source: String
    /// As the engine writes it: `80/tcp`.
    var port: String
    var service: Service
    var nodePort: String
}

extension PostureReport {
    /// Adds the published ports that nobody used while the baseline was learnt.
    public mutating func addUnusedPorts(by graph: CommunicationGraph) {
        hasComparedPorts = true
        var used: [String: Set<Service>] = [:]
        var known: Set<String> = []
        for edge in graph.namedEdges {
            used[edge.peer, default: []].insert(edge.service)
            known.formUnion([edge.subject, edge.peer])
        }
        for one in published {
            guard known.contains(one.workload) else {
                add(
                    remark: "\(one.workload) is not in the model: whether its published ports are "
                        + "used is unknown", about: .unusedPort)
                continue
            }
            guard used[one.workload]?.contains(one.service) != true else { continue }
            let result = PostureResult(
                .unusedPort, "\(one.nodePort) for \(one.port)",
                mend: "ports: without \(one.nodePort):\(one.port)")
            add(
                [
                    PostureFinding(
                        result, workload: one.workload, container: one.container,
                        source: one.source)
                ], of: one.workload, containers: 0)
        }
    }
}

extension Service {
    /// A port as an engine writes it: `80/tcp`.
    init?(published text: String) {
        let parts = text.split(separator: "/")
        let numbers: [Substring: UInt8] = ["tcp": 6, "udp": 17, "sctp": 132]
        guard parts.count == 2, let port = UInt16(parts[0]), let number = numbers[parts[1]] else {
            return nil
        }
        self.init(ipProtocol: number, port: port)
    }
}
