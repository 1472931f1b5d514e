import BaselineGraph
import FlowMetering
public import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads
import Timestamps

/// The view of the targets.
extension WindowTracker {
    /// The least number of packets in ten seconds, and of ports, that a target's window has.
    public static let leastFlood = TargetTable.leastFlood
    public static let leastScan = TargetTable.leastScan

    /// Whether `nextTarget` is called; without it, targets are not watched.
    public var watchesTargets: Bool {
        get { targets.isUsed }
        set { targets.isUsed = newValue }
    }

    /// The name of the workload that has an address now; nil if it has none.
    public func workloadName(of address: IPAddress) -> String? {
        let identity = resolver.identity(of: address)
        return identity.isNamed ? identity.name : nil
    }

    /// Returns the next window of a target that is worth a look, of the seconds that have ended.
    ///
    /// Called until it returns nil, before `nextWindow`: the windows of hosts say whether their
    /// targets are crowded.
    public mutating func nextTarget() -> TargetWindow? {
        guard targets.isUsed, targets.hasEnded(before: target) else { return nil }
        let names = resolver
        return targets.next(before: target) { names.identity(of: $0) }
    }

    /// Counts a packet for its destination: one that opens a flow, or, with a kind, an unsolicited
    /// one.
    mutating func watch(
        _ packet: Packet, _ target: Resolved, _ sender: MACBindingTable.Sender,
        kind: UnsolicitedKind? = nil
    ) {
        guard targets.isUsed, packet.packetType != .outgoing || !sender.isNobody else { return }
        watch(
            packet, target, subject: sender.isNobody || sender.isContested ? nil : sender.subject,
            isProven: !sender.evidence.mayBeForged && !sender.isNobody && !sender.isContested,
            isForged: sender.isForeign || sender.isContested || sender.isNobody, kind: kind)
    }

    /// The same for a later packet of a watched host.
    mutating func watch(_ packet: Packet, _ slot: Int, kind: UnsolicitedKind) {
        guard targets.isUsed else { return }
        let isProven =
            hosts[slot].port != 0 || hosts[slot].addressSecond < hosts[slot].macSecond
        watch(
            packet, resolver.resolve(packet.destination, in: graph), subject: hosts[slot].address,
            isProven: isProven, isForged: false, kind: kind)
    }

    private mutating func watch(
        _ packet: Packet, _ target: Resolved, subject: IPAddress?, isProven: Bool, isForged: Bool,
        kind: UnsolicitedKind?
    ) {
        guard target.place == .inside || target.place == .gateway,
            let slot = targets.slot(
                of: packet.destination, isKnown: target.isKnown, second: second)
        else { return }
        var contact = Contact(to: packet, second: second)
        contact.address = packet.source
        targets.update(slot, second) { state in
            state.note(
                sender: subject ?? packet.source, isKnown: subject != nil, from: contact)
            if let subject { state.vote(for: subject) }
            if let kind {
                state.count(kind.rawValue)
            } else {
                let column: TargetCounts.Column =
                    switch packet.ipProtocol {
                    case 6: .tcp
                    case 17: .udp
                    case 1, 58: .icmp
                    default: .other
                    }
                state.count(column)
            }
            if isProven { state.count(.proven) }
            if isForged { state.count(.forged) }
        }
    }

    /// Counts an unsolicited packet whose sender is not known.
    mutating func watchUnsolicited(
        _ packet: Packet, _ update: FlowUpdate, _ sender: MACBindingTable.Sender
    ) {
        guard let kind = UnsolicitedKind(packet, update), !kind.isPlausible || !isWarmingUp else {
            return
        }
        watch(packet, resolver.resolve(packet.destination, in: graph), sender, kind: kind)
    }

    /// Counts an answer of a target.
    mutating func noteAnswer(_ packet: Packet, isRefusal: Bool) {
        guard targets.isUsed, let slot = targets[packet.source] else { return }
        targets.update(slot, second) { state in
            if isRefusal {
                state.count(.refused)
                return
            }
            state.serve(packet.sourcePort)
            if packet.ipProtocol != 6 { state.count(.completed) }
        }
    }

    /// Counts a login of an outside client that was refused, or whose outcome is not known.
    mutating func noteLogin(of client: IPAddress, at server: IPAddress) {
        guard targets.isUsed, let slot = targets[server],
            resolver.resolve(client, in: graph).place == .outside
        else { return }
        targets.update(slot, second) { $0.count(.logins) }
    }

    /// Counts a completed handshake with a target.
    mutating func noteHandshake(_ packet: Packet) {
        guard targets.isUsed, let slot = targets[packet.destination] else { return }
        targets.update(slot, second) { state in
            state.count(.completed)
            state.count(.proven)
        }
    }
}
