extension DNSMessage {
    /// The first question's name as text, in lower case: other bytes than letters, digits, hyphens
    /// and underscores are written as a backslash and three digits (RFC 1035, section 5.1).
    ///
    /// - Parameter bytes: the frame that the message was decoded from.
    /// - Returns: nil if the message has no name, or the frame does not contain it.
    package func name(in bytes: UnsafeRawBufferPointer) -> String? {
        // SAFETY: the frame is only read during the call, and `FrameBytes` checks its bounds.
        guard nameLength > 0, let frame = unsafe FrameBytes(bytes) else { return nil }
        var text = ""
        var at = Int(nameOffset)
        for index in 0..<Int(labelCount) {
            let length = Int(frame.u8(at))
            guard length > 0, frame.has(length, at: at + 1) else { return nil }
            if index > 0 { text += "." }
            for place in at + 1...at + length {
                text += Self.text(PacketDecoder.lowered(frame.u8(place)))
            }
            at += 1 + length
        }
        return text
    }

    private static func text(_ byte: UInt8) -> String {
        guard !isPlain(byte) else { return String(UnicodeScalar(byte)) }
        let digits = "\(byte)"
        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }

    /// Whether a byte of a label, in lower case, is written as itself.
    fileprivate static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, 0x2D, 0x5F: true
        default: false
        }
    }
}

extension NameDigest {
    /// The digest of a name in the form that `DNSMessage.name(in:)` has; nil for other text.
    package init?(ofName text: String) {
        var hasher = NameHasher()
        let dot = UInt8(ascii: ".")
        for label in text.utf8.split(separator: dot, omittingEmptySubsequences: false) {
            guard let bytes = Self.bytes(label), (1..<64).contains(bytes.count) else { return nil }
            hasher.append(UInt8(bytes.count))
            for byte in bytes { hasher.append(byte) }
        }
        self = hasher.digest()
    }

    /// The bytes of a label's text.
    private static func bytes(_ text: Substring.UTF8View) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text
        while let first = rest.popFirst() {
            if DNSMessage.isPlain(first) {
                bytes.append(first)
                continue
            }
            let digits = rest.prefix(3)
            guard first == UInt8(ascii: "\\"), digits.count == 3,
                digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let byte = UInt8(String(Substring(digits)))
            else { return nil }
            bytes.append(PacketDecoder.lowered(byte))
            rest = rest.dropFirst(3)
        }
        return bytes
    }
}
