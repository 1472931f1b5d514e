internal import NetworkAddresses
internal import PacketDecoding

/// Letters of Zeek's `history`; the raw value is the letter's place in `HistoryLetter.text`.
enum HistoryLetter: UInt8 {
    case syn, synAck, ack, data, fin, reset, retransmission, window
    case flipped

    /// Lower case is the responder's, upper case the originator's.
    static let text: [UInt8] = Array("shadfrtw^".utf8)
}

extension FlowSlot {
    /// Adds a letter where its side does not have it yet. Twelve letters are kept.
    @inline(__always)
    mutating func note(_ letter: HistoryLetter, fromHigh: Bool, fromOriginator: Bool) {
        let bit: UInt8 = 1 << letter.rawValue
        if fromHigh {
            guard self.fromHigh.letters & bit == 0 else { return }
            self.fromHigh.letters |= bit
        } else {
            guard fromLow.letters & bit == 0 else { return }
            fromLow.letters |= bit
        }
        note(letter, fromOriginator: fromOriginator)
    }

    mutating func note(_ letter: HistoryLetter, fromOriginator: Bool) {
        let code = UInt64(letter.rawValue &+ 1) | (fromOriginator ? 16 : 0)
        let length = (64 &- history.leadingZeroBitCount &+ 4) / 5
        guard length < 12 else { return }
        history |= code << UInt64(length &* 5)
    }

    /// A SYN shows who opened a connection that was first seen from its middle, or whose SYN came late.
    mutating func adoptOriginator(isHigh: Bool) {
        guard !bits.contains(.closed) else { return }
        bits.remove(.midstream)
        guard bits.contains(.originatorIsHigh) != isHigh else { return }
        bits.formSymmetricDifference(.originatorIsHigh)
    }

    /// Follows a connection (RFC 9293) by one segment.
    @inline(__always)
    mutating func tcp(
        _ packet: inout Packet, _ isFromHigh: Bool, _ isFromOriginator: Bool,
        _ events: inout FlowUpdate.Events
    ) {
        let flags = packet.tcpFlags
        let length = packet.payloadLength
        let control = UInt32(flags & 1) &+ UInt32(flags >> 1 & 1)
        let end = packet.tcpSequence &+ length &+ control
        let before = isFromHigh ? fromHigh.letters : fromLow.letters
        var letters = before
        var isRetransmission = false
        let expected = isFromHigh ? fromHigh.nextSequence : fromLow.nextSequence
        let isFirst = before == 0
        let ahead = Int32(bitPattern: end &- expected)
        if isFirst || ahead > 0 || flags & 2 != 0 {
            if isFromHigh { fromHigh.nextSequence = end } else { fromLow.nextSequence = end }
        } else if length > 0, !(length == 1 && ahead == 0) {
            // One byte at the very end is a keep-alive (RFC 9293, 3.8.4).
            isRetransmission = true
        }
        if flags & 0x02 != 0 {
            letters |= flags & 0x10 != 0 ? 2 : 1
        } else if flags & 0x05 == 0, flags & 0x10 != 0, length == 0 {
            letters |= 4
        }
        if length > 0 { letters |= 8 }
        if flags & 0x01 != 0 { letters |= 16 }
        if flags & 0x04 != 0 { letters |= 32 }
        if isRetransmission { letters |= 64 }
        if packet.tcpWindow == 0, flags & 0x07 == 0 { letters |= 128 }
        if isRetransmission {
            events.insert(.retransmission)
            if isFromHigh {
                fromHigh.retransmissions &+= 1
            } else {
                fromLow.retransmissions &+= 1
            }
        }
        let new = letters & ~before
        if new != 0 {
            if isFromHigh { fromHigh.letters = letters } else { fromLow.letters = letters }
            noteAll(new, fromOriginator: isFromOriginator)
        }
        guard new & 0x3F != 0 || flags & 0x04 != 0 || !bits.contains(.established) else { return }
        turn(flags, isFromOriginator, &events)
    }

    @inline(never)
    private mutating func noteAll(_ new: UInt8, fromOriginator: Bool) {
        for place in UInt8(0)..<8 where new & (1 << place) != 0 {
            guard let letter = HistoryLetter(rawValue: place) else { continue }
            note(letter, fromOriginator: fromOriginator)
        }
    }

    /// The turns of a connection: established, refused, reset, finished.
    @inline(never)
    private mutating func turn(
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

    /// What the originator has sent.
    var originatorLetters: UInt8 {
        bits.contains(.originatorIsHigh) ? fromHigh.letters : fromLow.letters
    }

    var responderLetters: UInt8 {
        bits.contains(.originatorIsHigh) ? fromLow.letters : fromHigh.letters
    }
}
