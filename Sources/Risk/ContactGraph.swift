/// Who contacts whom, for the exposure of workloads.
public struct ContactGraph: Sendable {
    private var reached: [String: Set<String>] = [:]
    private var callers: [String: Set<String>] = [:]
    private var fromOutside: Set<String> = []

    /// The most peers of a workload that are counted: from there on exposure hardly rises.
    public static let peerLimit = 64

    public init() {}

    /// Adds a contact between two inside hosts.
    public mutating func add(from caller: String, to called: String) {
        guard caller != called else { return }
        Self.insert(called, in: &reached[caller, default: []])
        Self.insert(caller, in: &callers[called, default: []])
    }

    /// Adds a contact from outside.
    public mutating func addFromOutside(to called: String) { fromOutside.insert(called) }

    /// Adds the contacts of another graph.
    public mutating func formUnion(_ other: Self) {
        for (caller, all) in other.reached {
            for called in all.sorted() { add(from: caller, to: called) }
        }
        fromOutside.formUnion(other.fromOutside)
    }

    private static func insert(_ name: String, in names: inout Set<String>) {
        if names.count < peerLimit { names.insert(name) }
    }

    /// The exposure of every workload that has contacts, without what is published.
    ///
    /// A way from outside is the shortest, and of equal ones the first by name.
    public func exposures() -> [String: RiskFactors.Exposure] {
        var ways: [String: [String]] = [:]
        var edge = fromOutside.sorted()
        for name in edge { ways[name] = [name] }
        while !edge.isEmpty {
            var next: [String] = []
            for name in edge {
                for other in (reached[name] ?? []).sorted() where ways[other] == nil {
                    ways[other] = (ways[name] ?? []) + [other]
                    next.append(other)
                }
            }
            edge = next.sorted()
        }
        var all: [String: RiskFactors.Exposure] = [:]
        for name in Set(reached.keys).union(callers.keys).union(fromOutside) {
            var exposure = RiskFactors.Exposure()
            exposure.callers = callers[name]?.count ?? 0
            exposure.reached = reached[name]?.count ?? 0
            exposure.way = ways[name] ?? []
            exposure.hopsFromOutside = ways[name]?.count
            all[name] = exposure
        }
        return all
    }
}
