import NetworkAddresses

/// Addresses and prefixes in bytes of a list, without a string for each of a million.
enum AddressText {
    /// An address, or an address, a slash and a length; nil for anything else.
    static func prefix(_ text: ArraySlice<UInt8>) -> IPPrefix? {
        guard let first = text.first, text.count <= 49 else { return nil }
        var address = text
        var length: Int?
        if let slash = text.firstIndex(of: UInt8(ascii: "/")) {
            address = text[..<slash]
            let digits = text[(slash + 1)...]
            guard (1...3).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
            length = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
        }
        if isDigit(first), let quad = quad(address) {
            guard (length ?? 32) <= 32 else { return nil }
            return IPPrefix(IPAddress(v4: quad), length: length ?? 32)
        }
        guard address.contains(UInt8(ascii: ":")) else { return nil }
        guard
            let value = groups(address)
                ?? IPAddress(String(decoding: address, as: UTF8.self)),
            (length ?? 0) <= value.bitWidth
        else { return nil }
        return IPPrefix(value, length: length ?? value.bitWidth)
    }

    /// The fewest prefixes with all IPv4 addresses from one to another; nil for anything else.
    static func range(_ first: ArraySlice<UInt8>, _ last: ArraySlice<UInt8>) -> [IPPrefix]? {
        guard let start = quad(first), let end = quad(last), start <= end else { return nil }
        var result: [IPPrefix] = []
        var at = UInt64(start)
        while at <= UInt64(end) {
            var bits = at == 0 ? 32 : min(32, at.trailingZeroBitCount)
            while at + (1 << UInt64(bits)) - 1 > UInt64(end) { bits -= 1 }
            result.append(IPPrefix(IPAddress(v4: UInt32(at)), length: 32 - bits))
            at += 1 << UInt64(bits)
        }
        return result
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    /// A dotted quad of four decimal numbers without leading zeros.
    private static func quad(_ text: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var part: UInt32 = 0
        var (digits, dots) = (0, 0)
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                (part, digits) = (0, 0)
                dots += 1
                continue
            }
            guard isDigit(byte), digits == 0 || part > 0 else { return nil }
            part = part * 10 + UInt32(byte - 48)
            digits += 1
            guard part <= 255 else { return nil }
        }
        return dots == 3 && digits > 0 ? value << 8 | part : nil
    }

    /// An IPv6 address of hexadecimal groups alone; nil for any other, also with a dotted quad.
    private static func groups(_ text: ArraySlice<UInt8>) -> IPAddress? {
        var value: UInt128 = 0
        var (count, gap) = (0, -1)
        var (group, digits) = (UInt128(0), 0)
        var previous: UInt8 = 0
        for byte in text {
            if byte == UInt8(ascii: ":") {
                if digits > 0 {
                    guard count < 8 else { return nil }
                    value = value << 16 | group
                    count += 1
                    (group, digits) = (0, 0)
                } else if previous == byte {
                    guard gap < 0 else { return nil }
                    gap = count
                } else if count > 0 || previous != 0 {
                    return nil
                }
                previous = byte
                continue
            }
            let digit: UInt8
            switch byte {
            case 48...57: digit = byte - 48
            case 65...70: digit = byte - 55
            case 97...102: digit = byte - 87
            default: return nil
            }
            // A single colon at the begin.
            if previous == UInt8(ascii: ":"), count == 0, gap < 0 { return nil }
            group = group << 4 | UInt128(digit)
            digits += 1
            guard digits <= 4 else { return nil }
            previous = byte
        }
        if digits > 0 {
            guard count < 8 else { return nil }
            value = value << 16 | group
            count += 1
        } else if previous == UInt8(ascii: ":"), gap != count {
            // A single colon at the end.
            return nil
        }
        if gap >= 0 {
            guard count < 8 else { return nil }
            let after = UInt128(16 * (count - gap))
            let low = after == 0 ? 0 : value & ((1 << after) - 1)
            let high = gap == 0 ? 0 : (value >> after) << UInt128(16 * (8 - gap))
            value = high | low
        } else if count != 8 {
            return nil
        }
        return IPAddress(
            high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
    }
}
