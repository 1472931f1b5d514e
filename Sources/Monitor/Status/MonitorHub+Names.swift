internal import ModelFiles
internal import NetworkAddresses
internal import Risk
internal import StatusReport

extension MonitorHub {
    /// The names of workloads that resemble one that nobody has, the most similar first.
    ///
    /// - Returns: nil where a workload has the name, where it is an address, and where no names are
    ///   known yet.
    public func names(like name: String) -> [String]? {
        guard IPAddress(name) == nil, let risk else { return nil }
        var known = Set(risk.entries.map(\.score.workload))
        for contact in contacts { known.formUnion([contact.from, contact.to]) }
        known.formUnion(status?.model?.quality.map(\.name) ?? [])
        guard !known.isEmpty, !known.contains(name) else { return nil }
        return SimilarNames.names(like: name, in: known.filter { IPAddress($0) == nil })
    }
}

/// Names that somebody who has mistyped one may have meant.
enum SimilarNames {
    private static let limit = 3
    /// Comparing takes the product of both lengths; nobody types longer names.
    private static let longest = 64

    /// Up to three names that contain `name` or are part of it, or that differ from it by a third
    /// of their characters at most, and by three at most; the most similar first.
    static func names(like name: String, in known: some Collection<String>) -> [String] {
        let wanted = Array(name.lowercased())
        guard (1...longest).contains(wanted.count) else { return [] }
        let found = known.compactMap { other -> (distance: Int, name: String)? in
            let letters = Array(other.lowercased())
            guard (1...longest).contains(letters.count) else { return nil }
            let distance = distance(wanted, letters)
            let isPart =
                min(wanted.count, letters.count) >= 3
                && (letters.contains(wanted) || wanted.contains(letters))
            let most = min(3, max(wanted.count, letters.count) / 3)
            return isPart || distance <= most ? (distance, other) : nil
        }
        return found.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
            .prefix(limit).map(\.name)
    }

    /// How many characters are to be changed, added, removed or exchanged with their neighbour to
    /// make one of the other (optimal string alignment).
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...other.count)
        for row in 1...one.count {
            var next = [row]
            for column in 1...other.count {
                let isSame = one[row - 1] == other[column - 1]
                var least = min(
                    last[column - 1] + (isSame ? 0 : 1), last[column] + 1, next[column - 1] + 1)
                if row > 1, column > 1, one[row - 1] == other[column - 2],
                    one[row - 2] == other[column - 1]
                {
                    least = min(least, before[column - 2] + 1)
                }
                next.append(least)
            }
            (before, last) = (last, next)
        }
        return last[other.count]
    }
}
