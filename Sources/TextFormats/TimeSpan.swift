public import Timestamps

/// A duration with units: `90s`, `10m`, `1h30m`, `2d`. A number without a unit is refused, because
/// it is ambiguous.
public struct TimeSpan: Sendable, Equatable, CustomStringConvertible {
    public var seconds: Int64

    private static let units: [(letter: Character, seconds: Int64)] = [
        ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1),
    ]
    /// The longest accepted duration: 400 days.
    private static let longest: Int64 = 400 * 86_400

    public init(seconds: Int64) { self.seconds = seconds }

    /// The whole seconds of `interval`.
    public init(_ interval: Interval) { seconds = Int64(interval.wholeSeconds) }

    public var interval: Interval { .seconds(seconds) }

    public init?(_ text: String) {
        var total: Int64 = 0
        var digits = ""
        for character in text {
            if character.isASCII, character.isNumber {
                digits.append(character)
                continue
            }
            guard let number = Int64(digits),
                let unit = Self.units.first(where: { $0.letter == character })?.seconds,
                number <= Self.longest / unit
            else { return nil }
            total += number * unit
            digits = ""
        }
        guard digits.isEmpty, !text.isEmpty, total <= Self.longest else { return nil }
        seconds = total
    }

    public var description: String {
        var rest = seconds
        var text = ""
        for (unit, length) in Self.units where rest >= length {
            text += "\(rest / length)\(unit)"
            rest %= length
        }
        return text.isEmpty ? "0s" : text
    }
}
