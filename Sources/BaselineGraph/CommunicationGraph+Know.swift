public import NetworkAddresses
public import PacketDecoding
public import Workloads

extension CommunicationGraph {
    /// Adds a flow to the known ones, as if it had been seen while learning.
    public mutating func know(
        _ source: IPAddress, _ destination: IPAddress, _ service: Service, inventory: Inventory
    ) {
        var resolver = IdentityResolver(identities: IdentityMap(inventory: inventory))
        let peer = resolver.learn(destination, in: &self)
        guard peer.place != .group else { return }
        let subject = resolver.learn(source, in: &self)
        note(subject, peer, destination, service, at: 0)
    }

    /// Adds a DNS name to the known ones.
    public mutating func know(_ name: NameDigest) {
        _ = Self.note(name, in: &dnsNames, at: 0, dropped: &droppedFacts)
    }

    /// Adds a flow under every combination of names by which it is looked up.
    package mutating func note(
        _ subject: Resolved, _ peer: Resolved, _ destination: IPAddress, _ service: Service,
        at unit: Int32
    ) {
        guard subject.hasNumbers, peer.hasNumbers else {
            droppedFacts += 1
            return
        }
        if peer.place == .outside {
            _ = Self.note(
                destination, in: &outsideAddresses, at: unit, dropped: &droppedFacts)
        }
        func note(_ subject: UInt32, _ peer: UInt32, _ service: Service) -> Bool {
            Self.note(
                Edge(subject: subject, peer: peer, service: service), in: &edges, at: unit,
                dropped: &droppedFacts)
        }
        guard note(subject.name, peer.name, service) else { return }
        for who in [subject.name, subject.network, Self.anyone] {
            subjects.insert(who)
            for whom in [peer.name, peer.network] {
                _ = note(who, whom, service)
                _ = note(who, whom, .any)
            }
            _ = note(who, Self.anyone, service)
        }
    }

    /// Adds a flow that another graph has, seen at the first and the last of `units`.
    package mutating func note(
        _ subject: Resolved, _ peer: Resolved, of other: CommunicationGraph,
        _ destination: IPAddress, _ service: Service, at units: ClosedRange<Int32>
    ) {
        func number(_ number: UInt32) -> UInt32 {
            guard number != IdentityResolver.unknown else { return number }
            return intern(other.names[Int(number)], isAddress: false)
        }
        var (subject, peer) = (subject, peer)
        (peer.name, peer.network) = (number(peer.name), number(peer.network))
        (subject.name, subject.network) = (number(subject.name), number(subject.network))
        note(subject, peer, destination, service, at: units.lowerBound)
        note(subject, peer, destination, service, at: units.upperBound)
    }

    /// Adds a DNS name, seen at the first and the last of `units`.
    package mutating func note(_ name: NameDigest, at units: ClosedRange<Int32>) {
        for unit in [units.lowerBound, units.upperBound] {
            _ = Self.note(name, in: &dnsNames, at: unit, dropped: &droppedFacts)
        }
    }
}
