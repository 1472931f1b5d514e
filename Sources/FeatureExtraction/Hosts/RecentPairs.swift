import NetworkAddresses

/// Remembers for some seconds that one address sent packets to another, or anywhere. A table of
/// fixed size: a newer pair may replace an older one.
struct RecentPairs: Sendable {
    private let seconds: Int

    private struct Place {
        var key: UInt64 = 0
        var second = Int.min / 2
    }

    private var places = [Place](repeating: Place(), count: 4096)

    init(seconds: Int = 10) { self.seconds = seconds }

    mutating func note(from sender: IPAddress, to receiver: IPAddress, second: Int) {
        let key = Arrivals.key(sender, receiver)
        places[Int(key >> 52)] = Place(key: key, second: second)
    }

    func contains(from sender: IPAddress, to receiver: IPAddress, second: Int) -> Bool {
        let key = Arrivals.key(sender, receiver)
        let place = places[Int(key >> 52)]
        return place.key == key && second - place.second <= seconds
    }

    mutating func note(_ address: IPAddress, second: Int) {
        note(from: address, to: .unspecified, second: second)
    }

    func contains(_ address: IPAddress, second: Int) -> Bool {
        contains(from: address, to: .unspecified, second: second)
    }
}
