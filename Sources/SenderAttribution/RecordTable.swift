package import NetworkAddresses

extension MACBindingTable {
    /// Records by MAC address. A look at one field of a record copies no other, since packets cause
    /// most looks, and a record has an array.
    package struct RecordTable: Sendable {
        private var places: [MACAddress: Int] = [:]
        private var macs: [MACAddress] = []
        private var records: [Record] = []

        package var count: Int { records.count }

        /// The records, in no order.
        var all: Zip2Sequence<[MACAddress], [Record]> { zip(macs, records) }

        /// The place of a record until one is removed; nil without one.
        @inline(__always)
        func place(of mac: MACAddress) -> Int? { places[mac] }

        /// The record at a place that `place(of:)` returned.
        subscript(place: Int) -> Record {
            @inline(__always)
            _read { yield records[place] }
            @inline(__always)
            _modify { yield &records[place] }
        }

        package subscript(mac: MACAddress) -> Record? {
            get { places[mac].map { records[$0] } }
            set {
                guard let newValue else { return remove(mac) }
                if let place = places[mac] {
                    records[place] = newValue
                } else {
                    places[mac] = records.count
                    macs.append(mac)
                    records.append(newValue)
                }
            }
        }

        private mutating func remove(_ mac: MACAddress) {
            guard let place = places.removeValue(forKey: mac) else { return }
            let (last, record) = (macs.removeLast(), records.removeLast())
            guard last != mac else { return }
            (macs[place], records[place]) = (last, record)
            places[last] = place
        }
    }
}
