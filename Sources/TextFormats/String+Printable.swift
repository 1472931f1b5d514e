extension Unicode.Scalar {
    /// Whether it steers a terminal, hides, or turns text round: control characters (C0 and C1),
    /// marks of direction, line ends of Unicode, characters without width.
    var isUnprintable: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
            0xFEFF:
            true
        default: false
        }
    }

    /// As JSON writes any character of two bytes: `\u202e`.
    var escape: String {
        let digits = String(value, radix: 16)
        return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension String {
    /// The text without what would steer the reader's terminal, or show it in another order than it
    /// is: names and reasons come from packets, labels and other people.
    package var printable: String {
        guard unicodeScalars.contains(where: \.isUnprintable) else { return self }
        return String(
            String.UnicodeScalarView(unicodeScalars.map { $0.isUnprintable ? "?" : $0 }))
    }

    /// JSON that says the same and is safe on a terminal: what is not printable is written as `\u`
    /// and four digits. Line ends between the parts stay; strings of JSON hold none.
    package var escapedJSON: String {
        guard unicodeScalars.contains(where: { $0.isUnprintable && $0 != "\n" }) else {
            return self
        }
        var result = ""
        for scalar in unicodeScalars {
            if scalar.isUnprintable, scalar != "\n" {
                result += scalar.escape
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
