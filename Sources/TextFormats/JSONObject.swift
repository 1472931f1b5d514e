/// One JSON object on one line, with its keys in the order of insertion.
public struct JSONObject: Sendable {
    /// UTF-8, without the braces.
    private var body: [UInt8] = []

    public init() {}

    /// The object as text.
    public var text: String { "{" + String(decoding: body, as: UTF8.self) + "}" }

    /// Adds a value that is already JSON.
    public mutating func put(_ key: String, json: String) {
        begin(key)
        body += json.utf8
    }

    /// Adds a key, and what separates it from the member before.
    private mutating func begin(_ key: String) {
        if !body.isEmpty { body.append(UInt8(ascii: ",")) }
        append(quoted: key)
        body.append(UInt8(ascii: ":"))
    }

    private mutating func append(quoted text: String) {
        let start = body.count
        body.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            guard Self.isPlain(byte) else {
                body.removeSubrange(start...)
                body += Self.quoted(text).utf8
                return
            }
            body.append(byte)
        }
        body.append(UInt8(ascii: "\""))
    }

    private mutating func append(_ object: JSONObject) {
        body.append(UInt8(ascii: "{"))
        body += object.body
        body.append(UInt8(ascii: "}"))
    }

    public mutating func put(_ key: String, _ value: String?) {
        guard let value else { return }
        begin(key)
        append(quoted: value)
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

    public mutating func put(_ key: String, _ value: JSONObject) {
        begin(key)
        append(value)
    }

    public mutating func put(_ key: String, _ values: [JSONObject]) {
        begin(key)
        putList(values) { $0.append($1) }
    }

    public mutating func put(_ key: String, _ values: [String]) {
        begin(key)
        putList(values) { $0.append(quoted: $1) }
    }

    private mutating func putList<Value>(
        _ values: [Value], _ append: (inout JSONObject, Value) -> Void
    ) {
        body.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            append(&self, value)
        }
        body.append(UInt8(ascii: "]"))
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
        guard !text.utf8.allSatisfy(isPlain) else { return "\"\(text)\"" }
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

    /// Whether a byte is printable ASCII that needs no escape.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x20...0x7E).contains(byte) && byte != 0x22 && byte != 0x5C
    }
}
