internal import NetworkAddresses
internal import PacketDecoding
public import Timestamps

extension FlowRecord {
    /// Creates the record of an ended slot.
    init(_ slot: FlowSlot, _ wrapping: Wrapping?) {
        let bits = slot.bits
        let isHigh = bits.contains(.originatorIsHigh)
        key = FlowKey(
            originator: isHigh ? slot.high : slot.low, responder: isHigh ? slot.low : slot.high,
            originatorPort: isHigh ? slot.highPort : slot.lowPort,
            responderPort: isHigh ? slot.lowPort : slot.highPort, ipProtocol: slot.ipProtocol,
            ipVersion: slot.ipVersion, vlan: slot.vlan, tunnelIdentifier: slot.tunnelIdentifier)
        innerVLAN = slot.innerVLAN
        tunnel = bits.tunnel
        outerOriginator = wrapping.map { isHigh ? $0.high : $0.low } ?? .unspecified
        outerResponder = wrapping.map { isHigh ? $0.low : $0.high } ?? .unspecified
        flowStart = slot.start
        start = slot.recordStart
        end = slot.last
        endReason = bits.reason
        isContinuation = bits.contains(.continued)
        isMidstream = bits.contains(.midstream)
        isRefused = bits.contains(.refused)
        originator = FlowSide(isHigh ? slot.fromHigh : slot.fromLow)
        responder = FlowSide(isHigh ? slot.fromLow : slot.fromHigh)
        flow = slot.number
        historyCode = slot.history
        connectionState = ConnectionState(
            isTCP: slot.ipProtocol == 6, originator: slot.originatorLetters,
            responder: slot.responderLetters, isAnswered: bits.contains(.answered),
            hasOriginated: originator.packetCount > 0 || isHigh
                ? slot.fromHigh.last != .distantPast : slot.fromLow.last != .distantPast)
    }

    /// Zeek's `history`: one letter per kind of event and end, in order; upper case is the
    /// originator's.
    public var history: String {
        var text: [UInt8] = []
        forEachHistoryLetter { text.append($0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Calls `body` with the letters of `history` as ASCII.
    public func forEachHistoryLetter(_ body: (UInt8) -> Void) {
        var rest = historyCode
        while rest != 0 {
            let letter = HistoryLetter.text[Int(rest & 15 &- 1) % HistoryLetter.text.count]
            body(rest & 16 != 0 && letter >= 97 ? letter & 0xDF : letter)
            rest >>= 5
        }
    }

    /// The packets of both ends.
    public var packetCount: UInt64 { originator.packetCount &+ responder.packetCount }
    /// The bytes on the wire of both ends.
    public var wireOctetCount: UInt64 { originator.wireOctetCount &+ responder.wireOctetCount }
    /// The time from the first packet to the last.
    public var duration: Interval { max(.zero, end - start) }
}

extension FlowSide {
    init(_ side: SideCounters) {
        guard side.packets > 0 else { return }
        let count = Double(side.packets)
        packetCount = UInt64(side.packets)
        wireOctetCount = side.wireBytes
        ipOctetCount = side.ipBytes
        payloadOctetCount = side.payloadBytes
        start = side.first
        end = side.last
        sizeMinimum = side.sizeMinimum
        sizeMaximum = side.sizeMaximum
        sizeMean = Double(side.wireBytes) / count
        sizeDeviation = Self.deviation(side.sizeSquares, sizeMean, count)
        retransmissionCount = UInt64(side.retransmissions)
        tcpFlags = side.flags
        guard side.packets > 1 else { return }
        intervalMinimum = SideCounters.decode(side.intervalMinimum)
        intervalMaximum = SideCounters.decode(side.intervalMaximum)
        intervalMean = Double((side.last - side.first).nanoseconds) / (count - 1)
        intervalDeviation = Self.deviation(side.intervalSquares, intervalMean, count - 1)
    }

    private static func deviation(_ squares: Double, _ mean: Double, _ count: Double) -> Double {
        max(0, squares / count - mean * mean).squareRoot()
    }
}

/// Zeek's summary of a connection (docs.zeek.org, conn.log).
public enum ConnectionState: UInt8, Sendable, BitwiseCopyable {
    case s0, s1, sf, rej, s2, s3, rsto, rstr, rstos0, rstrh, sh, shr, oth

    /// The state by what each end has sent, as history letters.
    init(
        isTCP: Bool, originator: UInt8, responder: UInt8, isAnswered: Bool, hasOriginated: Bool
    ) {
        guard isTCP else {
            self = isAnswered ? (hasOriginated ? .sf : .shr) : .s0
            return
        }
        let (syn, synAck, fin, reset) = (UInt8(1), UInt8(2), UInt8(16), UInt8(32))
        if originator & syn != 0 {
            if responder & synAck != 0 {
                if originator & reset != 0 {
                    self = .rsto
                } else if responder & reset != 0 {
                    self = .rstr
                } else {
                    let closed = (originator & fin != 0, responder & fin != 0)
                    self = closed == (true, true) ? .sf : closed.0 ? .s2 : closed.1 ? .s3 : .s1
                }
            } else if responder & reset != 0 {
                self = .rej
            } else if originator & reset != 0 {
                self = .rstos0
            } else {
                self = originator & fin != 0 ? .sh : .s0
            }
        } else if responder & synAck != 0 {
            self = responder & reset != 0 ? .rstrh : responder & fin != 0 ? .shr : .oth
        } else {
            self = .oth
        }
    }

    /// The state's name in Zeek.
    public var name: StaticString {
        switch self {
        case .s0: "S0"
        case .s1: "S1"
        case .sf: "SF"
        case .rej: "REJ"
        case .s2: "S2"
        case .s3: "S3"
        case .rsto: "RSTO"
        case .rstr: "RSTR"
        case .rstos0: "RSTOS0"
        case .rstrh: "RSTRH"
        case .sh: "SH"
        case .shr: "SHR"
        case .oth: "OTH"
        }
    }
}
