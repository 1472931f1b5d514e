/// Groups of services in which every pair has a contact, so that a network for each group connects
/// those that had one and nobody else.
enum ServiceGroups {
    /// Covers every pair by few groups: each group grows from a pair that none has yet, by the
    /// services that have a contact with all of its members.
    ///
    /// - Parameter contacts: the services with which each service has contacts; symmetric, and
    ///   without itself.
    /// - Returns: sorted groups of two or more services.
    static func cover(_ contacts: [String: Set<String>]) -> [[String]] {
        var rest = contacts
        var groups: [[String]] = []
        for service in contacts.keys.sorted() {
            while let other = rest[service]?.min() {
                var group = [service, other]
                var common = contacts[service, default: []].intersection(
                    contacts[other, default: []])
                while let next = best(of: common, for: group, rest) {
                    group.append(next)
                    common.formIntersection(contacts[next, default: []])
                }
                for member in group { rest[member]?.subtract(group) }
                groups.append(group.sorted())
            }
        }
        return groups
    }

    /// The candidate with the most uncovered contacts in the group; nil if none has any.
    private static func best(
        of candidates: Set<String>, for group: [String], _ rest: [String: Set<String>]
    ) -> String? {
        var best: (name: String, count: Int)?
        for name in candidates.sorted() {
            let open = rest[name] ?? []
            let count = group.count { open.contains($0) }
            if count > best?.count ?? 0 { best = (name, count) }
        }
        return best?.name
    }
}
