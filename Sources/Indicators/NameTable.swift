/// Names of hosts, which a look-up finds by every suffix of whole labels.
///
/// Names are kept as in a DNS message, each label after its length, in lower case and without the
/// root: a label may have a dot in it. The hash has a random key, so that nobody can choose names
/// that make look-ups slow; each find is compared byte by byte.
public struct NameTable: Sendable {
    /// The most names: a number in a packet has 24 bits for them, and 8 for the table's generation.
    static let mostNames = 1 << 24 - 2

    private var bytes: [UInt8] = []
    /// Where each name begins, and where the last one ends.
    private var offsets: [UInt32] = [0]
    private(set) var sets: [UInt32] = []
    /// The hash's upper 32 bits above the number of the name, counted from 1; 0: a free slot.
    private var slots: [UInt64] = []
    private var mostLabels = 0
    private let key: UInt64
    /// Distinguishes the numbers of this table from those of the tables before it.
    private let generation: UInt8

    init(key: UInt64, generation: UInt8) {
        self.key = key
        self.generation = generation
    }

    /// The number of names.
    public var count: Int { sets.count }

    /// Bytes in use.
    var byteCount: Int {
        bytes.capacity + offsets.capacity * 4 + sets.capacity * 4 + slots.capacity * 8
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
            hash = Self.hash(hash, name, start..<end)
            end = start
            // A name of one label is never listed.
            guard number > 0 else { continue }
            let entry = entry(Self.finished(hash)) { matches($0, name, from: start) }
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
        return Self.finished(Self.hash(0xCBF2_9CE4_8422_2325, bytes.span, range))
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
            hash = Self.hash(hash, name, start..<end)
            end = start
        }
        return Self.finished(hash)
    }

    @inline(__always)
    private static func hash(
        _ start: UInt64, _ name: Span<UInt8>, _ range: Range<Int>
    ) -> UInt64 {
        var hash = start
        for index in range { hash = (hash ^ UInt64(name[index])) &* 0x9E37_79B9_7F4A_7C15 }
        return hash ^ hash >> 29
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
