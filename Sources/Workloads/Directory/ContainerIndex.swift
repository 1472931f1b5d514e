/// Containers and pods by what other programs call them: a whole identifier, its first digits, or a
/// name. What is not unique is not found.
public struct ContainerIndex: Sendable {
    /// A container or pod, and its workload.
    public struct Entry: Sendable, Equatable {
        /// The engine's identifier, or a pod's uid; empty if it is not known.
        public var id: String
        /// The container's name, or a pod's with its namespace.
        public var name: String
        public var workload: String

        public init(id: String, name: String, workload: String) {
            self.id = id
            self.name = name
            self.workload = workload
        }
    }

    public enum Match: Sendable, Equatable {
        case workload(String)
        case unknown
        /// Several have it, and are of several workloads.
        case ambiguous
    }

    /// The fewest digits of an identifier that are looked for.
    public static let fewestDigits = 12

    private let byID: [Entry]
    /// By name; nil: several workloads.
    private let byName: [String: String?]

    public init(_ entries: [Entry]) {
        byID = entries.filter { !$0.id.isEmpty }.sorted { $0.id < $1.id }
        var names: [String: String?] = [:]
        for entry in entries where !entry.name.isEmpty {
            if let known = names[entry.name], known != entry.workload {
                names[entry.name] = .some(nil)
            } else {
                names[entry.name] = .some(entry.workload)
            }
        }
        byName = names
    }

    /// The workload of a container, by its identifier or at least the first twelve digits of it.
    public func container(_ id: String) -> Match {
        let isDigits = id.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        guard id.utf8.count >= Self.fewestDigits, isDigits else { return .unknown }
        return match(id) { $0.hasPrefix(id) }
    }

    /// The workload of a pod, by its whole uid.
    public func pod(uid: String) -> Match { match(uid) { $0 == uid } }

    /// The workload of what has a name.
    public func named(_ name: String) -> Match {
        guard let workload = byName[name] else { return .unknown }
        return workload.map(Match.workload) ?? .ambiguous
    }

    private func match(_ id: String, _ matches: (String) -> Bool) -> Match {
        var (low, high) = (0, byID.count)
        while low < high {
            let middle = (low + high) / 2
            if byID[middle].id < id { low = middle + 1 } else { high = middle }
        }
        var found: String?
        for entry in byID[low...] {
            guard matches(entry.id) else { break }
            if let found, found != entry.workload { return .ambiguous }
            found = entry.workload
        }
        return found.map(Match.workload) ?? .unknown
    }
}
