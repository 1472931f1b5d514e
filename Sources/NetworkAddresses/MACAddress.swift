/// An IEEE 802 MAC address (EUI-48) in the low 48 bits, first byte highest.
@frozen
public struct MACAddress: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// The address in the low 48 bits; the high 16 are zero.
    public var value: UInt64

    /// Creates an address from the low 48 bits of `value`.
    @inlinable
    public init(_ value: UInt64) { self.value = value & 0xFFFF_FFFF_FFFF }

    @inlinable
    public func _rawHashValue(seed: Int) -> Int { KeyedHash.hash(0, value, seed: seed) }

    /// 00:00:00:00:00:00, which means "unknown".
    @inlinable
    public static var zero: MACAddress { MACAddress(0 as UInt64) }

    /// Whether the group bit is set: multicast or broadcast.
    @inlinable
    public var isGroup: Bool { value >> 40 & 1 == 1 }

    /// The six bytes in network order.
    public var bytes: [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: value >> (40 - UInt64($0) * 8)) }
    }

    @inlinable
    public static func < (left: MACAddress, right: MACAddress) -> Bool { left.value < right.value }
}

extension MACAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Six pairs of lower-case hexadecimal digits with colons.
    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }

    /// Parses six pairs of hexadecimal digits separated by `:` or `-`. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        guard parts.count == 6 else { return nil }
        var value: UInt64 = 0
        for part in parts {
            guard part.utf8.count == 2, part.allSatisfy({ $0.isHexDigit && $0.isASCII }),
                let byte = UInt8(part, radix: 16)
            else { return nil }
            value = value << 8 | UInt64(byte)
        }
        self.init(value)
    }
}
