import AnomalyModel
public import BaselineGraph
import FeatureExtraction
import FlowMetering
public import LeastPrivilege
public import NetworkAddresses
import PacketCapture
import PacketDecoding
public import SystemSupport
public import Timestamps
public import Workloads

/// Compares the flows of captures with a policy: which of them it would have blocked.
///
/// Flows are judged as a firewall judges them, by the addresses in their packets.
public struct PolicyCheck {
    public var paths: [String]
    public var filter = ""
    public var policy: ContactPolicy
    /// The operator's inventory; nil: the names in the captures, then those of the policy.
    public var inventory: Inventory?
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false

    /// The greatest number of blocked contacts that are listed.
    public static let contactLimit = 65_536
    /// The greatest number of addresses that are listed for one end of a contact.
    public static let addressLimit = 8

    /// A blocked contact, with all its flows.
    public struct Contact: Sendable, Equatable {
        public var from: ContactPolicy.End
        public var to: ContactPolicy.End
        public var service: Service
        /// Whether the source's egress, and the destination's ingress, forbid it.
        public var isEgress: Bool
        public var isIngress: Bool
        /// The formats whose rules would have blocked it.
        public var formats: [PolicyFormat]
        /// Addresses of the ends in their order of appearance, at most `addressLimit`.
        public var sources: [IPAddress] = []
        public var destinations: [IPAddress] = []
        public var flowCount = 0
        public var packetCount = 0
        public var first: Timestamp
        public var last: Timestamp
    }

    /// The number of flows and packets of one kind.
    public struct Counts: Sendable, Equatable {
        public var flows = 0
        public var packets = 0
    }

    /// What was found.
    public struct Outcome: Sendable {
        /// Most packets first.
        public var blocked: [Contact] = []
        /// Further blocked contacts, which are only counted.
        public var unlisted = Counts()
        public var allowed = Counts()
        /// Flows without a workload that the policy restricts.
        public var ungoverned = Counts()
        public var packetCount = 0
        public var first = Timestamp.epoch
        public var last = Timestamp.epoch
        /// Lines for standard error.
        public var warnings: [String] = []

        public var isBlocking: Bool { !blocked.isEmpty || unlisted.flows > 0 }
        /// All blocked flows.
        public var blockedCounts: Counts {
            Counts(
                flows: blocked.reduce(unlisted.flows) { $0 + $1.flowCount },
                packets: blocked.reduce(unlisted.packets) { $0 + $1.packetCount })
        }

        /// The listed flows that a format's rules would have blocked.
        public func blockedCounts(by format: PolicyFormat) -> Counts {
            blocked.reduce(into: Counts()) { counts, contact in
                guard contact.formats.contains(format) else { return }
                counts.flows += contact.flowCount
                counts.packets += contact.packetCount
            }
        }
    }

    public init(paths: [String], policy: ContactPolicy) {
        self.paths = paths
        self.policy = policy
    }

    /// Reads the captures.
    ///
    /// - Throws: `.nothingToCheck` if no flow has a workload that the policy restricts.
    public func run(progress: ProgressReport? = nil) throws -> Outcome {
        var judge = FlowJudge(policy, inventory)
        var packets = try PacketReader(
            paths: paths, filter: filter, trustsNotes: trustsNotes, progress: progress)
        while let step = try packets.next() {
            switch step {
            case .names(let change): judge.identities.apply(change)
            case .ports, .clockSetBack: break
            case .packet:
                let tag = judge.observe(packets.packet, packets.update)
                if let tag { packets.setTag(tag) }
            }
        }
        let report = packets.report
        var outcome = judge.outcome
        outcome.packetCount = report.packetCount
        outcome.first = report.first
        outcome.last = report.last
        outcome.warnings = report.warnings.map(\.description) + report.remarks
        guard outcome.allowed.flows > 0 || outcome.isBlocking else {
            throw CheckError.nothingToCheck(paths, packets: report.packetCount)
        }
        return outcome
    }
}

/// Why captures cannot be checked.
public enum CheckError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no flow of a workload of the baseline: a check of nothing would always pass.
    case nothingToCheck([String], packets: Int)

    public var description: String {
        switch self {
        case .nothingToCheck(let paths, let packets):
            """
            \(paths.joined(separator: ", ")): no flow of a workload of the baseline in \(packets) \
            packets, so nothing was checked; capture where the workloads are, or name their \
            addresses with --inventory
            """
        }
    }
}

/// Judges each flow at its first packet, and counts its packets.
private struct FlowJudge {
    var identities: IdentityMap
    private let policy: ContactPolicy
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

    init(_ policy: ContactPolicy, _ given: Inventory?) {
        self.policy = policy
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
            to: identities.identity(of: destination), at: destination, service)
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
