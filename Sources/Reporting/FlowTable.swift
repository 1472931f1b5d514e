package import FlowMetering
internal import NetworkAddresses

/// Lines for people: as wide as the terminal and no wider, coloured where there is one.
extension FlowText {
    /// Columns besides the two ends.
    private static let fixedWidth = 16 + 10 + 6 + 9 + 9 + 8 + 4

    package mutating func addTableHeader(width: Int) {
        let start = count
        add("START")
        pad(to: start + 16)
        add("LENGTH")
        pad(to: start + 26)
        add("PROTO")
        pad(to: start + 32)
        add("ORIGINATOR")
        let end = Self.endWidth(width)
        pad(to: start + 32 + end)
        add("   RESPONDER")
        pad(to: start + 36 + end * 2)
        add("PACKETS    BYTES  STATE\n")
    }

    /// Bytes for one end of a flow: what the terminal leaves, between 15 and an IPv6 address with its port.
    private static func endWidth(_ width: Int) -> Int {
        min(max((width - fixedWidth) / 2, 15), 47)
    }

    package mutating func addTable(_ flow: borrowing FlowRecord, width: Int, isColoured: Bool) {
        let start = count
        let end = Self.endWidth(width)
        // Time of day in UTC to the millisecond: characters 11 to 22 of the time stamp.
        let whole = count
        add(timestamp: flow.startNanoseconds)
        moveToFront(from: whole + 11, length: 12, to: whole)
        pad(to: start + 16)
        add(hundredths: Double(flow.durationNanoseconds) / 1e9)
        add("s")
        pad(to: start + 26)
        addProtocol(flow.key.ipProtocol)
        truncate(to: start + 31)
        pad(to: start + 32)
        addEnd(flow.key.originator, flow.key.originatorPort, flow, width: end)
        add(flow.responder.packetCount > 0 ? " - " : " > ")
        addEnd(flow.key.responder, flow.key.responderPort, flow, width: end)
        addRight(flow.packetCount, width: 9)
        addRight(flow.wireOctetCount, width: 9)
        add("  ")
        if isColoured { add(Self.colour(of: flow)) }
        add(flow.connectionState.name)
        if isColoured { add("\u{1B}[0m") }
        add(byte: 10)
    }

    private mutating func addEnd(
        _ address: IPAddress, _ port: UInt16, _ flow: borrowing FlowRecord, width: Int
    ) {
        let start = count
        add(address, version: flow.key.ipVersion)
        let portWidth = flow.hasPorts ? 6 : 0
        if count - start > width - portWidth {
            truncate(to: start + width - portWidth - 1)
            add("~")
        }
        if flow.hasPorts {
            add(flow.key.ipVersion == 6 ? "." : ":")
            add(UInt64(port))
        }
        pad(to: start + width)
    }

    /// Right-aligned, in thousands, millions and so on where the number is too wide.
    private mutating func addRight(_ value: UInt64, width: Int) {
        var shown = value
        var unit = 0
        while shown >= 100_000, unit < 4 {
            shown /= 1000
            unit += 1
        }
        let digits = String(shown)
        let suffix: StaticString
        switch unit {
        case 0: suffix = ""
        case 1: suffix = "K"
        case 2: suffix = "M"
        case 3: suffix = "G"
        default: suffix = "T"
        }
        pad(to: count + max(1, width - digits.utf8.count - suffix.utf8CodeUnitCount))
        add(text: digits)
        add(suffix)
    }

    private mutating func moveToFront(from source: Int, length: Int, to target: Int) {
        copyWithin(from: source, length: length, to: target)
        truncate(to: target + length)
    }

    private static func colour(of flow: borrowing FlowRecord) -> StaticString {
        switch flow.connectionState {
        case .sf, .s1: "\u{1B}[32m"
        case .rej, .s0, .rstos0, .sh: "\u{1B}[31m"
        default: "\u{1B}[33m"
        }
    }
}
