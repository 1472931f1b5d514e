import BaselineGraph
import NetworkAddresses
import PacketDecoding

/// The contacts and DNS names of a graph, each with its ends and times.
///
/// A node learns from packets that it sees once. When a host turns out to be a suspect, the graph
/// already contains what it did; it is built again from what is left.
struct ContactJournal: Sendable {
    struct Contact: Hashable, Sendable {
        var source: IPAddress
        var sourceMAC: MACAddress
        var destination: IPAddress
        var service: Service
        /// The numbers of the names that the ends had then.
        var subject: UInt32
        var peer: UInt32
    }

    struct Name: Hashable, Sendable {
        var source: IPAddress
        var sourceMAC: MACAddress
        var digest: NameDigest
    }

    /// The first and the last time, and the place in the order of the first times.
    struct Times: Sendable {
        var units: ClosedRange<Int32>
        var number: Int

        mutating func add(_ unit: Int32) {
            units = min(units.lowerBound, unit)...max(units.upperBound, unit)
        }
    }

    private struct Ends: Sendable {
        var subject: Resolved
        var peer: Resolved
        var times: Times
    }

    private var contacts: [Contact: Ends] = [:]
    private var names: [Name: Times] = [:]
    private var dropped = 0

    mutating func note(_ contact: Contact, _ subject: Resolved, _ peer: Resolved, at unit: Int32) {
        let number = contacts.count
        if contacts[contact]?.times.add(unit) != nil { return }
        guard number < CommunicationGraph.factLimit else { return dropped += 1 }
        contacts[contact] = Ends(
            subject: subject, peer: peer, times: Times(units: unit...unit, number: number))
    }

    mutating func note(_ name: Name, at unit: Int32) {
        let number = names.count
        if names[name]?.add(unit) != nil { return }
        guard number < CommunicationGraph.factLimit else { return dropped += 1 }
        names[name] = Times(units: unit...unit, number: number)
    }

    /// Moves all times after the clock was set.
    mutating func clockStepped(by seconds: Int) {
        let step = CommunicationGraph.unit(seconds)
        func moved(_ times: Times) -> Times {
            var times = times
            times.units = times.units.lowerBound + step...times.units.upperBound + step
            return times
        }
        contacts = contacts.mapValues { ends in
            var ends = ends
            ends.times = moved(ends.times)
            return ends
        }
        names = names.mapValues(moved)
    }

    /// The graph without the facts that only suspects caused.
    ///
    /// - Parameter graph: the graph that was learned from all contacts.
    func graph(
        _ graph: CommunicationGraph, without isSuspect: GraphLearner.SuspectFilter
    ) -> CommunicationGraph {
        func isClean(
            _ source: IPAddress, _ destination: IPAddress?, _ mac: MACAddress, _ times: Times
        ) -> Bool {
            !isSuspect(source, destination, mac, CommunicationGraph.seconds(times.units))
        }
        var clean = CommunicationGraph()
        clean.droppedFacts = graph.droppedFacts + dropped
        let contacts = contacts.sorted { $0.value.times.number < $1.value.times.number }
        for (contact, ends) in contacts
        where isClean(contact.source, contact.destination, contact.sourceMAC, ends.times) {
            clean.note(
                ends.subject, ends.peer, of: graph, contact.destination, contact.service,
                at: ends.times.units)
        }
        for (name, times) in names.sorted(by: { $0.value.number < $1.value.number })
        where isClean(name.source, nil, name.sourceMAC, times) {
            clean.note(name.digest, at: times.units)
        }
        return clean
    }
}
