import NetworkAddresses
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
        (second, target) = (Int.min, Int.min)
        turn = (0, 0)
    }

    mutating func slot(of address: IPAddress, _ mac: MACAddress) -> Int? {
        if let slot = slots[address] { return slot }
        let resolved = resolver.resolve(address, in: graph)
        guard resolved.place != .group else { return nil }
        // A place that was left takes no further memory.
        if slots.count >= hostLimit || isCramped && free.isEmpty {
            droppedHosts += 1
            guard forgetPasserBy() || resolved.isKnown && forgetStranger() else { return nil }
        }
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            hosts[slot] = HostState(
                address: address, resolved: resolved, identity: resolver.identity(of: address),
                generation: hosts[slot].generation &+ 1, second: second)
        } else {
            slot = hosts.count
            hosts.append(
                HostState(
                    address: address, resolved: resolved, identity: resolver.identity(of: address),
                    generation: 0, second: second))
        }
        hosts[slot].mac = mac
        slots[address] = slot
        return slot
    }

    /// Evicts a transient host: one without a name that opened at most `transientHostFlows` flows
    /// and is silent. Forged source addresses must not prevent other hosts from being watched.
    ///
    /// - Complexity: O(1): examines a few slots; the next call continues from there.
    private mutating func forgetPasserBy() -> Bool {
        for _ in 0..<min(hosts.count, Self.placesLookedAt) {
            turnHand()
            if isPasserBy(hand) { return forget(hand) }
        }
        return false
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

    private mutating func forget(_ slot: Int) -> Bool {
        hosts[slot].isLive = false
        slots[hosts[slot].address] = nil
        free.append(slot)
        return true
    }

    private func isPasserBy(_ slot: Int) -> Bool {
        // The second in which the host was last seen must be scored first.
        isCurrent(slot) && hosts[slot].lastSecond < second && !hosts[slot].identity.isNamed
            && hosts[slot].sum(.long)[.flows] <= Self.transientHostFlows
    }

    private func isCurrent(_ slot: Int) -> Bool {
        hosts[slot].isLive && slots[hosts[slot].address] == slot
    }
}
