import BaselineGraph
import TextFormats

/// A policy as networks of Docker Compose: services share a network only if they had contacts.
///
/// Compose cannot restrict ports and directions; comments name them.
public struct ComposeNetworks {
    /// The greatest number of services of one file.
    public static let serviceLimit = 500
    /// Docker's default address pools are enough for about this many networks.
    static let poolLimit = 30

    private struct Network {
        var name: String
        var members: [String]
        var isInternal: Bool
        var comments: [String]
    }

    private let policy: ContactPolicy
    /// The services by the names of the workloads.
    private let services: [String: String]
    private var remarks: [String] = []

    /// Writes the networks as a file that is merged with the project's own.
    ///
    /// - Parameter project: whose services are written; nil: that of all workloads.
    /// - Throws: `.noNames`, `.severalProjects`, `.noSuchProject`, `.manyServices`, or `.sameName`
    ///   if two workloads would be one service.
    public static func render(
        _ policy: ContactPolicy, project: String?
    ) throws(PolicyError) -> PolicyText {
        var writer = try ComposeNetworks(policy, project)
        return writer.text()
    }

    private init(_ policy: ContactPolicy, _ project: String?) throws(PolicyError) {
        self.policy = policy
        let names = policy.governed.compactMap { end in
            if case .workload(let name) = end { name } else { nil }
        }
        guard !names.isEmpty else { throw .noNames }
        let projects = Set(names.map { Self.parts($0).project })
        if let project, !projects.contains(project) { throw .noSuchProject(project) }
        guard project != nil || projects.count == 1 else {
            throw .severalProjects(projects.map { $0 ?? "none" }.sorted())
        }
        let own = names.filter { project == nil || Self.parts($0).project == project }
        guard own.count <= Self.serviceLimit else {
            throw .manyServices(own.count, limit: Self.serviceLimit)
        }
        var owners: [String: String] = [:]
        for name in own {
            let service = Self.parts(name).service.asName(
                limit: 200, keeping: .pointAndUnderscore)
            if let other = owners.updateValue(name, forKey: service) {
                throw .sameName(other, name, service)
            }
        }
        services = Dictionary(
            owners.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
    }

    /// `shop/web` is the service `web` of the project `shop`.
    private static func parts(_ name: String) -> (project: String?, service: String) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains("."), !parts[1].isEmpty else {
            return (nil, name)
        }
        return (String(parts[0]), String(parts[1]))
    }

    private func service(_ end: ContactPolicy.End) -> String? {
        if case .workload(let name) = end { services[name] } else { nil }
    }

    private mutating func text() -> PolicyText {
        let networks = self.networks()
        if networks.count > Self.poolLimit {
            remarks.append(
                "\(networks.count) networks are more than Docker's default address pools have; "
                    + "set default-address-pools in its daemon.json")
        }
        var text = """
            # Networks by which only services with contacts in the baseline of model \
            \(policy.modelID)
            # reach each other, written by 'lazaret policy export'. Ports and directions are not \
            restricted.
            # Check:  docker compose -f compose.yaml -f FILE config
            # Load:   docker compose -f compose.yaml -f FILE up -d
            # The services in compose.yaml must have no 'networks' of their own: Compose would \
            join both.
            services:

            """
        for service in services.values.sorted() {
            let own = networks.filter { $0.members.contains(service) }.map(\.name)
            text += "  \(JSONObject.quoted(service)):\n"
            text += "    networks: [\(own.map(JSONObject.quoted).joined(separator: ", "))]\n"
        }
        text += "networks:\n"
        for network in networks {
            text += network.comments.map { "  # \($0.asComment)\n" }.joined()
            text += "  \(JSONObject.quoted(network.name)):\n    internal: \(network.isInternal)\n"
        }
        return PolicyText(text: text, remarks: remarks)
    }

    private mutating func networks() -> [Network] {
        var contacts: [String: Set<String>] = [:]
        var outside: [String: [String]] = [:]
        for rule in policy.rules {
            switch (service(rule.from), service(rule.to)) {
            case (let from?, let to?) where from != to:
                contacts[from, default: []].insert(to)
                contacts[to, default: []].insert(from)
            case (.some, .some): break
            case (let own?, nil), (nil, let own?):
                let peer = service(rule.from) == nil ? rule.from : rule.to
                if peer == .outside {
                    outside[own, default: []].append("\(rule)")
                } else {
                    remarks.append("\(rule): no network of this project can express it; left out")
                }
            case (nil, nil): break
            }
        }
        var names = UniqueNames()
        var networks = ServiceGroups.cover(contacts).map { group in
            Network(
                name: names.take(Self.name(of: group)), members: group, isInternal: true,
                comments: policy.rules.filter { rule in
                    [rule.from, rule.to].allSatisfy { end in
                        service(end).map { group.contains($0) } ?? false
                    }
                }.map { "\($0)" })
        }
        // A service without a network would join the default one, with all others like it.
        for service in services.values.sorted() {
            let comments = outside[service]
            guard comments != nil || !networks.contains(where: { $0.members.contains(service) })
            else { continue }
            networks.append(
                Network(
                    name: names.take(service + (comments == nil ? "-alone" : "-outside")),
                    members: [service], isInternal: comments == nil, comments: comments ?? []))
        }
        return networks
    }

    private static func name(of group: [String]) -> String {
        let name = group.joined(separator: "-")
        return group.count <= 4 && name.utf8.count <= 60 ? name : "group"
    }
}
