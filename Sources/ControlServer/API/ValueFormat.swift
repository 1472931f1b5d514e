internal import Quarantine
internal import TextFormats

/// A value in a request: the text of a query, or a member of a JSON object.
enum RequestValue: Decodable, Sendable {
    case text(String)
    case boolean(Bool)
    case null
    /// A number, an array or an object, which no operation accepts.
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let boolean = try? container.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .other
        }
    }
}

/// The format of values of one type in requests: the schema for the OpenAPI document, and the
/// decoder.
struct ValueFormat<Value: Sendable>: Sendable {
    let schema: Schema
    /// The expected value, for the error to a client that sent another one.
    let expectation: String
    /// Returns nil if the request's value does not have this format.
    let decode: @Sendable (RequestValue) -> Value?
    /// A value as JSON, for defaults in the OpenAPI document.
    let json: @Sendable (Value) -> String
}

extension ValueFormat where Value == Int64 {
    /// A whole number in a query or a header field.
    static func integer(_ range: ClosedRange<Int64>) -> Self {
        Self(
            schema: .integer(range),
            expectation: range.upperBound == .max
                ? "a whole number, \(range.lowerBound) or more"
                : "a whole number, \(range.lowerBound) to \(range.upperBound)",
            decode: { value in
                guard case .text(let text) = value, let number = Int64(text) else { return nil }
                return range.contains(number) ? number : nil
            }, json: { "\($0)" })
    }
}

extension ValueFormat where Value == String {
    /// - Parameter maxLength: in Unicode code points.
    static func text(maxLength: Int) -> Self {
        Self(
            schema: .string(maxLength: maxLength),
            expectation: "text of at most \(maxLength) characters",
            decode: { value in
                guard case .text(let text) = value, text.unicodeScalars.count <= maxLength else {
                    return nil
                }
                return text
            }, json: JSONText.quoted)
    }
}

extension ValueFormat where Value == Bool {
    /// A member of a JSON object.
    static var boolean: Self {
        Self(
            schema: .boolean, expectation: "true or false",
            decode: { value in
                guard case .boolean(let boolean) = value else { return nil }
                return boolean
            }, json: { "\($0)" })
    }
}

extension ValueFormat where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the type's cases.
    static var enumeration: Self {
        let values = Value.allCases.map(\.rawValue)
        return Self(
            schema: .string(oneOf: values),
            expectation: "one of \(values.joined(separator: ", "))",
            decode: { value in
                guard case .text(let text) = value else { return nil }
                return Value(rawValue: text)
            }, json: { JSONText.quoted($0.rawValue) })
    }
}

extension ValueFormat where Value == TimeSpan {
    /// A positive time such as 10m.
    static var duration: Self {
        Self(
            schema: .string.with("pattern", JSONText.quoted("^([0-9]+[dhms])+$")),
            expectation: "a time such as 90s, 10m, 1h or 2d",
            decode: { value in
                guard case .text(let text) = value, let span = TimeSpan(text), span.seconds > 0
                else { return nil }
                return span
            }, json: { JSONText.quoted("\($0)") })
    }
}

extension ValueFormat where Value == QuarantineTarget {
    static var target: Self {
        Self(
            schema: .string(maxLength: 64),
            expectation: "an address, a prefix, a MAC address or port:NAME",
            decode: { value in
                guard case .text(let text) = value, text.utf8.count <= 64 else { return nil }
                return QuarantineTarget(text)
            }, json: { JSONText.quoted("\($0)") })
    }
}
