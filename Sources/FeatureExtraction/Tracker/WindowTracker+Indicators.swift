import BaselineGraph
import Indicators
import NetworkAddresses
import PacketDecoding
import Workloads

/// What hosts contact and ask for that is on lists of indicators.
extension WindowTracker {
    /// Returns the short window of a host that has contacted a listed address, or asked for a
    /// listed name, in the seconds that have ended; nil if there is no other.
    ///
    /// - Precondition: `nextWindow` has returned nil.
    public mutating func nextSighting() -> Window? {
        while let sighting = sightings.next(before: target) {
            guard sighting.slot < hosts.count, hosts[sighting.slot].address == sighting.subject
            else { continue }
            var window = window(of: sighting.slot)
            window.endSecond = sighting.second
            window.contact = sighting.contact
            window.newContact = sighting.contact
            window.indicator = sighting.hit
            return window
        }
        return nil
    }

    /// A flow to an address that may be listed.
    mutating func noteListedAddress(_ packet: Packet, _ slot: Int) {
        guard let indicators, isOwn(slot) else { return }
        let set = indicators.set(of: packet.destination)
        guard set != 0, indicators.isCurrent(set, at: second) else { return }
        let object = packet.destination.high ^ DistinctWindow.mix(packet.destination.low)
        note(packet, slot, object) { $0.hit(packet.destination, at: $1) }
    }

    /// A question for a listed name.
    mutating func noteListedName(_ packet: Packet, _ slot: Int) {
        guard let indicators, isOwn(slot),
            let object = indicators.identity(ofName: packet.dns.listedName, at: second)
        else { return }
        note(packet, slot, object) { $0.hit(name: packet.dns.listedName, at: $1) }
    }

    /// Whether a host is a workload or another host of a private network. What hosts of the
    /// Internet contact is not theirs to know.
    private func isOwn(_ slot: Int) -> Bool {
        let place = hosts[slot].resolved.place
        return place == .inside || place == .outside && hosts[slot].address.isPrivate
    }

    private mutating func note(
        _ packet: Packet, _ slot: Int, _ object: UInt64,
        _ hit: (IndicatorTable, Int) -> IndicatorHit?
    ) {
        guard let indicators,
            sightings.isNew(
                object, of: hosts[slot].identity, at: hosts[slot].address, second: second),
            let hit = hit(indicators, second)
        else { return }
        sightings.add(
            SightingLog.Sighting(
                slot: slot, subject: hosts[slot].address, second: second,
                contact: Contact(to: packet, second: second), hit: hit))
    }
}
