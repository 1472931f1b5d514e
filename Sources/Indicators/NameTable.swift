/// Names of hosts, which a look-up finds by every suffix of whole labels.
///
/// Names are kept as in a DNS message, each label after its length, in lower case and without the
/// root: a label may have a dot in it. The hash has a random key, so that nobody can choose names
/// that make look-ups slow; each find is compared byte by byte. Nearly all suffixes are of no
/// list: a filter of a few bits for each name, which stays in the processor's cache, answers for
/// them, and the table, which does not, is asked for the others.
public struct NameTable: Sendable {
    /// The most names: a number in a packet has 24 bits for them, and 8 for the table's generation.
    static let mostNames = 1 << 24 - 2

    private var bytes: [UInt8] = []
    /// Where each name begins, and where the last one ends.
    private var offsets: [UInt32] = [0]
    private(set) var sets: [UInt32] = []
    /// The hash's upper 32 bits above the number of the name, counted from 1; 0: a free slot.
    private var slots: [UInt64] = []
    /// A bit for the hash of each name: two bits for each slot, so 4 to 16 for a name.
    private var filter: [UInt64] = []
    private var mostLabels = 0
    private let key: UInt64
    /// Odd, and not known to who writes names.
    private let multiplier: UInt64
    /// Distinguishes the numbers of this table from those of the tables before it.
    private let generation: UInt8

    init(key: UInt64, generation: UInt8) {
        self.key = key
        multiplier = Self.finished(key &+ 0x9E37_79B9_7F4A_7C15) | 1
        self.generation = generation
    }

    /// The number of names.
    public var count: Int { sets.count }

    /// Bytes in use.
    var byteCount: Int {
        bytes.capacity + offsets.capacity * 4 + sets.capacity * 4 + slots.capacity * 8
            + filter.capacity * 8
    }

    // MARK: - Look-up

    /// The longest listed suffix of a name.
    ///
    /// - Parameter name: the labels as in a DNS message, in lower case, without the root.
    /// - Returns: its number for `entry(_:)`; 0 if no suffix is listed.
    /// - Complexity: O(length); no allocation.
    public func find(_ name: Span<UInt8>) -> UInt32 {
        guard !slots.isEmpty, name.count < 256 else { return 0 }
        // The places of the labels.
        var places = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var at = 0
        while at < name.count, count < 128 {
            places[count] = UInt8(truncatingIfNeeded: at)
            count += 1
            at += Int(name[at]) + 1
        }
        guard at == name.count else { return 0 }
        var found: UInt32 = 0
        var hash = key
        var end = name.count
        for number in 0..<min(count, mostLabels) {
            let start = Int(places[count - 1 - number])
            hash = adding(name, start..<end, to: hash)
            end = start
            // A name of one label is never listed.
            guard number > 0 else { continue }
            let whole = Self.finished(hash)
            guard mayHold(whole) else { continue }
            let entry = entry(whole) { matches($0, name, from: start) }
            if entry != 0 { found = entry }
        }
        return found == 0 ? 0 : UInt32(generation) << 24 | found
    }

    /// The number of a listed name; nil for a number of another table.
    func entry(_ number: UInt32) -> Int? {
        let entry = Int(number & 0xFF_FFFF)
        guard UInt8(number >> 24) == generation, entry > 0, entry <= sets.count else { return nil }
        return entry - 1
    }

    /// A name as text: a label's bytes that are neither letters, digits, `-` nor `_` are shown as
    /// `?`.
    func text(of entry: Int) -> String {
        var text = ""
        var at = Int(offsets[entry])
        let end = Int(offsets[entry + 1])
        while at < end {
            if !text.isEmpty { text += "." }
            for byte in bytes[(at + 1)..<min(at + 1 + Int(bytes[at]), end)] {
                text.unicodeScalars.append(
                    NameText.isLetter(byte) ? Unicode.Scalar(byte) : "?")
            }
            at += Int(bytes[at]) + 1
        }
        return text
    }

    /// A number that is the same for a name in every table.
    func identity(of entry: Int) -> UInt64 {
        let range = Int(offsets[entry])..<Int(offsets[entry + 1])
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x9E37_79B9_7F4A_7C15 }
        return Self.finished(hash ^ hash >> 29)
    }

    /// The name as in a DNS message.
    func wire(of entry: Int) -> ArraySlice<UInt8> {
        bytes[Int(offsets[entry])..<Int(offsets[entry + 1])]
    }

    // MARK: - Building

    /// Adds a listing to a name.
    ///
    /// - Returns: false if the table is full.
    mutating func add(
        _ name: Span<UInt8>, labels: Int, _ listing: UInt32, _ book: inout ListingSets
    ) -> Bool {
        if (sets.count + 1) * 2 > slots.count { grow() }
        let hash = hash(of: name)
        let known = entry(hash) { matches($0, name, from: 0) }
        if known != 0 {
            sets[Int(known) - 1] = book.adding(listing, to: sets[Int(known) - 1])
            return true
        }
        guard sets.count < Self.mostNames, bytes.count + name.count < Int(UInt32.max) else {
            return false
        }
        for index in name.indices { bytes.append(name[index]) }
        offsets.append(UInt32(bytes.count))
        sets.append(book.adding(listing, to: 0))
        mostLabels = max(mostLabels, labels)
        insert(hash, UInt32(sets.count))
        return true
    }

    /// Gives back memory that growing has left unused.
    mutating func seal() {
        bytes = Array(bytes[...])
        offsets = Array(offsets[...])
        sets = Array(sets[...])
    }

    private mutating func grow() {
        slots = []
        slots = [UInt64](repeating: 0, count: max(64, (sets.count + 1).nextPowerOf2 * 4))
        filter = [UInt64](repeating: 0, count: slots.count / 32)
        for entry in 0..<sets.count {
            insert(
                hash(of: bytes.span.extracting(Int(offsets[entry])..<Int(offsets[entry + 1]))),
                UInt32(entry + 1))
        }
    }

    private mutating func insert(_ hash: UInt64, _ entry: UInt32) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = (hash >> 32) << 32 | UInt64(entry)
        filter[word(hash)] |= 1 << (hash >> 58)
    }

    /// Where the filter's bit of a hash is; the number of words is a power of 2.
    @inline(__always)
    private func word(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash >> 24) & (filter.count - 1)
    }

    /// Whether a name with the hash may be listed.
    @inline(__always)
    private func mayHold(_ hash: UInt64) -> Bool {
        filter[word(hash)] >> (hash >> 58) & 1 != 0
    }

    /// The number of the entry with a hash that matches, counted from 1; 0: none.
    @inline(__always)
    private func entry(_ hash: UInt64, _ matches: (Int) -> Bool) -> UInt32 {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let entry = UInt32(truncatingIfNeeded: slots[slot])
            if slots[slot] >> 32 == hash >> 32, matches(Int(entry) - 1) { return entry }
            slot = (slot + 1) & mask
        }
        return 0
    }

    @inline(__always)
    private func matches(_ entry: Int, _ name: Span<UInt8>, from start: Int) -> Bool {
        let begin = Int(offsets[entry])
        guard Int(offsets[entry + 1]) - begin == name.count - start else { return false }
        for offset in 0..<(name.count - start)
        where bytes[begin + offset] != name[start + offset] {
            return false
        }
        return true
    }

    /// The hash of a whole name: label by label from the last one, as `find` computes it.
    private func hash(of name: Span<UInt8>) -> UInt64 {
        var starts: [Int] = []
        var at = 0
        while at < name.count {
            starts.append(at)
            at += Int(name[at]) + 1
        }
        var hash = key
        var end = name.count
        for start in starts.reversed() {
            hash = adding(name, start..<end, to: hash)
            end = start
        }
        return Self.finished(hash)
    }

    /// The hash after a label, its length included: eight bytes at a time, each time multiplied and
    /// both halves of the product added up.
    @inline(__always)
    private func adding(
        _ name: Span<UInt8>, _ label: Range<Int>, to start: UInt64
    ) -> UInt64 {
        var hash = start
        var at = label.lowerBound
        while at < label.upperBound {
            let count = min(label.upperBound - at, 8)
            let product = multiplier.multipliedFullWidth(by: hash ^ Self.word(name, at, count))
            hash = product.high ^ product.low
            at += 8
        }
        return hash
    }

    /// Up to eight bytes as a number, the first byte lowest.
    ///
    /// - Parameter count: 1 to 8 bytes, all of them in the name.
    @inline(__always)
    private static func word(_ name: Span<UInt8>, _ at: Int, _ count: Int) -> UInt64 {
        precondition(at >= 0 && count > 0 && count <= 8 && at + count <= name.count)
        func load(_ offset: Int) -> UInt64 {
            // SAFETY: every bit pattern is an integer; the load checks its own bounds.
            UInt64(
                littleEndian: unsafe name.bytes.unsafeLoadUnaligned(
                    fromByteOffset: offset, as: UInt64.self))
        }
        let unused = UInt64(8 - count) * 8
        // What is read beyond the bytes, behind or before them, is shifted out.
        if at + 8 <= name.count { return (load(at) << unused) >> unused }
        if at + count >= 8 { return load(at + count - 8) >> unused }
        var word: UInt64 = 0
        for index in 0..<count { word |= UInt64(name[at + index]) << UInt64(index * 8) }
        return word
    }

    /// Murmur's last step, so that all bits depend on all others.
    @inline(__always)
    private static func finished(_ hash: UInt64) -> UInt64 {
        var hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ hash >> 33
    }
}

extension Int {
    fileprivate var nextPowerOf2: Int {
        self <= 1 ? 1 : 1 << (bitWidth - (self - 1).leadingZeroBitCount)
    }
}
