package import Timestamps

/// A time span as Go writes it: `1h2m3.5s`, `-36ms`.
package enum GoDuration {
    /// Nil for other text.
    package static func parse(_ text: String) -> Interval? {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        guard !rest.isEmpty else { return nil }
        if rest.elementsEqual("0".utf8) { return .zero }
        var seconds = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2E }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { !($0 >= 0x30 && $0 <= 0x39 || $0 == 0x2E) }
            rest = rest.dropFirst(letters.count)
            guard let number = Double(String(decoding: digits, as: UTF8.self)),
                let unit = units[String(decoding: letters, as: UTF8.self)]
            else { return nil }
            seconds += number * unit
        }
        guard seconds.isFinite, seconds < 9e9 else { return nil }
        return .seconds(isNegative ? -seconds : seconds)
    }

    private static let units: [String: Double] = [
        "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9,
    ]
}
