/// An IPv4 or IPv6 address as 128 bits in host order; IPv4 as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2).
///
/// Both families sort and hash in the same way. The IP version of the flow key, not this type,
/// distinguishes IPv4 from an IPv6 packet with a mapped address.
@frozen
public struct IPAddress: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Bits 127 to 64.
    public var high: UInt64
    /// Bits 63 to 0.
    public var low: UInt64

    /// Creates an address from its two halves in host order.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Creates an IPv4 address from its 32 bits in host order.
    @inlinable
    public init(v4: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(v4))
    }

    @inlinable
    public func _rawHashValue(seed: Int) -> Int { KeyedHash.hash(high, low, seed: seed) }

    /// `::`, which means "no address" in records.
    @inlinable
    public static var unspecified: IPAddress { IPAddress(high: 0, low: 0) }

    /// Whether this is an IPv4 address.
    @inlinable
    public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The 32 bits of an IPv4 address in host order; for IPv6, the last 32 bits.
    @inlinable
    public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The number of bits of the family: 32 or 128.
    @inlinable
    public var bitWidth: Int { isIPv4 ? 32 : 128 }

    /// The bytes in network order: 4 for IPv4, 16 for IPv6.
    public var bytes: [UInt8] {
        let all = (0..<16).map {
            UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> (56 - UInt64($0 % 8) * 8))
        }
        return isIPv4 ? Array(all[12...]) : all
    }

    /// Creates an address from 4 or 16 bytes in network order; nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            self.init(
                high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                low: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
        default: return nil
        }
    }

    /// The link-local IPv6 address that a MAC address gives (RFC 4291, appendix A).
    public init(linkLocalOf mac: MACAddress) {
        let high = mac.value >> 24 ^ 0x02_0000
        self.init(high: 0xFE80 << 48, low: high << 40 | 0xFF_FE00_0000 | mac.value & 0xFF_FFFF)
    }

    @inlinable
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    /// 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291).
    @inlinable
    public var isMulticast: Bool {
        isIPv4 ? v4 >> 28 == 0xE : high >> 56 == 0xFF
    }

    /// 255.255.255.255; the broadcast address of a prefix is known only with the prefix.
    @inlinable
    public var isLimitedBroadcast: Bool { isIPv4 && v4 == .max }

    /// 127.0.0.0/8 or ::1.
    @inlinable
    public var isLoopback: Bool { isIPv4 ? v4 >> 24 == 127 : high == 0 && low == 1 }

    /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291).
    @inlinable
    public var isLinkLocal: Bool {
        isIPv4 ? v4 >> 16 == 0xA9FE : high >> 54 == 0xFE80 >> 6
    }

    /// Private or unique local: RFC 1918, RFC 4193, and shared address space of RFC 6598.
    @inlinable
    public var isPrivate: Bool {
        guard isIPv4 else { return high >> 57 == 0xFC >> 1 }
        return v4 >> 24 == 10 || v4 >> 20 == 0xAC1 || v4 >> 16 == 0xC0A8 || v4 >> 22 == 0x6440 >> 6
    }

    /// Whether no interface on a network can have this address: 0.0.0.0/8 (RFC 1122), 127.0.0.0/8,
    /// 224.0.0.0/4, 240.0.0.0/4 (RFC 1112) with 255.255.255.255; `::`, ::1, ff00::/8.
    @inlinable
    public var isMartian: Bool {
        isMulticast || isLoopback || (isIPv4 ? v4 >> 28 == 0xF || v4 >> 24 == 0 : isUnspecified)
    }

    /// 0.0.0.0 or `::`.
    @inlinable
    public var isUnspecified: Bool { low & (isIPv4 ? 0xFFFF_FFFF : .max) == 0 && high == 0 }
}
