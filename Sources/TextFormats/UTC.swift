public import Timestamps

/// Formats and parses times as text in UTC (RFC 3339), without a calendar library.
public enum UTC {
    /// `2026-11-21T08:15:30.000123+0000`, as Suricata writes it.
    public static func timestamp(_ time: Timestamp) -> String {
        let seconds = Int64(time.second)
        let digits = String(time.nanosecondOfSecond / 1000)
        return "\(date(seconds))T\(clock(seconds))."
            + String(repeating: "0", count: 6 - digits.count)
            + digits + "+0000"
    }

    /// `2026-11-21T08:15:30.000123Z`, as programs other than Suricata expect it.
    public static func rfc3339(_ time: Timestamp) -> String {
        timestamp(time).dropLast("+0000".count) + "Z"
    }

    /// Parses a time stamp as in EVE, with any offset; nil for other text.
    public static func time(_ text: String) -> Timestamp? {
        let parts = text.split { "-T:.+Z".contains($0) }.map { Int64($0) }
        guard parts.count >= 6, let year = parts[0], let month = parts[1], let day = parts[2],
            let hour = parts[3], let minute = parts[4], let second = parts[5],
            (1...12).contains(month), (1970...9999).contains(year), (1...31).contains(day),
            hour <= 24, minute < 60, second <= 60
        else { return nil }
        // Civil date to days by Howard Hinnant's algorithm.
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let yearOfEra = shifted % 400
        let days =
            shifted / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
        var seconds = days * 86_400 + (hour * 60 + minute) * 60 + second
        if let sign = text.dropFirst(19).last(where: { $0 == "+" || $0 == "-" }),
            let offset = text.split(separator: sign).last.flatMap({
                Int64($0.filter { $0 != ":" })
            }), offset <= 2400
        {
            seconds -= (offset / 100 * 60 + offset % 100) * 60 * (sign == "-" ? -1 : 1)
        }
        let digits = text.dropFirst(20).prefix { $0.isNumber }.prefix(9)
        let fraction = text.dropFirst(19).first == "." ? digits : ""
        let scale = (fraction.count..<9).reduce(Int64(1)) { value, _ in value * 10 }
        return Timestamp(second: seconds, nanoseconds: (Int64(fraction) ?? 0) * scale)
    }

    /// `08:15:30`.
    public static func clock(_ time: Timestamp) -> String { clock(Int64(time.second)) }

    /// The same for a second since 1970.
    public static func clock(_ seconds: Int64) -> String {
        // The start of the first day is before the first number.
        let rest = seconds % 86_400
        let day = rest < 0 ? rest + 86_400 : rest
        return "\(two(day / 3600)):\(two(day / 60 % 60)):\(two(day % 60))"
    }

    /// `2026-11-21`; days to civil by Howard Hinnant's algorithm.
    public static func date(_ seconds: Int64) -> String {
        let shifted = seconds.flooredQuotient(86_400) + 719_468
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let civilYear = year + era * 400 + (civilMonth <= 2 ? 1 : 0)
        let text = String(civilYear)
        return String(repeating: "0", count: max(0, 4 - text.count)) + text
            + "-\(two(civilMonth))-\(two(day))"
    }

    /// `2026-11-21 08:15:30 UTC`.
    public static func moment(_ seconds: Int64) -> String {
        "\(date(seconds)) \(clock(seconds)) UTC"
    }

    /// The same.
    public static func moment(_ time: Timestamp) -> String { moment(Int64(time.second)) }

    /// `2026-11-21 08:15:30 to 08:16:02 UTC`, with the second date where it is another day.
    public static func span(_ start: Int64, _ end: Int64) -> String {
        let day = date(end) == date(start) ? "" : "\(date(end)) "
        return "\(date(start)) \(clock(start)) to \(day)\(clock(end)) UTC"
    }

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
