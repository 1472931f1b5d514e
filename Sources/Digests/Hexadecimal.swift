extension [UInt8] {
    /// The bytes as text, two lower-case hexadecimal digits each.
    package var hexadecimal: String {
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * count)
        for byte in self {
            for half in [byte >> 4, byte & 15] {
                digits.append(half + UInt8(ascii: half < 10 ? "0" : "W"))
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
