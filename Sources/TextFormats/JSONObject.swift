/// One JSON object on one line, with its keys in the order of insertion.
public struct JSONObject: Sendable {
    private var body = ""

    public init() {}

    /// The object as text.
    public var text: String { "{\(body)}" }

    /// Adds a value that is already JSON.
    public mutating func put(_ key: String, json: String) {
        if !body.isEmpty { body += "," }
        body += Self.quoted(key) + ":" + json
    }

    public mutating func put(_ key: String, _ value: String?) {
        if let value { put(key, json: Self.quoted(value)) }
    }

    public mutating func put(_ key: String, _ value: Int?) {
        if let value { put(key, json: "\(value)") }
    }

    public mutating func put(_ key: String, _ value: Bool) {
        put(key, json: value ? "true" : "false")
    }

    /// Adds a number with at most `digits` digits after the point; null if it is not finite.
    public mutating func put(_ key: String, _ value: Double?, digits: Int = 4) {
        guard let value else { return }
        put(key, json: Self.number(value, digits: digits))
    }

    /// Adds a number with so many significant digits, such as a probability; null if it is not
    /// finite.
    public mutating func put(_ key: String, _ value: Double?, significant: Int) {
        guard let value else { return }
        put(key, json: Self.number(value, significant: significant))
    }

    public mutating func put(_ key: String, _ value: JSONObject) { put(key, json: value.text) }

    public mutating func put(_ key: String, _ values: [JSONObject]) {
        put(key, json: "[" + values.map(\.text).joined(separator: ",") + "]")
    }

    public mutating func put(_ key: String, _ values: [String]) {
        put(key, json: "[" + values.map(Self.quoted).joined(separator: ",") + "]")
    }

    /// A number as JSON, rounded; very small numbers keep their exponent.
    public static func number(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return "null" }
        var factor = 1.0
        for _ in 0..<digits { factor *= 10 }
        let scaled = value * factor
        // A small probability keeps its digits; a small time or amount is rounded.
        guard abs(scaled) < 1e15, abs(scaled) >= 1 || value == 0 || digits < 4 else {
            return "\(value)"
        }
        let rounded = scaled.rounded() / factor
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    /// A number as JSON, rounded to so many significant digits.
    public static func number(_ value: Double, significant: Int) -> String {
        guard value.isFinite else { return "null" }
        guard value != 0 else { return "0" }
        // The decimal exponent, without the rounding errors of a logarithm.
        var exponent = 0
        var scaled = abs(value)
        while scaled < 0.1, exponent > -300 {
            scaled *= 10
            exponent -= 1
        }
        while scaled >= 1 {
            scaled /= 10
            exponent += 1
        }
        var digits = 1.0
        for _ in 0..<significant { digits *= 10 }
        // Read from decimal digits, so that the nearest number is written with these digits.
        let rounded = Double("\(Int((scaled * digits).rounded()))e\(exponent - significant)")
        let signed = value < 0 ? -(rounded ?? 0) : rounded ?? 0
        return signed == signed.rounded() && abs(signed) < 1e15 ? "\(Int(signed))" : "\(signed)"
    }

    /// Text as a JSON string (RFC 8259) that is safe on a terminal.
    public static func quoted(_ text: String) -> String {
        // Most text is printable ASCII that needs no escape.
        let isPlain = text.utf8.allSatisfy {
            (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C
        }
        guard !isPlain else { return "\"\(text)\"" }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.isUnprintable: result += scalar.escape
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
