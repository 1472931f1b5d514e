/// Header fields in their order; names are case-insensitive (RFC 9110, section 5).
package struct Headers: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)] = []

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first field of a name; setting it replaces all of them.
    package subscript(name: String) -> String? {
        get { all(name).first }
        set {
            fields.removeAll { $0.name.isSame(name) }
            if let newValue { append(name, newValue) }
        }
    }

    package mutating func append(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    /// The values of every field of a name.
    func all(_ name: String) -> [String] {
        fields.filter { $0.name.isSame(name) }.map(\.value)
    }
}

extension Headers {
    /// Refuses fields that other programs may parse differently (RFC 9112, section 11.2).
    ///
    /// libmicrohttpd has already refused lines without a colon and a length that is not a number.
    func check(bodyBytes: Int) throws(ProblemDetails) {
        for (name, value) in fields {
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isToken),
                value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
            else { throw ProblemDetails(.badRequest, "a header field is malformed") }
        }
        let (lengths, codings) = (all("Content-Length"), all("Transfer-Encoding"))
        guard lengths.count <= 1, all("Host").count <= 1 else {
            throw ProblemDetails(.badRequest, "Content-Length or Host is there twice")
        }
        guard codings.isEmpty || lengths.isEmpty else {
            throw ProblemDetails(
                .badRequest, "Content-Length and Transfer-Encoding exclude each other")
        }
        guard codings.isEmpty else {
            throw ProblemDetails(.lengthRequired, "send the body whole, with Content-Length")
        }
        if let length = lengths.first {
            guard let bytes = Int(length), bytes <= bodyBytes else {
                throw ProblemDetails(
                    .contentTooLarge, "at most \(bodyBytes) bytes of body are taken")
            }
        }
    }

    /// Whether a byte may be in a name (RFC 9110, section 5.6.2).
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension String {
    fileprivate func isSame(_ other: String) -> Bool {
        utf8.count == other.utf8.count && lowercased() == other.lowercased()
    }
}
