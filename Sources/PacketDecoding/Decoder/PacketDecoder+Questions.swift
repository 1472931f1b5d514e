/// Questions of DNS that share a segment, or that are cut into several segments or fragments: names
/// can hide there.
extension PacketDecoder {
    /// The bytes of a message besides its name: header, root label, type and class.
    private static let besidesName = 17
    /// The bytes of a name, at most.
    private static let longestName = 253
    /// The bytes up to which a name is ordinary.
    package static let ordinaryName = 45
    /// The most messages that are read in a segment.
    private static let mostMessages = 64
    /// The bytes of a segment, without offloading.
    private static let segmentLength = 1460

    /// Reads all questions in a segment from a client.
    ///
    /// The packet's message is that with the longest name that may carry data; `furtherBytes` has
    /// what the others carry, and `unreadBytes` what may be of names that cannot be read.
    ///
    /// - Returns: false if it is one message without a question.
    func questions(in cursor: Cursor, _ packet: inout Packet) -> Bool {
        let end = cursor.end
        var part = cursor
        if isWholeQuestion(part) {
            dns(part, &packet)
            return true
        }
        var best = DNSMessage()
        var last = NameDigest.none
        var further = 0
        var unread = 0
        var count = 0
        while part.at < end, count < Self.mostMessages {
            let room = end &- part.at
            let length = room < 2 ? 0 : Int(part.u16(0))
            // Some clients send a message's length by itself.
            if room == 2, Self.besidesName...512 ~= length {
                part.at = end
                break
            }
            guard room > 2, length >= 12 else { break }
            var message = part
            message.at &+= 2
            message.end = min(end, message.at &+ length)
            guard mayBeQuestion(message, length: length) else {
                // One answer, or one message for something else.
                if count == 0, room == length &+ 2 { return false }
                break
            }
            part.at = message.end
            count &+= 1
            dns(message, &packet)
            guard packet.dns.kind == .query else {
                unread &+= min(max(length &- Self.besidesName, 1), Self.longestName)
                continue
            }
            note(packet.dns, &best, &last, &further)
        }
        unread &+= Self.nameBytes(in: end &- part.at)
        packet.dns = best
        if best.kind != .query, unread > 0 { packet.dns.kind = .cut }
        packet.dns.questionCount = UInt8(clamping: count &+ unread / 64)
        packet.dns.furtherBytes = UInt16(clamping: further)
        packet.dns.unreadBytes = UInt16(clamping: unread)
        return true
    }

    /// Notes a question of several in a segment: the one whose name can carry most is kept.
    private func note(
        _ message: DNSMessage, _ best: inout DNSMessage, _ last: inout NameDigest,
        _ further: inout Int
    ) {
        let carried = message.carriedBytes
        defer { last = message.nameDigest }
        guard best.kind == .query else {
            best = message
            return
        }
        // A client may ask for the addresses of both families at once.
        guard carried > 0, message.nameDigest != last, message.nameDigest != best.nameDigest
        else { return }
        further &+= min(carried, best.carriedBytes)
        if carried > best.carriedBytes { best = message }
    }

    /// The bytes of names in a part of a stream that cannot be read. A long message, such as an
    /// update with a signature, goes on in a segment or two without a name.
    private static func nameBytes(in count: Int) -> Int {
        min(max(count, 0), longestName &* (1 &+ count / segmentLength))
    }

    /// Whether what there is of a message of `length` bytes begins like a question.
    private func mayBeQuestion(_ cursor: Cursor, length: Int) -> Bool {
        let room = cursor.end &- cursor.at
        // No answer, and of an opcode that is assigned.
        if room >= 4, cursor.u16(2) & 0x8000 != 0 || cursor.u16(2) >> 11 & 15 > 6 { return false }
        if room >= 6, cursor.u16(4) != 1 { return false }
        return length >= Self.besidesName
    }

    /// Whether a segment is one whole question, whose length was in the segment before.
    private func isWholeQuestion(_ cursor: Cursor) -> Bool {
        let room = cursor.end &- cursor.at
        guard room >= Self.besidesName, room <= 1024, cursor.u16(2) & 0xF800 == 0,
            cursor.u16(4) == 1, cursor.u16(6) == 0, cursor.u16(8) == 0, cursor.u16(10) <= 2
        else { return false }
        var at = 12
        while at < room {
            let length = Int(cursor.u8(at))
            guard length < 64 else { return false }
            at &+= length &+ 1
            if length == 0 { break }
        }
        at &+= 4
        // Without additional records nothing follows.
        return cursor.u16(10) == 0 ? at == room : at < room
    }

    /// Notes a question whose first fragment ends within its name.
    ///
    /// - Parameter length: that of the message, as the header of UDP has it.
    func cutQuestion(_ cursor: Cursor, length: Int, _ packet: inout Packet) {
        guard packet.dns.kind != .query, packet.dns.kind != .response,
            cursor.frame.count >= cursor.end, length > Self.besidesName,
            length > cursor.end &- cursor.at,
            mayBeQuestion(cursor, length: length)
        else { return }
        packet.dns = DNSMessage()
        packet.dns.kind = .cut
        packet.dns.unreadBytes = UInt16(
            clamping: min(length &- Self.besidesName, Self.longestName))
    }
}

extension DNSMessage {
    /// Bytes beyond the length of an ordinary name that a question can carry to a server outside.
    fileprivate var carriedBytes: Int {
        guard !isReverse, !isLocal, !isOperated else { return 0 }
        return max(Int(dataLength) &- PacketDecoder.ordinaryName, 0)
    }

    /// Whether the operator of a content network or a cloud answers the questions for its names.
    package var isOperated: Bool { domain != 0 && Self.operatedDomains.contains(domain) }

    /// Domains below which a cloud or a content network gives names to its customers and answers
    /// the questions for them itself: no customer's server sees them.
    private static let operatedDomains = Set(
        [
            "amazonaws.com", "cloudfront.net", "akamai.net", "akamaiedge.net", "akamaized.net",
            "edgekey.net", "edgesuite.net", "akadns.net", "fastly.net", "fastlylb.net",
            "azureedge.net", "azurefd.net", "trafficmanager.net", "msedge.net", "b-cdn.net",
            "googleusercontent.com", "llnwd.net", "footprint.net",
        ].map(DNSMessage.domain(of:)))
}
