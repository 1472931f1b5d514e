internal import FoundationEssentials
internal import NetworkAddresses
internal import Quarantine

/// A running container with the addresses of its own network.
struct FoundContainer: Sendable, Equatable {
    var engine: EngineAddress
    var id: String
    var name: String
    var addresses: Set<IPAddress>
    var links: Set<MACAddress>
    /// The names of the containers that use its network too.
    var sharers: [String] = []

    /// Whether a rule is meant for it. The policy fences a network as what exactly holds the
    /// offenders; an operator's fence on a network accuses nobody in particular.
    func isMeant(by rule: QuarantineRule) -> Bool {
        (rule.target.isSingle || !rule.isByHand) && has(rule.target)
    }

    private func has(_ target: QuarantineTarget) -> Bool {
        switch target {
        case .prefix(let prefix):
            prefix.isHost
                ? addresses.contains(prefix.address) : addresses.contains(where: prefix.contains)
        case .link(let link): links.contains(link)
        // The addresses that were fenced with the port say whose it is.
        case .port: false
        }
    }

    /// The running containers of an engine.
    static func all(of engine: EngineAddress) async throws(ResponseError) -> [FoundContainer] {
        let listed = try await EngineConnection.to(engine.path).get(
            [Listed].self, "/containers/json", seconds: 20)
        var sharers: [String: [String]] = [:]
        for one in listed {
            guard let mode = one.HostConfig?.NetworkMode, mode.hasPrefix("container:") else {
                continue
            }
            sharers[String(mode.dropFirst("container:".count)), default: []].append(one.name)
        }
        for (id, others) in try await podmanSharers(of: engine) {
            sharers[id, default: []] += others
        }
        return listed.compactMap { one in
            guard EngineConnection.isIdentifier(one.Id) else { return nil }
            let endpoints = (one.NetworkSettings?.Networks ?? [:]).values
            return FoundContainer(
                engine: engine, id: one.Id, name: one.name,
                addresses: Set(endpoints.flatMap(\.assigned)),
                links: Set(endpoints.compactMap { $0.MacAddress.flatMap { MACAddress($0) } }),
                sharers: (sharers[one.Id] ?? []) + (sharers[one.name] ?? []))
        }
    }

    /// Podman's containers that use one network, which its list for Docker's clients does not tell:
    /// those of a pod, for instance. Empty for Docker.
    ///
    /// - Returns: for each container, the names of the others.
    private static func podmanSharers(
        of engine: EngineAddress
    ) async throws(ResponseError) -> [String: [String]] {
        let connection = EngineConnection.to(engine.path)
        let version = try await connection.get(Version.self, "/version")
        guard (version.Components ?? []).contains(where: { $0.Name?.hasPrefix("Podman") ?? false })
        else { return [:] }
        let listed = try await connection.get(
            [PodmanContainer].self, "/v4.0.0/libpod/containers/json?namespace=true", seconds: 20)
        var sharers: [String: [String]] = [:]
        for one in listed {
            guard let space = one.Namespaces?.NET, !space.isEmpty else { continue }
            sharers[one.Id] = listed.filter { $0.Id != one.Id && $0.Namespaces?.NET == space }
                .map { EngineConnection.clean($0.Names?.first ?? "") }
        }
        return sharers
    }

    private struct Version: Decodable {
        struct Component: Decodable {
            var Name: String?
        }
        var Components: [Component]?
    }

    /// One element of Podman's own list.
    private struct PodmanContainer: Decodable {
        struct Spaces: Decodable {
            var NET: String?
            enum CodingKeys: String, CodingKey { case NET = "Net" }
        }
        var Id: String
        var Names: [String]?
        var Namespaces: Spaces?
    }

    /// One element of the answer to `/containers/json`.
    private struct Listed: Decodable {
        var Id: String
        var Names: [String]?
        var HostConfig: InspectedContainer.Host?
        var NetworkSettings: InspectedContainer.Networking?

        var name: String {
            EngineConnection.clean(String((Names?.first ?? "").drop { $0 == "/" }))
        }
    }
}
