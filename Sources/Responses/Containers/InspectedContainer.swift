internal import FoundationEssentials
internal import NetworkAddresses
internal import TextFormats
internal import Timestamps

/// An engine's answer to `/containers/ID/json`: the fields that are used here.
struct InspectedContainer: Decodable, Sendable {
    struct Run: Decodable, Sendable {
        var Running: Bool?
        var Paused: Bool?
        var StartedAt: String?
    }

    struct Host: Decodable, Sendable {
        struct Policy: Decodable, Sendable {
            var Name: String?
        }

        var NetworkMode: String?
        var RestartPolicy: Policy?
    }

    struct Networking: Decodable, Sendable {
        var Networks: [String: Endpoint]?
    }

    /// A container's place in a network, as it is read and written again.
    struct Endpoint: Codable, Sendable, Equatable {
        struct Addresses: Codable, Sendable, Equatable {
            var IPv4Address: String?
            var IPv6Address: String?
            var LinkLocalIPs: [String]?
        }

        var IPAMConfig: Addresses?
        var Links: [String]?
        var Aliases: [String]?
        var MacAddress: String?
        var DriverOpts: [String: String]?
        var NetworkID: String?
        var IPAddress: String?
        var GlobalIPv6Address: String?
        var GwPriority: Int?

        /// The addresses that the engine has assigned.
        var assigned: [IPAddress] {
            [IPAddress, GlobalIPv6Address].compactMap { text in
                text.flatMap { $0.isEmpty ? nil : NetworkAddresses.IPAddress($0) }
            }
        }
    }

    var Id: String
    var Name: String?
    var State: Run?
    var HostConfig: Host?
    var NetworkSettings: Networking?

    var name: String { EngineConnection.clean(String((Name ?? "").drop { $0 == "/" })) }
    var isRunning: Bool { State?.Running ?? false }
    var isPaused: Bool { State?.Paused ?? false }
    /// When its present run began, as the engine writes it.
    var startedAt: String { State?.StartedAt ?? "" }
    var networks: [String: Endpoint] { NetworkSettings?.Networks ?? [:] }
    var addresses: [IPAddress] { networks.values.flatMap(\.assigned) }
    /// Whether it uses the network of another container.
    var sharesNetwork: Bool { HostConfig?.NetworkMode?.hasPrefix("container:") ?? false }
    var restartPolicy: String {
        let name = EngineConnection.clean(HostConfig?.RestartPolicy?.Name ?? "")
        return name.isEmpty ? "no" : name
    }

    /// - Throws: `.gone` if there is no such container.
    init(_ id: String, of engine: String) async throws(ResponseError) {
        guard EngineConnection.isIdentifier(id) else { throw .gone("no container '\(id)'") }
        self = try await EngineConnection.to(engine).get(Self.self, "/containers/\(id)/json")
    }
}

/// What is needed to undo a response on a container.
struct ContainerUndo: LedgerPlan {
    /// Its run: a container that was started since belongs to whoever did that.
    var startedAt: String
    /// Its restart policy.
    var restart: String?
    /// The networks that it was in, by name.
    var networks: [String: InspectedContainer.Endpoint]?
    /// The quarantine network that it is moved to.
    var exile: String?
    /// How long it may take to end, in seconds.
    var grace: Int64?

    init(startedAt: String) { self.startedAt = startedAt }
}

extension InspectedContainer {
    /// Checks that the container may be acted on.
    ///
    /// - Throws: `.notNeeded`.
    func check(_ record: ResponseRecord, _ rails: ResponseRails) throws(ResponseError) {
        guard isRunning else { throw .notNeeded("\(name) does not run") }
        guard let started = UTC.time(startedAt) else {
            throw .notNeeded("when \(name) was started is unknown")
        }
        guard started <= rails.evidence else {
            throw .notNeeded(
                "\(name) was started after the evidence, at "
                    + "\(UTC.moment(started)): it is not "
                    + "the sender")
        }
        if sharesNetwork {
            throw .notNeeded(
                "\(name) uses the network of another container: which one sent is unknown")
        }
        for address in addresses {
            if let why = rails.objection(to: address) { throw .notNeeded("\(name): \(why)") }
        }
        if OwnContainer.contains(record.object) {
            throw .notNeeded("\(name) is the container of this program")
        }
    }

    /// - Throws: `.changed` if the container was started again since `undo` was recorded.
    func demandSameRun(_ undo: ContainerUndo) throws(ResponseError) {
        guard startedAt == undo.startedAt else {
            throw .changed("\(name) was started again since, at \(startedAt)")
        }
    }
}
