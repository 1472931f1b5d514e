/// A network prefix (CIDR, RFC 4632, RFC 4291): an address with the bits past `length` zero.
public struct IPPrefix: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// The first address of the prefix.
    public let address: IPAddress
    /// The number of leading bits: 0...32 for IPv4, 0...128 for IPv6.
    public let length: Int

    /// Creates the prefix of `length` bits that contains `address`; `length` is clamped to the
    /// family's width.
    public init(_ address: IPAddress, length: Int) {
        let clamped = min(max(length, 0), address.bitWidth)
        self.length = clamped
        self.address = address.masked(to: clamped + (128 - address.bitWidth))
    }

    /// Creates the prefix of a single address.
    public init(host address: IPAddress) {
        self.address = address
        self.length = address.bitWidth
    }

    /// Whether the prefix contains one address only.
    public var isHost: Bool { length == address.bitWidth }

    /// The last address of the prefix.
    public var lastAddress: IPAddress {
        let bits = length + (128 - address.bitWidth)
        let (high, low) = IPAddress.mask(bits)
        return IPAddress(high: address.high | ~high, low: address.low | ~low)
    }

    /// Whether `other` is in this prefix; false for another family.
    public func contains(_ other: IPAddress) -> Bool {
        other.isIPv4 == address.isIPv4
            && other.masked(to: length + (128 - address.bitWidth)) == address
    }

    /// Whether every address of `other` is in this prefix.
    public func contains(_ other: IPPrefix) -> Bool {
        other.length >= length && contains(other.address)
    }

    /// Whether the two prefixes have an address in common.
    public func overlaps(_ other: IPPrefix) -> Bool { contains(other) || other.contains(self) }

    /// The two halves of the prefix, or nil for a host.
    public var halves: (lower: IPPrefix, upper: IPPrefix)? {
        guard !isHost else { return nil }
        let lower = IPPrefix(address, length: length + 1)
        return (lower, IPPrefix(lastAddress, length: length + 1))
    }

    public static func < (left: IPPrefix, right: IPPrefix) -> Bool {
        left.address != right.address ? left.address < right.address : left.length < right.length
    }
}

extension IPPrefix: CustomStringConvertible, LosslessStringConvertible {
    /// The prefix as text, `10.0.0.0/8`; a host without its length.
    public var description: String { isHost ? "\(address)" : "\(address)/\(length)" }

    /// Parses an address, or an address, a slash and a length. Host bits may be set; they are
    /// cleared.
    public init?(_ text: String) {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            guard let address = IPAddress(text) else { return nil }
            self.init(host: address)
            return
        }
        let digits = text[text.utf8.index(after: slash)...]
        guard let address = IPAddress(String(text[..<slash])),
            (1...3).contains(digits.utf8.count), let length = UInt8(digits),
            Int(length) <= address.bitWidth
        else { return nil }
        self.init(address, length: Int(length))
    }
}

extension IPAddress {
    /// The address with all but the first `bits` of its 128 bits cleared.
    func masked(to bits: Int) -> IPAddress {
        let (high, low) = Self.mask(bits)
        return IPAddress(high: self.high & high, low: self.low & low)
    }

    static func mask(_ bits: Int) -> (UInt64, UInt64) {
        // Smart shifts: a shift by 64 or more yields zero and does not trap.
        (~(UInt64.max >> UInt64(min(bits, 64))), ~(UInt64.max >> UInt64(max(bits - 64, 0))))
    }
}
