package import FlowMetering
internal import NetworkAddresses
internal import Timestamps

/// A table for a terminal: lines no wider than the terminal, and optionally coloured.
extension FlowText {
    /// The positions of a table's columns for a given width. Narrow tables omit the duration, and
    /// year and milliseconds of the start.
    private struct Columns {
        let isNarrow: Bool
        let proto: Int
        let originator: Int
        /// The width of one end of a flow, at most that of an IPv6 address with its port.
        let end: Int
        let number: Int

        init(width: Int) {
            isNarrow = width < 114
            proto = isNarrow ? 15 : 35
            originator = proto + (isNarrow ? 5 : 6)
            number = isNarrow ? 6 : 9
            // Three characters between the ends, two after the numbers, and the longest state.
            end = min(max((width - originator - 3 - number * 2 - 8) / 2, 12), 47)
        }
    }

    package mutating func addTableHeader(width: Int) {
        let start = count
        let columns = Columns(width: width)
        add("START (UTC)")
        if !columns.isNarrow {
            pad(to: start + 24)
            add("LENGTH")
        }
        pad(to: start + columns.proto)
        add("PROT")
        pad(to: start + columns.originator)
        add("ORIGINATOR")
        pad(to: start + columns.originator + columns.end + 3)
        add("RESPONDER")
        let numbers = start + columns.originator + columns.end * 2 + 3
        pad(to: numbers + columns.number - 4)
        add("PKTS")
        pad(to: numbers + columns.number * 2 - 5)
        add("BYTES  STATE\n")
    }

    package mutating func addTable(_ flow: borrowing FlowRecord, width: Int, isColoured: Bool) {
        let start = count
        let columns = Columns(width: width)
        // Of `2026-11-21T08:15:30.123456+0000`: date and milliseconds, or day and second.
        add(timestamp: flow.start)
        replace(at: start + 10, with: 32)
        let first = columns.isNarrow ? 5 : 0
        moveToFront(from: start + first, length: columns.isNarrow ? 14 : 23, to: start)
        if !columns.isNarrow {
            pad(to: start + 24)
            add(hundredths: flow.duration.inSeconds)
            add("s")
        }
        pad(to: start + columns.proto)
        addProtocol(flow.key.ipProtocol)
        truncate(to: start + columns.originator - 1)
        pad(to: start + columns.originator)
        addEnd(flow.key.originator, flow.key.originatorPort, flow, width: columns.end)
        add(flow.responder.packetCount > 0 ? " - " : " > ")
        addEnd(flow.key.responder, flow.key.responderPort, flow, width: columns.end)
        addRight(flow.packetCount, width: columns.number)
        addRight(flow.wireOctetCount, width: columns.number)
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

    /// Appends a right-aligned number, in thousands, millions and so on if it is too wide.
    private mutating func addRight(_ value: UInt64, width: Int) {
        var shown = value
        var unit = 0
        while shown >= (width < 9 ? 10_000 : 100_000), unit < 4 {
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
