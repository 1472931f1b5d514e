package import FlowMetering
internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// IPFIX messages (RFC 7011) with bidirectional flows (RFC 5103), for files (RFC 5655), UDP and
/// TCP.
///
/// A message is closed when the next record would make it longer than `messageLimit`. Each message
/// is self-contained, so the text may be split between messages.
package struct FlowIPFIX {
    /// The greatest size of a message in bytes: 1,400 for UDP, so that a datagram is not
    /// fragmented; 60,000 for files and TCP.
    package let messageLimit: Int
    /// The number of messages after which the templates are sent again; over UDP they may be lost
    /// (RFC 7011, 8.1).
    private let templateInterval: Int
    private var sequence: UInt32 = 0
    private var messages = 0
    private var messageStart = -1
    private var setStart = -1
    private var setIdentifier: UInt16 = 0
    private var recordsInMessage: UInt32 = 0

    package init(messageLimit: Int = 60_000, templateInterval: Int = .max) {
        self.messageLimit = messageLimit
        self.templateInterval = templateInterval
    }

    /// One field of a template: element, size in bytes, and whether it is of the reverse direction.
    private struct Field {
        let element: UInt16
        let bytes: Int
        var isReverse = false
    }

    private static let recordLimit = 176

    private static func fields(version: UInt8) -> [Field] {
        let isFour = version == 4
        return [
            // flowStartMilliseconds, flowEndMilliseconds, which every collector reads, and
            // flowStartNanoseconds, flowEndNanoseconds, which are exact; addresses, ports
            Field(element: 152, bytes: 8), Field(element: 153, bytes: 8),
            Field(element: 156, bytes: 8), Field(element: 157, bytes: 8),
            Field(element: isFour ? 8 : 27, bytes: isFour ? 4 : 16),
            Field(element: isFour ? 12 : 28, bytes: isFour ? 4 : 16),
            Field(element: 7, bytes: 2), Field(element: 11, bytes: 2),
            // protocolIdentifier, ipVersion, flowEndReason, icmpTypeCode
            Field(element: 4, bytes: 1), Field(element: 60, bytes: 1),
            Field(element: 136, bytes: 1), Field(element: isFour ? 32 : 139, bytes: 2),
            // dot1qVlanId, dot1qCustomerVlanId, layer2SegmentId
            Field(element: 243, bytes: 2), Field(element: 245, bytes: 2),
            Field(element: 351, bytes: 8),
            // packetDeltaCount, octetDeltaCount, layer2OctetDeltaCount, tcpControlBits, both ways
            Field(element: 2, bytes: 8), Field(element: 1, bytes: 8),
            Field(element: 352, bytes: 8), Field(element: 6, bytes: 2),
            Field(element: 2, bytes: 8, isReverse: true),
            Field(element: 1, bytes: 8, isReverse: true),
            Field(element: 352, bytes: 8, isReverse: true),
            Field(element: 6, bytes: 2, isReverse: true),
        ]
    }

    /// Adds a record to the open message or to a new one.
    package mutating func add(_ flow: borrowing FlowRecord, to text: inout FlowText) {
        if messageStart >= 0, text.count - messageStart > messageLimit - Self.recordLimit {
            close(&text)
        }
        if messageStart < 0 { open(at: flow.end, &text) }
        let identifier: UInt16 = flow.key.ipVersion == 4 ? 256 : 257
        if identifier != setIdentifier || setStart < 0 {
            closeSet(&text)
            setStart = text.count
            setIdentifier = identifier
            text.addBinary(UInt64(identifier), bytes: 2)
            text.addBinary(0, bytes: 2)
        }
        addRecord(flow, &text)
        recordsInMessage &+= 1
    }

    /// Ends the open message, if there is one.
    package mutating func close(_ text: inout FlowText) {
        guard messageStart >= 0 else { return }
        closeSet(&text)
        text.setUInt16(UInt16(truncatingIfNeeded: text.count - messageStart), at: messageStart + 2)
        messageStart = -1
        sequence &+= recordsInMessage
        recordsInMessage = 0
    }

    private mutating func closeSet(_ text: inout FlowText) {
        guard setStart >= 0 else { return }
        text.setUInt16(UInt16(truncatingIfNeeded: text.count - setStart), at: setStart + 2)
        setStart = -1
    }

    private mutating func open(at time: Timestamp, _ text: inout FlowText) {
        messageStart = text.count
        text.addBinary(10, bytes: 2)
        text.addBinary(0, bytes: 2)
        // The export time is packet time, so repeated replays write the same bytes.
        text.addBinary(UInt64(bitPattern: Int64(time.second)), bytes: 4)
        text.addBinary(UInt64(sequence), bytes: 4)
        text.addBinary(0, bytes: 4)
        if messages % templateInterval == 0 { addTemplates(&text) }
        messages += 1
    }

    private func addTemplates(_ text: inout FlowText) {
        let start = text.count
        text.addBinary(2, bytes: 2)
        text.addBinary(0, bytes: 2)
        for version in [UInt8(4), 6] {
            let fields = Self.fields(version: version)
            text.addBinary(version == 4 ? 256 : 257, bytes: 2)
            text.addBinary(UInt64(fields.count), bytes: 2)
            for field in fields {
                text.addBinary(UInt64(field.element | (field.isReverse ? 0x8000 : 0)), bytes: 2)
                text.addBinary(UInt64(field.bytes), bytes: 2)
                // The enterprise number of reverse elements (RFC 5103, 6.1).
                if field.isReverse { text.addBinary(29_305, bytes: 4) }
            }
        }
        text.setUInt16(UInt16(truncatingIfNeeded: text.count - start), at: start + 2)
    }

    private func addRecord(_ flow: borrowing FlowRecord, _ text: inout FlowText) {
        let key = flow.key
        for time in [flow.start, flow.end] {
            text.addBinary(
                (max(time, .epoch) - .epoch).wholeMilliseconds.magnitude, bytes: 8)
        }
        text.addBinary(Self.ntp(flow.start), bytes: 8)
        text.addBinary(Self.ntp(flow.end), bytes: 8)
        for address in [key.originator, key.responder] {
            if key.ipVersion == 4 {
                text.addBinary(UInt64(address.v4), bytes: 4)
            } else {
                text.addBinary(address.high, bytes: 8)
                text.addBinary(address.low, bytes: 8)
            }
        }
        let ports = flow.hasPorts
        text.addBinary(ports ? UInt64(key.originatorPort) : 0, bytes: 2)
        text.addBinary(ports ? UInt64(key.responderPort) : 0, bytes: 2)
        text.addBinary(UInt64(key.ipProtocol), bytes: 1)
        text.addBinary(UInt64(key.ipVersion), bytes: 1)
        text.addBinary(UInt64(flow.endReason.rawValue), bytes: 1)
        let icmp = flow.isICMP ? UInt64(key.originatorPort << 8 | flow.icmpCode & 255) : 0
        text.addBinary(icmp, bytes: 2)
        text.addBinary(UInt64(key.vlan), bytes: 2)
        text.addBinary(UInt64(flow.innerVLAN), bytes: 2)
        // Type 1 in the upper byte is VXLAN (RFC 7133 registry); it is 0 for other tunnels.
        let segmentType: UInt64 = flow.tunnel == .vxlan ? 1 << 56 : 0
        text.addBinary(segmentType | UInt64(key.tunnelIdentifier), bytes: 8)
        for side in [flow.originator, flow.responder] {
            text.addBinary(side.packetCount, bytes: 8)
            text.addBinary(side.ipOctetCount, bytes: 8)
            text.addBinary(side.wireOctetCount, bytes: 8)
            text.addBinary(UInt64(side.tcpFlags), bytes: 2)
        }
    }

    /// NTP's 64 bits: seconds since 1900 and a binary fraction (RFC 7011, 6.1.10).
    private static func ntp(_ time: Timestamp) -> UInt64 {
        let bounded = max(time, .epoch)
        let seconds = UInt64(bounded.second) &+ 2_208_988_800
        // Rounded up, so a reader that truncates gets the same nanosecond.
        let second = UInt64(Interval.seconds(1).nanoseconds)
        let fraction = (UInt64(bounded.nanosecondOfSecond) << 32 + second - 1) / second
        return seconds << 32 | fraction
    }
}
