internal import FoundationEssentials
internal import NetworkAddresses

/// Takes a container out of its networks, and may move it to a quarantine network, where only a
/// forensic host is; undo connects it again, with its addresses and aliases.
struct DisconnectAction: ResponseAction {
    /// The name of the quarantine network; nil: none.
    var exile: String?
    let isRenewed = false

    /// Networks that have no place to leave.
    private static let fixed: Set<String> = ["host", "none"]

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        let container = try await InspectedContainer(record.object, of: record.engine)
        try container.check(record, rails)
        let networks = container.networks.filter {
            !Self.fixed.contains($0.key) && $0.key != exile
        }
        guard !networks.isEmpty else { throw .notNeeded("\(container.name) is in no network") }
        var undo = ContainerUndo(startedAt: container.startedAt)
        undo.networks = networks
        if let exile, container.networks[exile] == nil {
            try await Self.check(exile, record)
            undo.exile = exile
        }
        return undo.text
    }

    /// - Throws: `.notNeeded` if the quarantine network is not there, or has a way out.
    private static func check(
        _ exile: String, _ record: ResponseRecord
    ) async throws(ResponseError) {
        guard EngineConnection.isName(exile) else { throw .notNeeded("no network '\(exile)'") }
        let network: Network
        do throws(ResponseError) {
            network = try await EngineConnection.to(record.engine).get(
                Network.self, "/networks/\(exile)")
        } catch .gone { throw .notNeeded("no network '\(exile)'") } catch { throw error }
        guard network.Internal == true else {
            throw .notNeeded(
                "the network '\(exile)' is not internal: the container would have another way out")
        }
    }

    private struct Network: Decodable {
        var Internal: Bool?
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let container = try await InspectedContainer(record.object, of: record.engine)
        for (name, endpoint) in try networks(record) where container.networks[name] != nil {
            do throws(ResponseError) {
                try await change(record, "disconnect", name, endpoint, force: false)
            } catch .gone {
                // Either the container is, or it has left the network.
                _ = try await InspectedContainer(record.object, of: record.engine)
            } catch { throw error }
        }
        if let exile = try ContainerUndo(record).exile, container.networks[exile] == nil {
            try await change(record, "connect", exile, .init(), force: nil)
        }
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let container = try await InspectedContainer(record.object, of: record.engine)
        let networks = try networks(record)
        let left = networks.count { container.networks[$0.key] == nil }
        if let exile = try ContainerUndo(record).exile, container.networks[exile] == nil {
            return left > 0 ? .part : .none
        }
        return left == networks.count ? .whole : left > 0 ? .part : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let wanted = try networks(record)
        let before = try await InspectedContainer(record.object, of: record.engine)
        var notes: [String] = []
        var done = 0
        if let exile = try ContainerUndo(record).exile, before.networks[exile] != nil {
            try await change(record, "disconnect", exile, .init(), force: false)
        }
        for (name, endpoint) in wanted.sorted(by: { $0.key < $1.key }) {
            guard before.networks[name] == nil else {
                notes.append("it was in \(EngineConnection.clean(name)) already")
                continue
            }
            if let note = try await connect(record, name, endpoint) { notes.append(note) }
            done += 1
        }
        let after = try await InspectedContainer(record.object, of: record.engine)
        for (name, endpoint) in wanted where before.networks[name] == nil {
            guard let now = after.networks[name] else { continue }
            // A container that does not run has no addresses yet.
            let lost = Set(endpoint.assigned).subtracting(now.assigned)
            if after.isRunning, !lost.isEmpty {
                let list = lost.sorted().map { "\($0)" }.joined(separator: ", ")
                notes.append("in \(EngineConnection.clean(name)) it has lost \(list)")
            }
        }
        if done == 0 {
            throw .changed("\(before.name) was connected again already")
        }
        return notes.isEmpty ? nil : notes.joined(separator: "; ")
    }

    /// Connects the container to one network: with the same addresses, or with any where the engine
    /// does not allow to choose them.
    ///
    /// - Returns: what differs.
    private func connect(
        _ record: ResponseRecord, _ name: String, _ endpoint: InspectedContainer.Endpoint
    ) async throws(ResponseError) -> String? {
        do throws(ResponseError) {
            try await change(record, "connect", name, endpoint.asRequest(record), force: nil)
            return nil
        } catch .gone(let why) {
            // The container, or the network.
            _ = try await InspectedContainer(record.object, of: record.engine)
            return "\(EngineConnection.clean(name)): \(why)"
        } catch .failed(let why) where Self.refusesAddresses(why) {
            var free = endpoint.asRequest(record)
            free.IPAMConfig = nil
            try await change(record, "connect", name, free, force: nil)
            return nil
        } catch { throw error }
    }

    /// Docker lets nobody choose addresses in a network without a configured subnet; and another
    /// container may have the address by now.
    private static func refusesAddresses(_ why: String) -> Bool {
        let words = why.lowercased()
        return [
            "ip address is supported", "already in use", "already allocated", "being used by",
        ].contains { words.contains($0) }
    }

    private struct Change: Encodable {
        var Container: String
        var Force: Bool?
        var EndpointConfig: InspectedContainer.Endpoint?
    }

    private func change(
        _ record: ResponseRecord, _ verb: String, _ name: String,
        _ endpoint: InspectedContainer.Endpoint, force: Bool?
    ) async throws(ResponseError) {
        // Podman has names in place of identifiers.
        let given = endpoint.NetworkID ?? ""
        let id = EngineConnection.isIdentifier(given) ? given : name
        guard EngineConnection.isName(id) else {
            throw .failed("the network '\(EngineConnection.clean(name))' has no identifier")
        }
        var change = Change(Container: record.object)
        if verb == "connect" {
            change.EndpointConfig = endpoint
            change.EndpointConfig?.NetworkID = nil
        } else {
            change.Force = force
        }
        let body = (try? JSONEncoder().encode(change)).map { String(decoding: $0, as: UTF8.self) }
        try await EngineConnection.to(record.engine).send(
            "POST", "/networks/\(id)/\(verb)", body: body, seconds: 30)
    }

    private func networks(
        _ record: ResponseRecord
    ) throws(ResponseError) -> [String: InspectedContainer.Endpoint] {
        try ContainerUndo(record).networks ?? [:]
    }
}

extension InspectedContainer.Endpoint {
    /// The settings with which a container gets this place again: the assigned addresses become
    /// requested ones.
    func asRequest(_ record: ResponseRecord) -> Self {
        var result = self
        var wanted = IPAMConfig ?? Addresses()
        if let text = IPAddress, !text.isEmpty { wanted.IPv4Address = text }
        if let text = GlobalIPv6Address, !text.isEmpty { wanted.IPv6Address = text }
        result.IPAMConfig = wanted
        (result.IPAddress, result.GlobalIPv6Address) = (nil, nil)
        // Docker adds the short identifier to the aliases by itself.
        result.Aliases = Aliases?.filter { !record.object.hasPrefix($0) }
        return result
    }
}
