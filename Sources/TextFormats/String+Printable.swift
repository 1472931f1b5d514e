extension Unicode.Scalar {
    /// Whether it controls a terminal, is invisible, or changes the direction of text: control
    /// characters (C0 and C1), direction marks, Unicode line separators, characters without width.
    var isUnprintable: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
            0xFEFF:
            true
        default: false
        }
    }

    /// The scalar as a JSON escape: `\u202e`.
    var escape: String {
        let digits = String(value, radix: 16)
        return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension String {
    /// The text without characters that control the reader's terminal or change the displayed
    /// order. Names and reasons come from packets, labels and other untrusted input.
    package var printable: String {
        guard unicodeScalars.contains(where: \.isUnprintable) else { return self }
        return String(
            String.UnicodeScalarView(unicodeScalars.map { $0.isUnprintable ? "?" : $0 }))
    }

    /// Equivalent JSON that is safe on a terminal: unprintable characters are written as `\u` and
    /// four digits. Line ends between the tokens are kept; JSON strings contain none.
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
