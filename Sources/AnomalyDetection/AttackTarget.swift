import AttackPatterns
import BaselineGraph
package import FeatureExtraction
public import NetworkAddresses
import SenderAttribution

/// Whom an anomalous window acts on.
public struct AttackTarget: Sendable, Equatable {
    /// The address; of several, the last; nil where only their number is known.
    public var address: IPAddress?
    /// The name of its workload; nil: it has none.
    public var workload: String?
    /// The protocol, and the port if it has ports; nil: of several ports, or not known.
    public var ipProtocol: UInt8?
    public var port: UInt16?
    /// How many addresses and ports there are, these included.
    public var addressCount: Int
    public var portCount: Int
    /// How many pairs of address and port, where only these are counted.
    public var pairCount: Int

    /// One of several.
    public struct Host: Sendable, Equatable {
        public var address: IPAddress
        public var workload: String?

        public init(address: IPAddress, workload: String? = nil) {
            self.address = address
            self.workload = workload
        }
    }

    public init(
        address: IPAddress?, workload: String? = nil, ipProtocol: UInt8? = nil, port: UInt16? = nil,
        addressCount: Int = 1, portCount: Int = 1, pairCount: Int = 1
    ) {
        self.address = address
        self.workload = workload
        self.ipProtocol = ipProtocol
        self.port = port
        self.addressCount = addressCount
        self.portCount = portCount
        self.pairCount = pairCount
    }

    /// `db (10.60.2.5) TCP 5432`; `db (10.60.2.5), 1002 ports`; `57 addresses, last db (10.60.2.5)
    /// TCP 22`.
    public var text: String {
        guard let address else {
            return "\(addressCount) address\(addressCount == 1 ? "" : "es")"
        }
        let host = workload.map { "\($0) (\(address))" } ?? "\(address)"
        var place = host
        if portCount == 1, let protocolName {
            place += " \(protocolName)" + (port.map { " \($0)" } ?? "")
        }
        if pairCount > 1 { return "\(pairCount) address and port pairs, last \(place)" }
        let ports = portCount > 1 ? "\(portCount) ports" : ""
        guard addressCount > 1 else { return ports.isEmpty ? place : "\(host), \(ports)" }
        return "\(addressCount) addresses\(ports.isEmpty ? "" : ", \(ports)"), last \(place)"
    }

    /// The upper-case name of the protocol.
    public var protocolName: String? { ipProtocol.map(Service.protocolName) }
}

extension Verdict {
    /// Whom it acts on; nil where no packet names an address.
    public var attacked: AttackTarget? {
        guard var target = pattern?.isTakeover == true ? takenAddress : contactedAddress else {
            return nil
        }
        target.workload = targetName
        return target
    }

    /// The flow that shows what it did; nil where it is no flow's.
    package var shownContact: Contact? {
        pattern?.isTakeover == true || pattern == .arpSweep ? nil : tellingContact
    }

    /// The addresses that it acts on, of many the last; the first is that of `attacked`.
    var attackedAddresses: [IPAddress] {
        guard let target = attacked, let address = target.address else { return [] }
        guard target.addressCount > 1 || target.pairCount > 1 else { return [address] }
        // The window's own traffic to usual peers is no part of it.
        let others = window.newContacts.reversed().compactMap(inWindow).map(\.address)
        return [address] + others.filter { $0 != address }
    }

    /// The address that a takeover concerns.
    private var takenAddress: AttackTarget? {
        guard let address = window.takeover?.address, !address.isUnspecified else { return nil }
        return AttackTarget(address: address)
    }

    private var contactedAddress: AttackTarget? {
        // The addresses that are asked for by ARP are counted, and not kept.
        if pattern == .arpSweep {
            let count = Int(window[.arpTargets].rounded())
            return AttackTarget(address: nil, addressCount: max(1, count))
        }
        // A service that refuses its clients acts on nobody else.
        // A resolver only answers.
        guard pattern != .serviceDown, pattern != .listedName, let contact = tellingContact else {
            return nil
        }
        var target = AttackTarget(address: contact.address)
        count(in: &target)
        target.ipProtocol = contact.ipProtocol
        if contact.hasPorts { target.port = contact.port }
        return target
    }

    /// The contact of the pattern's own traffic, so that a host that was only contacted at the same
    /// time is not named; nil where the window has none.
    private var tellingContact: Contact? {
        let isOwn: (Contact) -> Bool
        switch pattern {
        case .beacon: return inWindow(window.regularContact)
        case .dnsTunnel: isOwn = { [53, 853, 5353].contains($0.port) }
        case .icmpTunnel: isOwn = { $0.ipProtocol == 1 || $0.ipProtocol == 58 }
        case .synFlood, .guessing, .slowRequests: isOwn = { $0.ipProtocol == 6 }
        case nil where window[.newEdges] == 0 && window[.logins] * 2 > window[.flows]:
            // Usual traffic, most of it to services that ask for a login.
            return inWindow(window.loginServiceContact) ?? inWindow(window.lastContact)
        default: isOwn = { _ in true }
        }
        if let last = inWindow(window.lastContact), isOwn(last) { return last }
        return inWindow(window.contact).flatMap { isOwn($0) ? $0 : nil }
    }

    private func inWindow(_ contact: Contact) -> Contact? {
        contact.second >= window.startSecond && !contact.address.isUnspecified ? contact : nil
    }

    /// Counts the addresses and ports that the pattern is about. Usual peers of the same time are
    /// left out, where the pattern does not count its targets itself.
    private func count(in target: inout AttackTarget) {
        func count(_ feature: Feature) -> Int { max(1, Int(window[feature].rounded())) }
        if let against {
            if pattern == .verticalScan { target.portCount = max(1, Int(against.ports)) }
            return
        }
        switch pattern {
        case .horizontalScan: target.addressCount = count(.peers)
        case .verticalScan where window[.unsolicitedTargets] <= window[.ports]:
            target.addressCount = count(.newPeers)
            target.portCount = count(.ports)
        case .verticalScan, .nullScan, .finScan, .xmasScan, .maimonScan, .ackScan, .synAckScan,
            .invalidFlagsScan, .fragmentedScan:
            target.pairCount = count(.unsolicitedTargets)
        case .lateralMovement, .newService, nil: target.addressCount = count(.newPeers)
        default: break
        }
    }
}

extension Incident {
    /// Whom it acts on, by its strongest verdict.
    public var attacked: AttackTarget? { strongest.attacked }
}
