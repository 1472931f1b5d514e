/// Names of hosts as text.
package enum NameText {
    /// The labels of a name as in a DNS message, in lower case, without the root.
    ///
    /// - Parameter text: letters, digits, `-`, `_` and dots; a leading `*.` or dot, and a dot at
    ///   the end, are left out.
    /// - Returns: nil for anything else, and for what looks like an address.
    package static func wire(_ text: ArraySlice<UInt8>) -> (name: [UInt8], labels: Int)? {
        var text = text
        if text.starts(with: "*.".utf8) { text = text.dropFirst() }
        if text.first == UInt8(ascii: ".") { text = text.dropFirst() }
        if text.last == UInt8(ascii: ".") { text = text.dropLast() }
        guard (1...253).contains(text.count) else { return nil }
        var name: [UInt8] = []
        name.reserveCapacity(text.count + 1)
        var labels = 0
        var place = 0
        var isNumber = true
        name.append(0)
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard close(&name, at: place) else { return nil }
                labels += 1
                place = name.count
                isNumber = true
                name.append(0)
                continue
            }
            guard isLetter(byte) else { return nil }
            if !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { isNumber = false }
            name.append(byte >= 65 && byte <= 90 ? byte | 32 : byte)
        }
        // The last label of an address is a number, that of a name never is.
        guard close(&name, at: place), !isNumber else { return nil }
        return (name, labels + 1)
    }

    private static func close(_ name: inout [UInt8], at place: Int) -> Bool {
        let length = name.count - place - 1
        guard (1...63).contains(length) else { return false }
        name[place] = UInt8(length)
        return true
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Whether everybody may have names below this one: a top-level domain, or a second-level
    /// domain of a country's registry such as `co.uk`.
    static func isShared(_ name: [UInt8], labels: Int) -> Bool {
        guard labels > 1 else { return true }
        guard labels == 2, let first = name.first else { return false }
        let second = name[1..<(1 + Int(first))]
        let country = name.count - Int(first) - 2
        return country == 2 && registries.contains { second.elementsEqual($0.utf8) }
    }

    private static let registries = [
        "ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "mil", "ne", "net", "nom", "or",
        "org", "sch",
    ]
}
