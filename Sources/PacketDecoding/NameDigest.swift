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
struct NameHasher {
    private static var start: (SIMD4<UInt32>, SIMD4<UInt32>) {
        (
            SIMD4(0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A),
            SIMD4(0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19)
        )
    }

    // The parameter block: digest of 16 bytes, no key, fan-out and depth 1.
    private var upper = Self.start.0 ^ SIMD4(0x0101_0010, 0, 0, 0)
    private var lower = Self.start.1
    private var block = InlineArray<16, UInt32>(repeating: 0)
    /// The number of bytes added, all of which the next digest covers.
    private var count: UInt32 = 0

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
            high: UInt64(upper.x) | UInt64(upper.y) << 32,
            low: UInt64(upper.z) | UInt64(upper.w) << 32)
    }

    @inline(never)
    private mutating func compress(isLast: Bool) {
        var state = State(
            a: upper, b: lower, c: Self.start.0,
            d: Self.start.1 ^ SIMD4(count, 0, isLast ? .max : 0, 0))
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
        upper ^= state.a ^ state.c
        lower ^= state.b ^ state.d
    }

    private struct State {
        var a: SIMD4<UInt32>
        var b: SIMD4<UInt32>
        var c: SIMD4<UInt32>
        var d: SIMD4<UInt32>

        /// One round: the columns, then the diagonals.
        @inline(__always)
        mutating func mix(_ block: InlineArray<16, UInt32>, _ order: UInt64) {
            func word(_ place: UInt64) -> UInt32 { block[Int(order >> (60 &- 4 &* place) & 15)] }
            half(
                SIMD4(word(0), word(2), word(4), word(6)),
                SIMD4(word(1), word(3), word(5), word(7)))
            b = SIMD4(b.y, b.z, b.w, b.x)
            c = SIMD4(c.z, c.w, c.x, c.y)
            d = SIMD4(d.w, d.x, d.y, d.z)
            half(
                SIMD4(word(8), word(10), word(12), word(14)),
                SIMD4(word(9), word(11), word(13), word(15)))
            b = SIMD4(b.w, b.x, b.y, b.z)
            c = SIMD4(c.z, c.w, c.x, c.y)
            d = SIMD4(d.y, d.z, d.w, d.x)
        }

        @inline(__always)
        private mutating func half(_ first: SIMD4<UInt32>, _ second: SIMD4<UInt32>) {
            a = a &+ b &+ first
            d = Self.rotated(d ^ a, 16)
            c = c &+ d
            b = Self.rotated(b ^ c, 12)
            a = a &+ b &+ second
            d = Self.rotated(d ^ a, 8)
            c = c &+ d
            b = Self.rotated(b ^ c, 7)
        }

        @inline(__always)
        private static func rotated(_ value: SIMD4<UInt32>, _ count: UInt32) -> SIMD4<UInt32> {
            value &>> count | value &<< (32 &- count)
        }
    }
}
