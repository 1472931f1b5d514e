import BaselineGraph
import LeastPrivilege
import NetworkAddresses
import Offline
import TextFormats
import Timestamps

/// The report of `lazaret policy check`.
struct PolicyReport {
    var outcome: PolicyCheck.Outcome
    var modelID: String

    /// The numbers of rows, and of services that a row lists.
    private static let shownRows = 50
    private static let shownServices = 4

    // MARK: - Text

    var text: String {
        let seconds = JSONObject.number((outcome.last - outcome.first).inSeconds, digits: 0)
        let blocked = outcome.blockedCounts
        var text = ""
        if outcome.isBlocking {
            let pairs = pairs
            text += TextTable.text(
                ["WORKLOAD", "PEER", "SERVICE", "FLOWS", "PACKETS", "FIRST (UTC)", "BLOCKED BY"],
                pairs.prefix(Self.shownRows).map { row($0).map(\.printable) })
            let rest = pairs.count - Self.shownRows
            text += rest > 0 ? "and \(rest) more; --format json lists all\n\n" : "\n"
        }
        if outcome.unlisted.flows > 0 {
            text += "Further contacts: \(outcome.unlisted.flows) flows, "
            text += "\(outcome.unlisted.packets) packets.\n"
        }
        text += "Model \(modelID), \(outcome.packetCount) packets over \(seconds) s: "
        text += "\(blocked.flows) flows (\(blocked.packets) packets) would have been blocked, "
        text += "\(outcome.allowed.flows) flows (\(outcome.allowed.packets) packets) allowed; "
        text += "\(outcome.ungoverned.flows) flows without a restricted workload.\n"
        if !outcome.blocked.isEmpty {
            let formats = PolicyFormat.allCases.map { format in
                "\(format.rawValue) \(outcome.blockedCounts(by: format).flows)"
            }
            text += "Flows that each format would have blocked: "
            text += formats.joined(separator: ", ") + ".\n"
        }
        return text
    }

    /// The contacts of each pair of ends by protocol, the pair with the most packets first. Hosts
    /// without a name count as one end.
    private var pairs: [[PolicyCheck.Contact]] {
        struct Pair: Hashable {
            var ends: [String]
            var ipProtocol: UInt8
        }
        func name(_ end: ContactPolicy.End, _ addresses: [IPAddress]) -> String {
            switch end {
            case .address: Self.unnamed
            case .outside: addresses.first.map { "\($0)" } ?? "\(end)"
            case .workload, .gateway: "\(end)"
            }
        }
        var groups: [Pair: [PolicyCheck.Contact]] = [:]
        for contact in outcome.blocked {
            let from = contact.from == .outside ? [] : contact.sources
            let ends = [name(contact.from, from), name(contact.to, contact.destinations)]
            let pair = Pair(ends: ends, ipProtocol: contact.service.ipProtocol)
            groups[pair, default: []].append(contact)
        }
        func packets(_ contacts: [PolicyCheck.Contact]) -> Int {
            contacts.reduce(0) { $0 + $1.packetCount }
        }
        return groups.sorted { one, other in
            let (first, second) = (packets(one.value), packets(other.value))
            guard first == second else { return first > second }
            return (one.key.ends.joined(), one.key.ipProtocol)
                < (other.key.ends.joined(), other.key.ipProtocol)
        }.map(\.value)
    }

    private func row(_ contacts: [PolicyCheck.Contact]) -> [String] {
        guard let contact = contacts.first else { return [] }
        func sum(_ count: (PolicyCheck.Contact) -> Int) -> String {
            "\(contacts.reduce(0) { $0 + count($1) })"
        }
        let first = contacts.map(\.first).min() ?? contact.first
        return [
            Self.name(contact.from, contacts.map(\.sources)),
            Self.name(contact.to, contacts.map(\.destinations)), Self.services(contacts),
            sum(\.flowCount), sum(\.packetCount), UTC.short(Int64(first.second)),
            Self.rules(contact).map { $0.text(Self.word) }.joined(separator: ", "),
        ]
    }

    private static let unnamed = "unnamed"

    private static func word(_ end: ContactPolicy.End) -> String {
        if case .address = end { unnamed } else { "\(end)" }
    }

    /// `worker (10.60.4.13)`, or `unnamed (10.60.1.128 and 126 more)`.
    static func name(_ end: ContactPolicy.End, _ addresses: [[IPAddress]]) -> String {
        let all = Set(addresses.joined()).sorted()
        guard let first = all.first else { return word(end) }
        let more = all.count > 1 ? " and \(all.count - 1) more" : ""
        return "\(word(end)) (\(first)\(more))"
    }

    /// `TCP 22, 3389`, or `TCP 1, 3, 4, 6 and 993 more`.
    static func services(_ contacts: [PolicyCheck.Contact]) -> String {
        guard let first = contacts.first?.service else { return "" }
        let ports = Set(contacts.map(\.service.port)).sorted()
        guard first.hasPorts, ports.count > 1 else { return "\(first)" }
        let shown = ports.prefix(shownServices).map { port in
            port == Service.firstDynamicPort ? "high ports" : "\(port)"
        }.joined(separator: ", ")
        let rest = ports.count - shownServices
        return "\(Service.protocolName(first.ipProtocol)) \(shown)"
            + (rest > 0 ? " and \(rest) more" : "")
    }

    /// The egress or the ingress of an end, which forbids a contact.
    private struct Rule {
        var direction: String
        var end: ContactPolicy.End

        func text(_ name: (ContactPolicy.End) -> String) -> String {
            "\(direction) of \(name(end))"
        }
    }

    private static func rules(_ contact: PolicyCheck.Contact) -> [Rule] {
        (contact.isEgress ? [Rule(direction: "egress", end: contact.from)] : [])
            + (contact.isIngress ? [Rule(direction: "ingress", end: contact.to)] : [])
    }

    // MARK: - JSON

    var json: String {
        var object = JSONObject()
        object.put("model", modelID)
        object.put("packets", outcome.packetCount)
        object.put("first", UTC.timestamp(outcome.first))
        object.put("last", UTC.timestamp(outcome.last))
        func put(_ name: String, _ counts: PolicyCheck.Counts) {
            object.put("\(name)_flows", counts.flows)
            object.put("\(name)_packets", counts.packets)
        }
        put("allowed", outcome.allowed)
        put("blocked", outcome.blockedCounts)
        for format in PolicyFormat.allCases {
            put("blocked_by_\(format.rawValue)", outcome.blockedCounts(by: format))
        }
        put("unrestricted", outcome.ungoverned)
        if outcome.unlisted.flows > 0 { put("unlisted", outcome.unlisted) }
        let blocked = outcome.blocked.map { contact in
            var object = Self.json(contact)
            object.put("blocked_by", Self.rules(contact).map { $0.text { "\($0)" } })
            object.put("formats", contact.formats.map(\.rawValue))
            return object
        }
        object.put("blocked", blocked)
        object.put("warnings", outcome.warnings)
        return object.text
    }

    static func json(_ contact: PolicyCheck.Contact) -> JSONObject {
        var object = JSONObject()
        object.put("workload", "\(contact.from)")
        object.put("addresses", contact.sources.map { "\($0)" })
        object.put("peer", "\(contact.to)")
        object.put("peer_addresses", contact.destinations.map { "\($0)" })
        object.put("transport", Service.protocolName(contact.service.ipProtocol))
        if contact.service.hasPorts {
            let ports = contact.service.ports
            object.put("port", Int(ports.lowerBound))
            if ports.count > 1 { object.put("last_port", Int(ports.upperBound)) }
        }
        object.put("flows", contact.flowCount)
        object.put("packets", contact.packetCount)
        object.put("first", UTC.timestamp(contact.first))
        object.put("last", UTC.timestamp(contact.last))
        return object
    }
}
