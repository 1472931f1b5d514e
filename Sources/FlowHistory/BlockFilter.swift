internal import NetworkAddresses

/// Which ends and services the flows of a block have: a Bloom filter, by which a query skips blocks
/// without reading them.
///
/// A block may seem to have a value that it has not, about one of a hundred, and then it is read.
/// It never seems to lack one. The bits are stored, so none of this changes within one version of
/// the history's format.
struct BlockFilter {
    /// Bits for each value, and the number of them that a value sets.
    private static let bitsForEach = 10
    private static let setBits = 5
    /// The most bytes: all ends of a full block, with their networks, and a service for each row.
    private static let sizeLimit = 1 << 20

    /// The bits, in words, the lowest first.
    private let words: [UInt64]

    // MARK: - Values

    /// A value as 64 bits, which differ between kinds of values.
    struct Key: Hashable {
        let hash: UInt64

        private init(_ kind: UInt64, _ high: UInt64, _ low: UInt64) {
            hash = Self.mixed(Self.mixed(kind ^ Self.mixed(high)) ^ low)
        }

        static func address(_ address: IPAddress) -> Key { Key(1, address.high, address.low) }

        /// The network of 24 (IPv4) or 64 bits of an address.
        static func network(_ address: IPAddress) -> Key {
            address.isIPv4 ? Key(2, 0, UInt64(address.v4 >> 8)) : Key(3, 0, address.high)
        }

        static func name(_ name: String) -> Key {
            // FNV-1a.
            Key(
                4, 0,
                name.utf8.prefix(HostTable.nameLimit).reduce(0xCBF2_9CE4_8422_2325) {
                    ($0 ^ UInt64($1)) &* 0x100_0000_01B3
                })
        }

        static func port(_ port: UInt16) -> Key { Key(5, 0, UInt64(port)) }

        static func service(_ ipProtocol: UInt8, _ port: UInt16) -> Key {
            Key(6, UInt64(ipProtocol), UInt64(port))
        }

        /// A permutation of 64 bits (SplitMix64's).
        private static func mixed(_ value: UInt64) -> UInt64 {
            var value = value &+ 0x9E37_79B9_7F4A_7C15
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        /// Calls `body` with the number of each bit of the value, of `count` bits.
        fileprivate func forEachBit(of count: Int, _ body: (Int) -> Void) {
            let step = Self.mixed(hash) | 1
            var place = hash
            for _ in 0..<BlockFilter.setBits {
                body(Int(place.multipliedFullWidth(by: UInt64(count)).high))
                place &+= step
            }
        }
    }

    // MARK: - Writing

    init(_ keys: Set<Key>) {
        var words = [UInt64](repeating: 0, count: (max(1, keys.count) * Self.bitsForEach + 63) / 64)
        for key in keys {
            key.forEachBit(of: words.count * 64) { words[$0 / 64] |= 1 << UInt64($0 % 64) }
        }
        self.words = words
    }

    /// As a frame with a checksum; nil where there is no memory.
    var frame: [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 8)
        for word in words {
            for place in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(place * 8)))
            }
        }
        return ZstdFrame.compressed(bytes)
    }

    // MARK: - Reading

    /// - Returns: nil if there is none, or it is damaged: then the block may have any value.
    init?(frame: [UInt8]) {
        guard let size = ZstdFrame.contentSize(of: frame), size >= 8, size % 8 == 0,
            size <= Self.sizeLimit, let bytes = ZstdFrame.content(of: frame, size: size)
        else { return nil }
        var words: [UInt64] = []
        words.reserveCapacity(size / 8)
        for place in stride(from: 0, to: size, by: 8) {
            // SAFETY: every bit pattern is an integer; the load checks its own bounds.
            let word = unsafe bytes.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: place, as: UInt64.self)
            words.append(UInt64(littleEndian: word))
        }
        self.words = words
    }

    /// Whether the block may have the value.
    func mayContain(_ key: Key) -> Bool {
        var isThere = true
        key.forEachBit(of: words.count * 64) {
            if words[$0 / 64] >> UInt64($0 % 64) & 1 == 0 { isThere = false }
        }
        return isThere
    }
}

extension HostTable {
    /// The values of the ends, for the filter of their block.
    var keys: Set<BlockFilter.Key> {
        var keys: Set<BlockFilter.Key> = []
        keys.reserveCapacity(addresses.count * 2 + names.count)
        for address in addresses {
            keys.insert(.address(address))
            keys.insert(.network(address))
        }
        for name in names { keys.insert(.name(name)) }
        return keys
    }
}

extension FlowQuery {
    /// The values that a block with matching flows has all of.
    var keys: [BlockFilter.Key] {
        [workload, peer].compactMap { $0?.key } + [port.map(\.key)].compactMap(\.self)
    }
}

extension FlowQuery.Port {
    fileprivate var key: BlockFilter.Key {
        ipProtocol.map { .service($0, number) } ?? .port(number)
    }
}

extension FlowQuery.Host {
    fileprivate var key: BlockFilter.Key? {
        switch self {
        case .name(let name): .name(name)
        case .prefix(let prefix) where prefix.isHost: .address(prefix.address)
        case .prefix(let prefix) where prefix.address.isIPv4:
            prefix.length >= 24 ? .network(prefix.address) : nil
        case .prefix(let prefix):
            // Prefixes that begin with zeros may contain IPv4 addresses.
            prefix.length >= 64 && prefix.address.high != 0 ? .network(prefix.address) : nil
        }
    }
}
