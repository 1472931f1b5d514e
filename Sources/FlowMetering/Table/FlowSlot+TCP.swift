internal import NetworkAddresses
internal import PacketDecoding

/// The letters of Zeek's `history`; the raw value is the letter's index in `HistoryLetter.text`,
/// and its bit in `SideCounters.letters`.
enum HistoryLetter: UInt8 {
    case syn, synAck, ack, data, fin, reset, retransmission, window
    case flipped

    /// The letters; lower case is the responder's, upper case the originator's.
    static let text: [UInt8] = Array("shadfrtw^".utf8)
}

extension SideCounters {
    /// The result of a segment of this end.
    struct Segment {
        /// The history letters that are new for this end, one bit each.
        var newLetters: UInt8
        var isRetransmission: Bool
    }

    /// Adds a letter; returns false if this end already has it.
    @inline(__always)
    mutating func add(_ letter: HistoryLetter) -> Bool {
        let bit: UInt8 = 1 << letter.rawValue
        defer { letters |= bit }
        return letters & bit == 0
    }

    /// Updates the TCP state (RFC 9293) with one segment of this end.
    @inline(__always)
    mutating func follow(_ packet: inout Packet) -> Segment {
        let flags = packet.tcpFlags
        let length = packet.payloadLength
        let control = UInt32(flags & 1) &+ UInt32(flags >> 1 & 1)
        let end = packet.tcpSequence &+ length &+ control
        let before = letters
        var isRetransmission = false
        let ahead = Int32(bitPattern: end &- nextSequence)
        if before == 0 || ahead > 0 || flags & 2 != 0 {
            nextSequence = end
        } else if length > 0, !(length == 1 && ahead == 0) {
            // A single byte before the next sequence number is a keep-alive (RFC 9293, 3.8.4).
            isRetransmission = true
            retransmissions &+= 1
        }
        var now = before | (length > 0 ? 8 : 0) | (flags & 0x01) << 4 | (flags & 0x04) << 3
        if flags & 0x02 != 0 {
            now |= flags & 0x10 != 0 ? 2 : 1
        } else if flags & 0x15 == 0x10 {
            now |= length == 0 ? 4 : 0
        }
        if isRetransmission { now |= 64 }
        if packet.tcpWindow == 0, flags & 0x07 == 0 { now |= 128 }
        letters = now
        return Segment(newLetters: now & ~before, isRetransmission: isRetransmission)
    }
}

extension FlowSlot {
    /// Adds a letter to the history; lower case is the responder's. The first twelve letters are
    /// kept.
    mutating func note(_ letter: HistoryLetter, fromOriginator: Bool) {
        let code = UInt64(letter.rawValue &+ 1) | (fromOriginator ? 16 : 0)
        let length = (64 &- history.leadingZeroBitCount &+ 4) / 5
        guard length < 12 else { return }
        history |= code << UInt64(length &* 5)
    }

    /// Sets the originator by a SYN, for a connection whose first packet was not the SYN.
    mutating func adoptOriginator(isHigh: Bool) {
        guard !bits.contains(.closed) else { return }
        bits.remove(.midstream)
        guard bits.contains(.originatorIsHigh) != isHigh else { return }
        bits.formSymmetricDifference(.originatorIsHigh)
    }

    /// Adds the letters whose bits are set.
    @inline(never)
    mutating func noteAll(_ new: UInt8, fromOriginator: Bool) {
        for place in UInt8(0)..<8 where new & (1 << place) != 0 {
            guard let letter = HistoryLetter(rawValue: place) else { continue }
            note(letter, fromOriginator: fromOriginator)
        }
    }

    /// Updates the connection's state: established, refused, reset, finished.
    @inline(never)
    mutating func turn(
        _ flags: UInt8, _ isFromOriginator: Bool, _ events: inout FlowUpdate.Events
    ) {
        let originator = originatorLetters
        let responder = responderLetters
        if !bits.contains(.established), isFromOriginator, flags & 0x16 == 0x10,
            originator & 1 != 0, responder & 2 != 0
        {
            bits.insert(.established)
            events.insert(.established)
        }
        if flags & 0x04 != 0, !bits.contains(.closed) {
            bits.insert(.closed)
            if !isFromOriginator, originator & 1 != 0, responder & 2 == 0 {
                bits.insert(.refused)
                events.insert(.refused)
            } else {
                events.insert(.reset)
            }
        }
        if flags & 0x01 != 0, originator & responder & 16 != 0, !bits.contains(.closed) {
            bits.insert(.closed)
            events.insert(.finished)
        }
    }

    /// The letters that the originator has sent.
    var originatorLetters: UInt8 {
        bits.contains(.originatorIsHigh) ? fromHigh.letters : fromLow.letters
    }

    var responderLetters: UInt8 {
        bits.contains(.originatorIsHigh) ? fromLow.letters : fromHigh.letters
    }
}
