extension IPAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Dotted quad, or RFC 5952 for IPv6.
    public var description: String {
        var text = ShortText()
        if isIPv4 {
            for shift in stride(from: UInt32(24), through: 0, by: -8) {
                if shift < 24 { text.append(UInt8(ascii: ".")) }
                text.append(v4 >> shift & 255, radix: 10)
            }
            return text.string
        }
        let gap = longestZeroRun
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, gap.count > 1 {
                text.append(UInt8(ascii: ":"))
                text.append(UInt8(ascii: ":"))
                index = gap.upperBound
                continue
            }
            if index > 0, index != gap.upperBound || gap.count < 2 {
                text.append(UInt8(ascii: ":"))
            }
            text.append(UInt32(group(index)), radix: 16)
            index += 1
        }
        return text.string
    }

    /// The 16 bits of a group of an IPv6 address, the first is 0.
    private func group(_ index: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> (48 - UInt64(index % 4) * 16))
    }

    /// The groups that RFC 5952 abbreviates, if they are more than one.
    private var longestZeroRun: Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0..<8 {
            if group(index) != 0 {
                start = index + 1
            } else if index + 1 - start > best.count {
                best = start..<(index + 1)
            }
        }
        return best
    }

    /// Parses a dotted quad (four decimal numbers, no leading zeros) or an IPv6 address, with an
    /// embedded dotted quad at its end allowed; no zone. Nil for anything else.
    public init?(_ text: String) {
        if !text.utf8.contains(UInt8(ascii: ":")) {
            guard let quad = Self.parseQuad(text[...]) else { return nil }
            self.init(v4: quad)
            return
        }
        guard let groups = Self.parseGroups(text) else { return nil }
        self.init(
            high: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            low: groups[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }

    private static func parseQuad(_ text: Substring) -> UInt32? {
        var value: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                part = 0
                digits = 0
                dots += 1
                continue
            }
            let digit = UInt32(byte) &- UInt32(UInt8(ascii: "0"))
            guard digit <= 9, digits == 0 || part > 0 else { return nil }
            part = part * 10 + digit
            digits += 1
            guard part <= 255 else { return nil }
        }
        return dots == 3 && digits > 0 ? value << 8 | part : nil
    }

    private static func parseGroups(_ text: String) -> [UInt16]? {
        var text = text[...]
        var tail: [UInt16] = []
        if text.utf8.contains(UInt8(ascii: ".")) {
            guard let colon = text.lastIndex(of: ":"),
                let quad = parseQuad(text[text.index(after: colon)...])
            else { return nil }
            tail = [UInt16(quad >> 16), UInt16(quad & 0xFFFF)]
            // In "::1.2.3.4" and "1::1.2.3.4", the last colon belongs to the `::`.
            text = text[..<colon].hasSuffix(":") ? text[...colon] : text[..<colon]
        }
        func parse(_ part: Substring) -> [UInt16]? {
            if part.isEmpty { return [] }
            var groups: [UInt16] = []
            for piece in part.split(separator: ":", omittingEmptySubsequences: false) {
                guard (1...4).contains(piece.utf8.count),
                    piece.allSatisfy({ $0.isHexDigit && $0.isASCII }),
                    let group = UInt16(piece, radix: 16)
                else { return nil }
                groups.append(group)
            }
            return groups
        }
        let full = 8 - tail.count
        guard let gap = text.range(of: "::") else {
            guard let groups = parse(text), groups.count == full else { return nil }
            return groups + tail
        }
        guard let head = parse(text[..<gap.lowerBound]), let rest = parse(text[gap.upperBound...]),
            head.count + rest.count < full
        else { return nil }
        return head + Array(repeating: 0, count: full - head.count - rest.count) + rest + tail
    }
}

extension Substring {
    /// The range of the first occurrence of `pattern`, or nil.
    fileprivate func range(of pattern: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(pattern) {
                return start..<index(start, offsetBy: pattern.count)
            }
            start = index(after: start)
        }
        return nil
    }
}

/// The characters of an address, at most 39 and all ASCII, without memory of their own.
private struct ShortText {
    private var bytes = InlineArray<39, UInt8>(repeating: 0)
    private var count = 0

    mutating func append(_ byte: UInt8) {
        bytes[count] = byte
        count += 1
    }

    /// Appends a number below 65,536.
    mutating func append(_ number: UInt32, radix: UInt32) {
        var place: UInt32 = 1
        while number / place >= radix { place *= radix }
        while place > 0 {
            let digit = UInt8(number / place % radix)
            append(digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
            place /= radix
        }
    }

    var string: String {
        do {
            return String(copying: try UTF8Span(validating: bytes.span.extracting(first: count)))
        } catch {
            preconditionFailure("\(error): all bytes are ASCII")
        }
    }
}
