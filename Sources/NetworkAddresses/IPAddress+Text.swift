extension IPAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Dotted quad, or RFC 5952 for IPv6.
    public var description: String {
        if isIPv4 {
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        let groups = (0..<8).map {
            UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - UInt64($0 % 4) * 16))
        }
        let gap = Self.longestZeroRun(groups)
        func hex(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard gap.count > 1 else { return hex(groups[...]) }
        return hex(groups[..<gap.lowerBound]) + "::" + hex(groups[gap.upperBound...])
    }

    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            guard group == 0 else {
                start = index + 1
                continue
            }
            if index + 1 - start > best.count { best = start..<(index + 1) }
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
