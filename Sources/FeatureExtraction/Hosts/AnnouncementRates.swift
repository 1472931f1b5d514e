import NetworkAddresses
import SenderAttribution

/// Counts the unrequested announcements of each station: a leaky bucket in a table of fixed
/// size, where a newer station may replace an older one.
struct AnnouncementRates: Sendable {
    /// Announcements a second that are ordinary, and the number beyond them that is a flood: a
    /// backup that takes over announces each of its addresses a few times.
    private static let perSecond = 20
    private static let limit = 200

    private struct Place {
        var key: UInt64 = 0
        var second = 0
        var count = 0
    }

    private var places = [Place](repeating: Place(), count: 1024)

    /// Counts one; returns whether it is part of a flood.
    mutating func note(_ station: Station, second: Int) -> Bool {
        let key = DistinctWindow.mix(
            station.port != 0 ? UInt64(station.port) | 1 << 63 : station.mac.value)
        let index = Int(key >> 54)
        if places[index].key != key { places[index] = Place(key: key, second: second) }
        let passed = max(0, second - places[index].second)
        places[index].count = max(0, places[index].count - passed * Self.perSecond) + 1
        places[index].second = second
        return places[index].count > Self.limit
    }
}
