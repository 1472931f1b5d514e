import NetworkAddresses

/// The digest of a DNS name: BLAKE2s with a digest of 128 bits (RFC 7693) over its labels as in the
/// message, in lower case.
///
/// A model stores the names that were queried in clean traffic as these digests. An attacker who
/// could find another name with the same digest could pass a tunnel's names off as known ones. The
/// function has no key: a key in the model file would be known to every reader of the file, and a
/// random one would change the file each time. No key is needed where finding such a name takes
/// about 2^108 attempts for a model of a million names.
public struct NameDigest: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var high: UInt64
    public var low: UInt64

    /// The digest of no name, and of the root's.
    public static let none = NameDigest(high: 0, low: 0)

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public func _rawHashValue(seed: Int) -> Int { KeyedHash.hash(high, low, seed: seed) }

    public static func < (left: NameDigest, right: NameDigest) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// BLAKE2s (RFC 7693) without a key, for a digest of 16 bytes.
///
/// In scalars: the operators of `SIMD4<UInt32>` are compiled to scalars one by one, with transfers
/// between the two kinds of registers.
struct NameHasher {
    private static var start: InlineArray<8, UInt32> {
        [
            0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A,
            0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
        ]
    }

    private var chain = Self.start
    private var block = InlineArray<16, UInt32>(repeating: 0)
    /// The number of bytes added, all of which the next digest covers.
    private var count: UInt32 = 0

    init() {
        // The parameter block: digest of 16 bytes, no key, fan-out and depth 1.
        chain[0] ^= 0x0101_0010
    }

    /// Adds one byte.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if count & 63 == 0, count > 0 {
            compress(isLast: false)
            block = InlineArray(repeating: 0)
        }
        block[Int(count >> 2 & 15)] |= UInt32(byte) << (count & 3 &* 8)
        count &+= 1
    }

    /// The digest of the bytes added.
    consuming func digest() -> NameDigest {
        compress(isLast: true)
        return NameDigest(
            high: UInt64(chain[0]) | UInt64(chain[1]) << 32,
            low: UInt64(chain[2]) | UInt64(chain[3]) << 32)
    }

    @inline(never)
    private mutating func compress(isLast: Bool) {
        var state = State(chain, Self.start, count: count, isLast: isLast)
        // The order of the message's words in each round, one hexadecimal digit for each word.
        state.mix(block, 0x0123_4567_89AB_CDEF)
        state.mix(block, 0xEA48_9FD6_1C02_B753)
        state.mix(block, 0xB8C0_52FD_AE36_7194)
        state.mix(block, 0x7931_DCBE_265A_40F8)
        state.mix(block, 0x9057_24AF_E1BC_683D)
        state.mix(block, 0x2C6A_0B83_4D75_FE19)
        state.mix(block, 0xC51F_ED4A_0763_928B)
        state.mix(block, 0xDB7E_C139_50F4_862A)
        state.mix(block, 0x6FE9_B308_C2D7_14A5)
        state.mix(block, 0xA284_7615_FB9E_3CD0)
        state.fold(into: &chain)
    }

    /// The four rows of the state, of four columns each.
    private struct State {
        var a0, a1, a2, a3: UInt32
        var b0, b1, b2, b3: UInt32
        var c0, c1, c2, c3: UInt32
        var d0, d1, d2, d3: UInt32

        init(
            _ chain: InlineArray<8, UInt32>, _ start: InlineArray<8, UInt32>, count: UInt32,
            isLast: Bool
        ) {
            (a0, a1, a2, a3) = (chain[0], chain[1], chain[2], chain[3])
            (b0, b1, b2, b3) = (chain[4], chain[5], chain[6], chain[7])
            (c0, c1, c2, c3) = (start[0], start[1], start[2], start[3])
            (d0, d1, d2, d3) = (start[4] ^ count, start[5], start[6], start[7])
            if isLast { d2 = ~d2 }
        }

        /// One round: the columns, then the diagonals.
        @inline(__always)
        mutating func mix(_ block: InlineArray<16, UInt32>, _ order: UInt64) {
            func word(_ place: UInt64) -> UInt32 { block[Int(order >> (60 &- 4 &* place) & 15)] }
            Self.mix(&a0, &b0, &c0, &d0, word(0), word(1))
            Self.mix(&a1, &b1, &c1, &d1, word(2), word(3))
            Self.mix(&a2, &b2, &c2, &d2, word(4), word(5))
            Self.mix(&a3, &b3, &c3, &d3, word(6), word(7))
            Self.mix(&a0, &b1, &c2, &d3, word(8), word(9))
            Self.mix(&a1, &b2, &c3, &d0, word(10), word(11))
            Self.mix(&a2, &b3, &c0, &d1, word(12), word(13))
            Self.mix(&a3, &b0, &c1, &d2, word(14), word(15))
        }

        func fold(into chain: inout InlineArray<8, UInt32>) {
            chain[0] ^= a0 ^ c0
            chain[1] ^= a1 ^ c1
            chain[2] ^= a2 ^ c2
            chain[3] ^= a3 ^ c3
            chain[4] ^= b0 ^ d0
            chain[5] ^= b1 ^ d1
            chain[6] ^= b2 ^ d2
            chain[7] ^= b3 ^ d3
        }

        @inline(__always)
        private static func mix(
            _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32,
            _ first: UInt32, _ second: UInt32
        ) {
            a = a &+ b &+ first
            d = rotated(d ^ a, 16)
            c = c &+ d
            b = rotated(b ^ c, 12)
            a = a &+ b &+ second
            d = rotated(d ^ a, 8)
            c = c &+ d
            b = rotated(b ^ c, 7)
        }

        @inline(__always)
        private static func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 {
            value &>> count | value &<< (32 &- count)
        }
    }
}
