import BaselineGraph
import FeatureExtraction
import FlowMetering
import LeastPrivilege
import NetworkAddresses
import PacketDecoding
import Timestamps
import Workloads

/// Judges each flow at its first packet, and counts its packets.
struct FlowJudge {
    var identities: IdentityMap
    private let policy: ContactPolicy
    private let judgesAll: Bool
    private(set) var result = PolicyCheck.Outcome()
    private var contacts: [PolicyCheck.Contact] = []
    private var indexOf: [Key: Int] = [:]

    private struct Key: Hashable {
        var from: ContactPolicy.End
        var to: ContactPolicy.End
        var service: Service
        /// The address of an outside destination.
        var outside: IPAddress?
    }

    /// Tags of flows; those of listed contacts follow.
    private enum Tag {
        static let allowed: UInt32 = 1
        static let ungoverned: UInt32 = 2
        static let unlisted: UInt32 = 3
        static let firstContact: UInt32 = 4
    }

    init(_ policy: ContactPolicy, _ given: Inventory?, judgesAll: Bool) {
        self.policy = policy
        self.judgesAll = judgesAll
        identities =
            given.map { IdentityMap(inventory: $0) }
            ?? IdentityMap(inventory: .empty, remembered: policy.inventory)
    }

    var outcome: PolicyCheck.Outcome {
        var outcome = result
        outcome.blocked = contacts.sorted {
            ($1.packetCount, $0.from, $0.to, $0.service.rawValue)
                < ($0.packetCount, $1.from, $1.to, $1.service.rawValue)
        }
        return outcome
    }

    /// Counts a packet; returns the tag of its flow if it opened one.
    mutating func observe(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        guard packet.kind == .ip else { return nil }
        guard update.events.contains(.started) else {
            count(update.tag, packet, isNew: false)
            return nil
        }
        let tag = tag(packet, update)
        count(tag, packet, isNew: true)
        return tag
    }

    private mutating func count(_ tag: UInt32, _ packet: Packet, isNew: Bool) {
        func add(_ counts: inout PolicyCheck.Counts) {
            counts.packets += 1
            if isNew { counts.flows += 1 }
        }
        switch tag {
        case Tag.allowed: add(&result.allowed)
        case Tag.ungoverned: add(&result.ungoverned)
        case Tag.unlisted: add(&result.unlisted)
        case Tag.firstContact...:
            let index = Int(tag - Tag.firstContact)
            guard index < contacts.count else { return }
            contacts[index].packetCount += 1
            contacts[index].last = max(contacts[index].last, packet.time)
            if isNew { contacts[index].flowCount += 1 }
        default: break
        }
    }

    private mutating func tag(_ packet: Packet, _ update: FlowUpdate) -> UInt32 {
        let service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
        if let opening = FlowOpening(packet, update) {
            return tag(opening.source, opening.destination, opening.service, packet)
        }
        // Errors and announcements open no flow, and a firewall lets them pass.
        guard !packet.isErrorOrAnnouncement else { return Tag.ungoverned }
        // A late answer, or a connection of which nobody can tell who opened it.
        let answered = Service(ipProtocol: packet.ipProtocol, port: packet.sourcePort)
        if verdict(packet.destination, packet.source, answered) == .allowed { return Tag.allowed }
        return tag(packet.source, packet.destination, service, packet)
    }

    private func verdict(
        _ source: IPAddress, _ destination: IPAddress, _ service: Service
    ) -> ContactPolicy.Verdict {
        policy.verdict(
            from: identities.identity(of: source), at: source,
            to: identities.identity(of: destination), at: destination, service,
            ofAll: judgesAll)
    }

    private mutating func tag(
        _ source: IPAddress, _ destination: IPAddress, _ service: Service, _ packet: Packet
    ) -> UInt32 {
        switch verdict(source, destination, service) {
        case .allowed: return Tag.allowed
        case .ungoverned: return Tag.ungoverned
        case .blocked(let from, let to, let isEgress, let isIngress):
            let key = Key(
                from: from, to: to, service: service, outside: to == .outside ? destination : nil)
            guard let index = indexOf[key] ?? add(key, isEgress, isIngress, packet.time) else {
                return Tag.unlisted
            }
            contacts[index].sources.note(source)
            contacts[index].destinations.note(destination)
            return Tag.firstContact + UInt32(index)
        }
    }

    private mutating func add(
        _ key: Key, _ isEgress: Bool, _ isIngress: Bool, _ time: Timestamp
    ) -> Int? {
        guard contacts.count < PolicyCheck.contactLimit else { return nil }
        contacts.append(
            PolicyCheck.Contact(
                from: key.from, to: key.to, service: key.service, isEgress: isEgress,
                isIngress: isIngress,
                formats: policy.formats(
                    blocking: key.service, from: key.from, to: key.to, isEgress: isEgress,
                    isIngress: isIngress),
                first: time, last: time))
        indexOf[key] = contacts.count - 1
        return contacts.count - 1
    }
}

extension [IPAddress] {
    /// Adds an address that is not among the first ones yet.
    fileprivate mutating func note(_ address: IPAddress) {
        if count < PolicyCheck.addressLimit, !contains(address) { append(address) }
    }
}

extension Packet {
    /// Whether it is an ICMP message other than a request or its answer.
    fileprivate var isErrorOrAnnouncement: Bool {
        switch ipProtocol {
        case 1: [3, 4, 5, 11, 12].contains(icmpType)
        case 58: icmpType != 128 && icmpType != 129
        default: false
        }
    }
}
