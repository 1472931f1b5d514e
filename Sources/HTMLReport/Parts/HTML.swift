import TextFormats

/// HTML in which text cannot become markup: interpolated values are escaped, unless they are HTML
/// themselves. Names in reports come from inventories and packets, which are untrusted input.
public struct HTML: Sendable, ExpressibleByStringInterpolation {
    /// The markup.
    public private(set) var text: String

    /// Creates HTML from a literal in the source.
    public init(stringLiteral markup: String) { text = markup }

    public init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Builds markup from literals, which are used unchanged, and values, which are escaped.
    public struct StringInterpolation: StringInterpolationProtocol {
        var text = ""

        public init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 8)
        }

        public mutating func appendLiteral(_ markup: String) { text += markup }

        /// Appends text, escaped.
        public mutating func appendInterpolation(_ text: String) {
            self.text += HTML.escaped(text)
        }

        public mutating func appendInterpolation(_ number: Int) { text += "\(number)" }

        /// Appends markup unchanged.
        public mutating func appendInterpolation(_ html: HTML) { text += html.text }

        /// Appends pieces of markup one after the other.
        public mutating func appendInterpolation(_ parts: [HTML]) {
            for part in parts { text += part.text }
        }
    }

    public static func += (left: inout HTML, right: HTML) { left.text += right.text }

    /// Escapes text for an element or a double-quoted attribute.
    ///
    /// Characters that are not allowed in HTML, and those that change the direction of the
    /// surrounding text and so disguise it, are written as their number.
    public static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", " ": result.unicodeScalars.append(scalar)
            case _ where isHidden(scalar.value):
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Whether a code point is a control character, a direction mark or a noncharacter.
    private static func isHidden(_ value: UInt32) -> Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F,
            0xFDD0...0xFDEF, 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: value & 0xFFFE == 0xFFFE
        }
    }
}

extension HTML {
    /// A number with its thousands separated by narrow spaces: 100 471.
    static func grouped(_ value: some BinaryInteger) -> String { grouped(number: "\(value)") }

    /// The same for a number that may have a fraction.
    static func grouped(number: String) -> String {
        let whole = number.prefix { $0 != "." && $0 != "e" }
        var text = ""
        for (index, digit) in whole.enumerated() {
            let rest = whole.count - index
            if rest % 3 == 0, text.last?.isNumber == true { text += "\u{202F}" }
            text.append(digit)
        }
        return text + number.dropFirst(whole.count)
    }

    /// A score: two digits after the point.
    static func fixed(_ score: Float) -> String {
        let hundredths = Int((min(max(score.isFinite ? score : 0, 0), 1) * 100).rounded())
        let digits = "\(hundredths % 100)"
        return "\(hundredths / 100)." + (digits.count < 2 ? "0" : "") + digits
    }

    /// A coordinate: at most two digits after the point.
    static func number(_ value: Double) -> HTML {
        HTML(stringLiteral: JSONObject.number(value.isFinite ? value : 0, digits: 2))
    }

    /// A share, 0...1, as a percentage for SVG's lengths.
    static func percent(_ share: Double) -> HTML {
        HTML(stringLiteral: number(min(max(share, 0), 1) * 100).text + "%")
    }
}
