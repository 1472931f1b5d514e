import NetworkAddresses

/// The hosts that sent the last neighbour solicitations, by the address that they used: a host may
/// ask with its link-local address, and is known by another.
struct Askers: Sendable {
    private static let count = 256
    private var places = [(address: IPAddress, slot: Int32)](
        repeating: (.unspecified, -1), count: Self.count)

    mutating func note(_ address: IPAddress, slot: Int) {
        places[Self.place(of: address)] = (address, Int32(slot))
    }

    /// The slot of the host that used an address; nil if another one took its place since.
    func slot(of address: IPAddress) -> Int? {
        let found = places[Self.place(of: address)]
        return found.slot >= 0 && found.address == address ? Int(found.slot) : nil
    }

    private static func place(of address: IPAddress) -> Int {
        Int(DistinctWindow.mix(address.high ^ address.low &* 3) & UInt64(count - 1))
    }
}
