internal import FlowMetering
internal import NetworkAddresses
internal import Timestamps

/// Flows as compressed columns.
///
/// Each column is stored as planes, one for each byte of its values: the high bytes, which are
/// mostly zero or the same, cost nothing once compressed, and a reader finds a value of any row
/// without decoding the rows before it.
struct FlowBlock {
    /// The most rows, so that both ends of all rows have numbers of 16 bits.
    static let rowLimit = 32_768

    /// The number of rows.
    let count: Int
    let table: HostTable
    private let columns: [UInt8]

    /// A column, and where its planes begin in units of the number of rows.
    private enum Column {
        static let start = Layout(0, width: 6)
        static let duration = Layout(6, width: 4)
        static let originator = Layout(10, width: 2)
        static let responder = Layout(12, width: 2)
        static let originatorPort = Layout(14, width: 2)
        static let responderPort = Layout(16, width: 2)
        static let ipProtocol = Layout(18, width: 1)
        static let state = Layout(19, width: 1)
        static let reason = Layout(20, width: 1)
        static let originatorPackets = Layout(21, width: 6)
        static let responderPackets = Layout(27, width: 6)
        static let originatorBytes = Layout(33, width: 6)
        static let responderBytes = Layout(39, width: 6)
        /// Bytes of a row before compression.
        static let all = 45
    }

    private struct Layout {
        let first: Int
        let width: Int

        init(_ first: Int, width: Int) {
            self.first = first
            self.width = width
        }

        /// The largest value.
        var limit: UInt64 { (1 << UInt64(8 * width)) - 1 }
    }

    /// The bits of the column `reason` that mark a continued flow, and one that is new to the
    /// baseline.
    private static let continued: UInt64 = 0x80
    private static let new: UInt64 = 0x40

    // MARK: - Writing

    /// A block as it is stored.
    struct Encoded {
        var count: Int
        /// Start of the earliest and end of the latest flow, in milliseconds since 1970.
        var first: Int64
        var last: Int64
        var hosts: [UInt8]
        var columns: [UInt8]
    }

    /// - Parameter flows: 1 to `rowLimit`.
    /// - Returns: nil where there is no memory.
    static func encoded(_ flows: ArraySlice<NamedFlow>) -> Encoded? {
        var table = HostTable()
        var bytes = [UInt8](repeating: 0, count: flows.count * Column.all)
        let count = flows.count
        var (first, last) = (Int64.max, Int64.min)
        for (row, flow) in flows.enumerated() {
            let entry = flow.entry
            func put(_ value: UInt64, _ column: Layout) {
                var rest = min(value, column.limit)
                var place = column.first * count + row
                while rest > 0 {
                    bytes[place] = UInt8(truncatingIfNeeded: rest)
                    rest >>= 8
                    place += count
                }
            }
            let start = max(0, entry.start.milliseconds)
            let end = max(start, entry.end.milliseconds)
            first = min(first, start)
            last = max(last, end)
            put(UInt64(start), Column.start)
            put(UInt64(end - start), Column.duration)
            put(
                UInt64(
                    table.number(
                        of: FlowHost(address: entry.originator, name: flow.originatorName ?? ""))),
                Column.originator)
            put(
                UInt64(
                    table.number(
                        of: FlowHost(address: entry.responder, name: flow.responderName ?? ""))),
                Column.responder)
            put(UInt64(entry.originatorPort), Column.originatorPort)
            put(UInt64(entry.responderPort), Column.responderPort)
            put(UInt64(entry.ipProtocol), Column.ipProtocol)
            put(UInt64(entry.state.rawValue), Column.state)
            put(
                UInt64(entry.reason.rawValue) | (entry.isContinuation ? continued : 0)
                    | (entry.isNew ? new : 0),
                Column.reason)
            put(entry.originatorPackets, Column.originatorPackets)
            put(entry.responderPackets, Column.responderPackets)
            put(entry.originatorBytes, Column.originatorBytes)
            put(entry.responderBytes, Column.responderBytes)
        }
        guard let hosts = ZstdFrame.compressed(table.bytes),
            let columns = ZstdFrame.compressed(bytes)
        else { return nil }
        return Encoded(count: count, first: first, last: last, hosts: hosts, columns: columns)
    }

    // MARK: - Reading

    /// - Returns: nil if the bytes are damaged.
    init?(count: Int, table: HostTable, columns frame: [UInt8]) {
        guard (1...Self.rowLimit).contains(count),
            let columns = ZstdFrame.content(of: frame, size: count * Column.all)
        else { return nil }
        self.count = count
        self.table = table
        self.columns = columns
    }

    private func value(_ column: Layout, _ row: Int) -> UInt64 {
        var value: UInt64 = 0
        var place = (column.first + column.width - 1) * count + row
        for _ in 0..<column.width {
            value = value << 8 | UInt64(columns[place])
            place -= count
        }
        return value
    }

    /// The ends of a row as numbers of the table.
    func ends(_ row: Int) -> (originator: Int, responder: Int) {
        (Int(value(Column.originator, row)), Int(value(Column.responder, row)))
    }

    /// Start and end of a row in milliseconds since 1970.
    func times(_ row: Int) -> (start: Int64, end: Int64) {
        let start = Int64(value(Column.start, row))
        return (start, start + Int64(value(Column.duration, row)))
    }

    func service(_ row: Int) -> (ipProtocol: UInt8, port: UInt16) {
        (
            UInt8(truncatingIfNeeded: value(Column.ipProtocol, row)),
            UInt16(truncatingIfNeeded: value(Column.responderPort, row))
        )
    }

    /// The bytes that the originator sent and received, and whether the flow is new.
    func amounts(_ row: Int) -> (sent: UInt64, received: UInt64, isNew: Bool) {
        (
            value(Column.originatorBytes, row), value(Column.responderBytes, row),
            value(Column.reason, row) & Self.new != 0
        )
    }

    /// A row; nil if it has values that this program does not write.
    func flow(_ row: Int) -> NamedFlow? {
        let ends = ends(row)
        let (start, end) = times(row)
        let reason = value(Column.reason, row)
        guard ends.originator < table.hosts.count, ends.responder < table.hosts.count,
            let state = ConnectionState(rawValue: UInt8(value(Column.state, row))),
            let endReason = FlowEndReason(rawValue: UInt8(reason & ~(Self.continued | Self.new)))
        else { return nil }
        let originator = table.hosts[ends.originator]
        let responder = table.hosts[ends.responder]
        let service = service(row)
        var entry = FlowEntry(
            from: originator.address, UInt16(value(Column.originatorPort, row)),
            to: responder.address, service.port, ipProtocol: service.ipProtocol,
            start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: end))
        entry.state = state
        entry.reason = endReason
        entry.isContinuation = reason & Self.continued != 0
        entry.isNew = reason & Self.new != 0
        entry.originatorPackets = value(Column.originatorPackets, row)
        entry.responderPackets = value(Column.responderPackets, row)
        entry.originatorBytes = value(Column.originatorBytes, row)
        entry.responderBytes = value(Column.responderBytes, row)
        return NamedFlow(
            entry, from: originator.name.isEmpty ? nil : originator.name,
            to: responder.name.isEmpty ? nil : responder.name)
    }
}

extension Timestamp {
    /// Milliseconds since 1970, rounded down.
    var milliseconds: Int64 {
        Int64(second) * 1000 + Int64(nanosecondOfSecond) / 1_000_000
    }

    init(milliseconds: Int64) { self = .epoch + .milliseconds(milliseconds) }
}
