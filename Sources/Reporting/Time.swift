/// Times as text, always UTC, without a calendar library: RFC 3339.
public enum UTC {
    /// `2026-11-21T08:15:30.000123+0000`, as Suricata writes it.
    public static func timestamp(nanoseconds: Int64) -> String {
        let seconds = nanoseconds.flooredQuotient(1_000_000_000)
        let micros = (nanoseconds - seconds * 1_000_000_000) / 1000
        let digits = String(micros)
        return "\(date(seconds))T\(clock(seconds))."
            + String(repeating: "0", count: 6 - digits.count)
            + digits + "+0000"
    }

    /// `08:15:30`.
    public static func clock(_ seconds: Int64) -> String {
        let day = seconds - seconds.flooredQuotient(86_400) * 86_400
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

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
