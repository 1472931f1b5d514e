import Indicators

/// DNS as far as the features need it (RFC 1035).
extension PacketDecoder {
    /// Decodes the messages in a segment.
    @inline(never)
    func dnsOverTCP(_ cursor: Cursor, _ packet: inout Packet) {
        // What was not captured says nothing about the rest.
        if packet.destinationPort == 53, cursor.frame.count >= cursor.end,
            questions(in: cursor, &packet)
        {
            return
        }
        guard packet.payloadLength > 2 else { return }
        firstOverTCP(cursor, &packet)
    }

    /// Decodes the message whose length a segment starts with.
    private func firstOverTCP(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        let length = Int(cursor.u16(0))
        guard length >= 12, cursor.has(14) else { return }
        // A segment in the middle of a message must not be decoded: the length must be plausible.
        guard length &+ 2 <= max(Int(packet.payloadLength), 1460) else { return }
        cursor.at &+= 2
        dns(cursor, &packet)
        if packet.dns.kind == .malformed { packet.dns = DNSMessage() }
    }

    @inline(never)
    func dns(_ cursor: Cursor, _ packet: inout Packet) {
        var message = DNSMessage()
        guard cursor.has(12), cursor.end &- cursor.at >= 12 else {
            if cursor.end > cursor.at { message.kind = .malformed }
            packet.dns = message
            return
        }
        let flags = cursor.u16(2)
        message.identifier = cursor.u16(0)
        message.responseCode = UInt8(flags & 15)
        message.answerCount = cursor.u16(6)
        let questions = cursor.u16(4)
        // Opcodes above 6 are not assigned; messages with many questions are not used.
        guard flags >> 11 & 15 <= 6, questions <= 16 else {
            message.kind = .malformed
            packet.dns = message
            return
        }
        message.kind = flags & 0x8000 == 0 ? .query : .response
        if questions > 0, !question(cursor, &message) { message.kind = .malformed }
        packet.dns = message
    }

    /// Reads the first question; returns false if its name is invalid.
    private func question(_ cursor: borrowing Cursor, _ message: inout DNSMessage) -> Bool {
        let frame = cursor.frame
        let end = min(cursor.end, frame.count)
        var at = cursor.at &+ 12
        var nameLength = 0
        // The offsets of the last two labels.
        var lastStart = 0
        var secondLastStart = 0
        let start = at
        message.nameOffset = UInt16(truncatingIfNeeded: start)
        while true {
            guard at < end else { return false }
            let length = Int(frame.u8(at))
            if length == 0 { break }
            // The first question's name is the first name, so it cannot contain a pointer.
            guard length < 64, at &+ 1 &+ length <= end, nameLength &+ length < 255 else {
                return false
            }
            secondLastStart = lastStart
            lastStart = nameLength
            message.labelCount &+= 1
            nameLength &+= length &+ 1
            at &+= length &+ 1
        }
        guard nameLength > 0 else {
            message.questionType = frame.u16(at &+ 1)
            return true
        }
        message.nameLength = UInt8(truncatingIfNeeded: nameLength &- 1)
        message.dataLength = message.nameLength
        message.questionType = frame.u16(at &+ 1)
        // What an answer repeats of its question is of interest only where it refuses it.
        guard options.describesNames, message.kind == .query || message.responseCode == 3 else {
            return true
        }
        message.nameDigest = digest(frame, from: start, count: nameLength)
        guard message.kind == .query else { return true }
        message.isReverse = isReverse(
            frame, from: start, suffixAt: start &+ secondLastStart, count: nameLength,
            labels: Int(message.labelCount))
        message.isLocal = isLocal(
            frame, from: start, lastAt: start &+ lastStart, suffixAt: start &+ secondLastStart)
        if nameLength > Self.longName {
            message.domain = domain(
                frame, from: start &+ secondLastStart, count: nameLength &- secondLastStart)
        }
        // An address is 32 digits and as many dots, for 16 bytes.
        let isOfAddress =
            message.labelCount >= 34 && !message.isReverse
            && isHexadecimal(frame, from: start, labels: 32)
        if isOfAddress { message.dataLength &-= 48 }
        if listedNames != nil {
            message.listedName = listedName(frame, from: start, count: nameLength)
        }
        let measured = message.labelCount > 2 ? secondLastStart : nameLength
        // Its digits say nothing about who asks for it.
        let skipped = isOfAddress ? 64 : 0
        message.nameEntropyHundredths = entropyTable.entropyHundredths(
            of: frame, from: start &+ skipped, count: measured &- skipped)
        return true
    }

    /// The digest of labels with their lengths: a label may have a dot in it. Lower case does not
    /// change a length, which is below 64.
    private func digest(_ frame: FrameBytes, from start: Int, count: Int) -> NameDigest {
        var hasher = NameHasher()
        for offset in 0..<count { hasher.append(Self.lowered(frame.u8(start &+ offset))) }
        return hasher.digest()
    }

    /// Bytes of names whose domain is of interest: shorter ones carry little.
    private static let longName = 32

    /// FNV-1a of labels with their lengths.
    private func domain(_ frame: FrameBytes, from start: Int, count: Int) -> UInt32 {
        var digest = DNSMessage.emptyDomain
        for offset in 0..<count {
            digest = DNSMessage.domain(digest, appending: Self.lowered(frame.u8(start &+ offset)))
        }
        return digest
    }

    /// Whether a name stands for a whole address: four decimal labels and `in-addr.arpa` (RFC 1035,
    /// 3.5), or 32 hexadecimal digits and `ip6.arpa` (RFC 3596, 2.5).
    private func isReverse(
        _ frame: FrameBytes, from start: Int, suffixAt suffix: Int, count: Int, labels: Int
    ) -> Bool {
        guard labels == 6 || labels == 34 else { return false }
        let isOfIPv4 = labels == 6
        guard start &+ count &- suffix == (isOfIPv4 ? 13 : 9) else { return false }
        var ending: UInt128 = 0
        for offset in suffix..<(start &+ count) {
            ending = ending << 8 | UInt128(Self.lowered(frame.u8(offset)))
        }
        // Each label after its length.
        let inAddrARPA: UInt128 = 0x07_696E_2D61_6464_7204_6172_7061
        let ip6ARPA: UInt128 = 0x03_6970_3604_6172_7061
        guard ending == (isOfIPv4 ? inAddrARPA : ip6ARPA) else { return false }
        var at = start
        while at < suffix {
            let length = Int(frame.u8(at))
            guard length <= (isOfIPv4 ? 3 : 1) else { return false }
            for offset in 1...max(length, 1) {
                let byte = Self.lowered(frame.u8(at &+ offset))
                guard 48...57 ~= byte || !isOfIPv4 && 97...102 ~= byte else { return false }
            }
            at &+= length &+ 1
        }
        return true
    }

    /// Whether the first labels of a name are hexadecimal digits.
    private func isHexadecimal(_ frame: FrameBytes, from start: Int, labels: Int) -> Bool {
        for label in 0..<labels {
            let byte = Self.lowered(frame.u8(start &+ 2 &* label &+ 1))
            guard frame.u8(start &+ 2 &* label) == 1, 48...57 ~= byte || 97...102 ~= byte else {
                return false
            }
        }
        return true
    }

    /// Whether the last label is a domain that is not delegated: RFC 6762 (3 and appendix G),
    /// RFC 8375 (`home.arpa`), and ICANN's resolution on `internal`.
    private func isLocal(
        _ frame: FrameBytes, from start: Int, lastAt last: Int, suffixAt suffix: Int
    ) -> Bool {
        let length = Int(frame.u8(last))
        guard 3...8 ~= length, last > start else { return false }
        var label: UInt64 = 0
        for offset in 1...length {
            label = label << 8 | UInt64(Self.lowered(frame.u8(last &+ offset)))
        }
        switch label {
        // local, internal, intranet, private, corp, home, lan
        case 0x6C_6F63_616C, 0x696E_7465_726E_616C, 0x696E_7472_616E_6574, 0x70_7269_7661_7465,
            0x636F_7270, 0x686F_6D65, 0x6C_616E:
            return true
        // arpa, below home
        case 0x6172_7061:
            guard frame.u8(suffix) == 4 else { return false }
            var domain: UInt64 = 0
            for offset in 1...4 {
                domain = domain << 8 | UInt64(Self.lowered(frame.u8(suffix &+ offset)))
            }
            return domain == 0x686F_6D65
        default: return false
        }
    }

    /// The number of the longest listed suffix of a name of `count` bytes without the root; or 0.
    private func listedName(_ frame: FrameBytes, from start: Int, count: Int) -> UInt32 {
        var name = InlineArray<256, UInt8>(repeating: 0)
        var at = 0
        while at < count {
            let length = Int(frame.u8(start &+ at))
            name[at] = UInt8(truncatingIfNeeded: length)
            for offset in 1...max(length, 1) {
                name[at &+ offset] = Self.lowered(frame.u8(start &+ at &+ offset))
            }
            at &+= length &+ 1
        }
        return listedNames?.find(name.span.extracting(0..<count)) ?? 0
    }

    @inline(__always)
    static func lowered(_ byte: UInt8) -> UInt8 {
        byte >= 65 && byte <= 90 ? byte | 32 : byte
    }
}

/// Computes the Shannon entropy of short names with a table of n log2 n.
struct EntropyTable: Sendable {
    private let weights: [Float]

    init() {
        weights = (0..<256).map { count in
            count < 2 ? 0 : Float(count) * Self.log2(Float(count))
        }
    }

    /// Computes log2 by halving and squaring, exact to about 1e-6; the small table needs no
    /// library.
    static func log2(_ value: Float) -> Float {
        var rest = Double(value.significand)
        var result = Double(value.exponent)
        var bit = 0.5
        for _ in 0..<24 {
            rest *= rest
            if rest >= 2 {
                rest /= 2
                result += bit
            }
            bit /= 2
        }
        return Float(result)
    }

    /// Returns the entropy of the label bytes of a name in wire format from `start` on: `count`
    /// bytes of its text without dots; in hundredths of a bit per byte.
    func entropyHundredths(of frame: FrameBytes, from start: Int, count: Int) -> UInt16 {
        var histogram = InlineArray<256, UInt8>(repeating: 0)
        var at = start
        var total = 0
        var sum: Float = 0
        while at &- start < count {
            let length = Int(frame.u8(at))
            guard length > 0 else { break }
            for offset in 1...length {
                let byte = Int(PacketDecoder.lowered(frame.u8(at &+ offset)))
                let seen = Int(histogram[byte])
                guard seen < 255 else { return 0 }
                histogram[byte] = UInt8(seen &+ 1)
                sum += weights[seen &+ 1] - weights[seen]
            }
            total &+= length
            at &+= length &+ 1
        }
        guard total > 0, total < 256 else { return 0 }
        let entropy = (weights[total] - sum) / Float(total)
        return UInt16(max(0, entropy * 100).rounded())
    }
}
