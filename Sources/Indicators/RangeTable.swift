internal import NetworkAddresses

/// Ranges of addresses of one family without overlap, each with the number of a set; sorted, so
/// that a look-up is a binary search in the part of the table that has the address's first 16 bits.
struct RangeTable<Key: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    /// A prefix with the number of a listing.
    struct Entry {
        var start: Key
        var end: Key
        /// Nil: addresses that are never indicators.
        var listing: UInt32?
    }

    /// The first address of each range; it ends where the next one begins.
    private(set) var starts: [Key] = []
    /// 0: no list has the range.
    private(set) var sets: [UInt32] = []
    /// For each value of the first 16 bits, the number of ranges that begin before it.
    private var index: [UInt32] = []

    init() {}

    /// - Parameter entries: prefixes, which either contain one another or share no address.
    init(_ entries: [Entry], _ book: inout ListingSets) {
        guard !entries.isEmpty else { return }
        let sorted = entries.sorted {
            $0.start != $1.start ? $0.start < $1.start : $0.end > $1.end
        }
        starts.reserveCapacity(sorted.count + 1)
        sets.reserveCapacity(sorted.count + 1)
        add(0, 0)
        // The prefixes that contain the current address, the widest first.
        var open: [(end: Key, set: UInt32, isExempt: Bool)] = []
        for entry in sorted {
            close(&open, before: entry.start)
            let around = open.last
            if around?.isExempt == true { continue }
            guard let listing = entry.listing else {
                add(entry.start, 0)
                open.append((entry.end, 0, true))
                continue
            }
            let set = book.adding(listing, to: around?.set ?? 0)
            if let around, around.end == entry.end, starts.last == entry.start {
                // The same prefix again.
                open[open.count - 1].set = set
                add(entry.start, set)
                continue
            }
            add(entry.start, set)
            open.append((entry.end, set, false))
        }
        close(&open, before: .max)
        // Nothing but addresses that are never indicators.
        if sets == [0] {
            self = RangeTable()
        } else {
            makeIndex()
        }
    }

    /// Ends the prefixes that end before an address.
    private mutating func close(
        _ open: inout [(end: Key, set: UInt32, isExempt: Bool)], before start: Key
    ) {
        while let last = open.last, last.end < start {
            open.removeLast()
            add(last.end + 1, open.last?.set ?? 0)
        }
    }

    /// Begins a range at an address; two ranges with one set become one.
    private mutating func add(_ start: Key, _ set: UInt32) {
        if starts.last == start {
            sets[sets.count - 1] = set
            guard starts.count > 1, sets[sets.count - 2] == set else { return }
            starts.removeLast()
            sets.removeLast()
            return
        }
        if sets.last == set { return }
        starts.append(start)
        sets.append(set)
    }

    private static var shift: Int { Key.bitWidth - 16 }

    private mutating func makeIndex() {
        index = [UInt32](repeating: 0, count: 65_537)
        var part = 0
        for (number, start) in starts.enumerated() {
            let next = Int(truncatingIfNeeded: start >> Self.shift)
            while part <= next {
                index[part] = UInt32(number)
                part += 1
            }
        }
        while part < index.count {
            index[part] = UInt32(starts.count)
            part += 1
        }
    }

    /// The set of an address; 0 if no list has it.
    func set(of address: Key) -> UInt32 {
        guard !starts.isEmpty else { return 0 }
        let part = Int(truncatingIfNeeded: address >> Self.shift)
        // The range with the address begins in this part, or is the last one before it.
        var low = max(Int(index[part]) - 1, 0)
        var high = Int(index[part + 1])
        while high - low > 1 {
            let middle = (low + high) >> 1
            if starts[middle] <= address { low = middle } else { high = middle }
        }
        return sets[low]
    }

    /// Calls `body` with the first address and the set of each range that a list has.
    func forEach(_ body: (Key, UInt32) -> Void) {
        for (start, set) in zip(starts, sets) where set != 0 { body(start, set) }
    }
}

extension IPPrefix {
    /// The first and the last address of an IPv4 prefix.
    var v4Range: (UInt32, UInt32) { (address.v4, lastAddress.v4) }

    /// The same for IPv6.
    var v6Range: (UInt128, UInt128) { (address.number, lastAddress.number) }
}

extension IPAddress {
    var number: UInt128 { UInt128(high) << 64 | UInt128(low) }

    init(number: UInt128) {
        self.init(
            high: UInt64(truncatingIfNeeded: number >> 64),
            low: UInt64(truncatingIfNeeded: number))
    }
}
