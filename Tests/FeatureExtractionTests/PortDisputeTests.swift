import BaselineGraph
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Testing
import Workloads

private let attacker = IPAddress(v4: 0x0A00_000A)
private let victim = IPAddress(v4: 0x0A00_0015)

/// A container that may configure its network can list addresses that are not its own.
struct PortDisputeTests {
    private func frame(_ source: IPAddress, by port: UInt32, mac: UInt64) -> Packet {
        var packet = Packet()
        packet.kind = .ip
        packet.source = source
        packet.sourceMAC = MACAddress(mac)
        packet.port = port
        packet.packetType = .otherHost
        return packet
    }

    private func facts(_ port: UInt32, _ addresses: [IPAddress], mac: UInt64 = 0) -> PortFacts {
        PortFacts(
            port: port, name: "veth\(port)", mac: MACAddress(mac), addresses: addresses,
            host: Int32(port))
    }

    /// The attacker lists the address before the container that will get it has started.
    @Test func anAddressThatIsReservedAccusesNobody() {
        var table = PortTable(graph: nil)
        table.note([facts(1, [attacker, victim], mac: 0xA)])
        let reserved = table.answer(frame(victim, by: 1, mac: 0xA), place: .inside)
        // It was charged for what it does under that name, too.
        #expect(reserved == .own(attacker))
        // The newcomer sends before the kernel was asked about its port, and after.
        for _ in 0..<50 {
            let early = table.answer(frame(victim, by: 2, mac: 0xB), place: .inside)
            #expect(early == .contested)
        }
        let wanted = table.takeWanted()
        #expect(wanted.contains(2))
        table.note([facts(2, [victim], mac: 0xB)])
        let newcomer = table.answer(frame(victim, by: 2, mac: 0xB), place: .inside)
        #expect(newcomer == .own(victim))
        let again = table.answer(frame(victim, by: 1, mac: 0xA), place: .inside)
        #expect(again == .own(attacker))
        // The address stays the newcomer's when the other port has gone.
        var later = table
        later.remove(1)
        let isListed = later.record(of: 2)?.listed.contains(victim)
        #expect(later.owner(of: victim) == 2 && isListed == true && !later.isDisputed(victim))
        // The dispute ends with the listing.
        table.note([facts(1, [attacker], mac: 0xA)])
        let forged = table.answer(frame(victim, by: 1, mac: 0xA), place: .inside)
        #expect(forged == .forged(attacker, isOthers: true))
    }

    /// Neither has another address: each is charged under a name of its own.
    @Test func twoThatListOnlyTheSameAddressAreKeptApart() {
        var table = PortTable(graph: nil)
        table.note([facts(1, [victim], mac: 0xA), facts(2, [victim], mac: 0xB)])
        let one = table.answer(frame(victim, by: 1, mac: 0xA), place: .inside)
        let two = table.answer(frame(victim, by: 2, mac: 0xB), place: .inside)
        #expect(one == .own(IPAddress(linkLocalOf: MACAddress(0xA))))
        #expect(two == .own(IPAddress(linkLocalOf: MACAddress(0xB))))
    }

    /// The baseline, or the inventory, says whose it is, whoever lists it first.
    @Test(arguments: [true, false]) func aKnownMACAddressDecides(isOfInventory: Bool) throws {
        var graph = CommunicationGraph()
        graph.links[MACAddress(0xB)] = CommunicationGraph.Link(
            addresses: [victim], isRouter: false)
        let web = Inventory.Workload(
            name: "web", addresses: [IPPrefix(host: victim)], macs: [MACAddress(0xB)])
        let inventory = try Inventory(workloads: [web], networks: [])
        var table =
            isOfInventory
            ? PortTable(graph: nil, inventory: inventory) : PortTable(graph: graph)
        table.note([facts(1, [attacker, victim], mac: 0xA), facts(2, [victim], mac: 0xB)])
        let theirs = table.answer(frame(victim, by: 2, mac: 0xB), place: .inside)
        #expect(theirs == .own(victim))
        let forged = table.answer(frame(victim, by: 1, mac: 0xA), place: .inside)
        #expect(forged == .forged(attacker, isOthers: true))
    }

    /// A host with two ports may have an address at both.
    @Test func twoPortsOfOneHostDisputeNothing() {
        var table = PortTable(graph: nil)
        var second = facts(2, [victim], mac: 0xB)
        second.host = 1
        table.note([facts(1, [victim], mac: 0xA), second])
        #expect(!table.isDisputed(victim))
        let answer = table.answer(frame(victim, by: 2, mac: 0xB), place: .inside)
        #expect(answer == .own(victim))
    }

    /// A container that lists an address outside does not hide it at a shared port.
    @Test func anAddressOutsideIsNobodysAtASharedPort() throws {
        var table = PortTable(graph: nil)
        let accomplice = try #require(IPAddress("198.51.100.7"))
        var uplink = facts(9, [], mac: 0xC)
        uplink.isShared = true
        table.note([facts(1, [attacker, accomplice], mac: 0xA), uplink])
        let answer = table.answer(frame(accomplice, by: 9, mac: 0xC), place: .outside)
        #expect(answer == .nothing)
        // The address of a container there is another's.
        let inside = table.answer(frame(attacker, by: 9, mac: 0xC), place: .inside)
        #expect(inside == .contested)
    }

    /// An attack does not become weaker by being spread over many addresses.
    @Test func allAddressesOfAPortAreOneHost() throws {
        var table = PortTable(graph: nil)
        let more = (100..<200).map { IPAddress(v4: 0x0A00_0000 + UInt32($0)) }
        let six = try #require(IPAddress("fd00::a"))
        var known = facts(1, [attacker, six] + more, mac: 0xA)
        table.note([known])
        for address in more + [attacker] {
            let answer = table.answer(frame(address, by: 1, mac: 0xA), place: .inside)
            #expect(answer == .own(attacker))
        }
        let other = table.answer(frame(six, by: 1, mac: 0xA), place: .inside)
        #expect(other == .own(six))
        // Its name does not change with the order of the kernel's list.
        known.addresses = more + [six, attacker]
        table.note([known])
        let later = table.answer(frame(more[5], by: 1, mac: 0xA), place: .inside)
        #expect(later == .own(attacker))
        // It has more addresses than are known: none of them is held against it.
        known.hasMore = true
        table.note([known])
        let unknown = IPAddress(v4: 0x0A00_0FFF)
        let beyond = table.answer(frame(unknown, by: 1, mac: 0xA), place: .outside)
        #expect(beyond == .own(attacker))
    }
}
