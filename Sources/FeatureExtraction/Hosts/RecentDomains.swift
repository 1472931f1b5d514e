/// How many long DNS names a host asked for below each of the last domains.
///
/// Who sends data in names needs many names below a domain of its own. Who reads mail or the web
/// asks for one or two names each of many domains.
struct RecentDomains: Sendable {
    private static let count = 64
    /// The long names below one domain that carry no data.
    private static let fewNames: UInt8 = 2

    private var domains: [UInt32] = []
    private var names: [UInt8] = []
    private var next = 0

    /// Whether the host asked for few long names below a domain, with this one.
    ///
    /// - Parameter isNew: whether the name is another one than the last.
    mutating func areFew(below domain: UInt32, isNew: Bool) -> Bool {
        if domains.isEmpty {
            domains = [UInt32](repeating: 0, count: Self.count)
            names = [UInt8](repeating: 0, count: Self.count)
        }
        guard let place = domains.firstIndex(of: domain), names[place] > 0 else {
            guard isNew else { return true }
            domains[next] = domain
            names[next] = 1
            next = (next + 1) % Self.count
            return true
        }
        if isNew, names[place] <= Self.fewNames { names[place] += 1 }
        return names[place] <= Self.fewNames
    }
}
