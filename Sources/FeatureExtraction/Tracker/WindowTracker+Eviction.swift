import BaselineGraph
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads

/// Admission to the table of hosts, and eviction from it.
extension WindowTracker {
    private static let placesLookedAt = 16
    private static let transientHostFlows: UInt64 = 3

    /// Clears the hosts' windows for another clock; names, links and the graph are kept.
    public mutating func restart() {
        for slot in hosts.indices where hosts[slot].isLive {
            hosts[slot].isLive = false
            free.append(slot)
        }
        slots = [:]
        contested = [:]
        targets.restart()
        sightings = SightingLog()
        disputes.removeAll()
        (arrivals, solicitations) = (Arrivals(), Arrivals())
        askers = [:]
        (groupCalls, present) = (RecentPairs(), RecentPairs(seconds: 600))
        (questions, requests) = (Questions(), Requests())
        rarePairs = RecentPairs()
        outerFlows = OuterFlows()
        (second, target, firstSecond) = (Int.min, Int.min, Int.min)
        turn = (0, 0)
        earlySlot = -1
    }

    /// The slot of the host that a packet is attributed to; created where there is none.
    ///
    /// - Parameter hasHandshake: whether the packet completes a handshake.
    mutating func slot(
        of sender: MACBindingTable.Sender, _ packet: Packet, hasHandshake: Bool = false
    ) -> Int? {
        let address = sender.subject
        if let slot = current(address, sender.isContested) {
            note(sender, packet, slot)
            return slot
        }
        let resolved = resolver.resolve(address, in: graph)
        guard resolved.place != .group else { return nil }
        // A slot that was freed takes no further memory.
        if hostCount >= hostLimit || isCramped && free.isEmpty {
            droppedHosts += 1
            let isProven = hasHandshake || sender.evidence != .address
            guard
                forgetPasserBy() || (isProven || resolved.isKnown) && forgetUnproven()
                    || resolved.isKnown && forgetStranger()
            else { return nil }
        }
        let slot = free.popLast() ?? hosts.count
        let state = HostState(
            address: address, resolved: resolved, identity: resolver.identity(of: address),
            isContested: sender.isContested,
            generation: slot < hosts.count ? hosts[slot].generation &+ 1 : 0,
            number: nextNumber(), second: second)
        if slot < hosts.count { hosts[slot] = state } else { hosts.append(state) }
        hosts[slot].mac = packet.sourceMAC
        setPlace(of: slot, to: slot)
        note(sender, packet, slot)
        return slot
    }

    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// The slot of an address's owner, or of another host that uses the address.
    @inline(__always)
    func current(_ address: IPAddress, _ isContested: Bool) -> Int? {
        isContested ? contested[address] : slots[address]
    }

    /// Enters a host under its address, or removes it.
    mutating func setPlace(of slot: Int, to place: Int?) {
        // Its removal may be due.
        if place == nil { hosts[slot].wakeSecond = min(hosts[slot].wakeSecond, second) }
        if hosts[slot].isContested {
            contested[hosts[slot].address] = place
        } else {
            slots[hosts[slot].address] = place
        }
    }

    private mutating func note(_ sender: MACBindingTable.Sender, _ packet: Packet, _ slot: Int) {
        switch sender.evidence {
        case .port: hosts[slot].port = packet.port
        case .address: hosts[slot].addressSecond = second
        case .mac, .handshake:
            hosts[slot].macSecond = second
            // A rule on the MAC address is for the host that sent the counted packets.
            hosts[slot].mac = packet.sourceMAC
        }
    }

    /// Evicts an unnamed host that opened one to three flows and has been silent since: forged
    /// addresses must not keep other hosts from being watched.
    ///
    /// - Complexity: O(1): examines a few slots; the next call continues from there.
    private mutating func forgetPasserBy() -> Bool {
        for _ in 0..<min(hosts.count, Self.placesLookedAt) {
            turnHand()
            if isPasserBy(hand) { return forget(hand) }
        }
        return false
    }

    /// Evicts a host that is known only by its address, and that has completed no handshake, in
    /// favour of one of which there is more.
    private mutating func forgetUnproven() -> Bool {
        for _ in 0..<min(hosts.count, 16 * Self.placesLookedAt) {
            turnHand()
            if isUnproven(hand) { return forget(hand) }
        }
        return false
    }

    private mutating func isUnproven(_ slot: Int) -> Bool {
        guard
            isCurrent(slot) && hosts[slot].lastSecond < second && !hosts[slot].identity.isNamed
                && !hosts[slot].resolved.isKnown && hosts[slot].port == 0
                && hosts[slot].macSecond < hosts[slot].addressSecond
        else { return false }
        hosts[slot].expire(through: second - 1)
        return hosts[slot].sum(.long).high(.proof) == 0
    }

    /// Evicts an unknown host in favour of a known workload.
    private mutating func forgetStranger() -> Bool {
        for _ in 0..<min(hosts.count, 16 * Self.placesLookedAt) {
            turnHand()
            if isCurrent(hand), !hosts[hand].resolved.isKnown { return forget(hand) }
        }
        return false
    }

    private mutating func turnHand() { hand = hand + 1 < hosts.count ? hand + 1 : 0 }

    mutating func forget(_ slot: Int) -> Bool {
        hosts[slot].isLive = false
        setPlace(of: slot, to: nil)
        free.append(slot)
        return true
    }

    private mutating func isPasserBy(_ slot: Int) -> Bool {
        // The second in which the host was last seen must be scored first.
        guard isCurrent(slot), hosts[slot].lastSecond < second, !hosts[slot].identity.isNamed else {
            return false
        }
        hosts[slot].expire(through: second - 1)
        return hosts[slot].sum(.long).low(.flows) + UInt64(hosts[slot].unsolicited.total(.long))
            <= Self.transientHostFlows
    }

    @inline(__always)
    func isCurrent(_ slot: Int) -> Bool {
        hosts[slot].isLive && current(hosts[slot].address, hosts[slot].isContested) == slot
    }
}
