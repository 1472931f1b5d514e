internal import FlowMetering
internal import NetworkAddresses
internal import Timestamps

/// Flows as compressed columns.
///
/// Each column is stored as planes, one for each byte of its values: the high bytes, which are
/// mostly zero or the same, cost nothing once compressed, and a reader finds a value of any row
/// without decoding the rows before it. Groups of columns that queries need together are frames of
/// their own, so that a query decodes those that it needs. Version 1 of the history has one frame
/// for all of them, with the same content.
struct FlowBlock {
    /// The most rows, so that both ends of all rows have numbers of 16 bits.
    static let rowLimit = 32_768

    /// Columns that are compressed together, in the order in which they are stored.
    enum Group: Int, CaseIterable {
        case times, ends, originatorPort, service, amounts

        /// The bytes of a row before compression.
        var width: Int {
            switch self {
            case .times: 10
            case .ends: 4
            case .originatorPort: 2
            case .service: 3
            case .amounts: 26
            }
        }

        /// The bytes of a row in the groups before this one.
        fileprivate var first: Int {
            Group.allCases[..<rawValue].reduce(0) { $0 + $1.width }
        }

        fileprivate static let allWidths = allCases.reduce(0) { $0 + $1.width }
    }

    /// The number of rows.
    let count: Int
    private let stored: [UInt8]
    /// The frame of each group; one alone has all of them.
    private let frames: [Range<Int>]
    /// The planes of each group, once it is decoded.
    private var groups = [[UInt8]](repeating: [], count: Group.allCases.count)

    /// A column, and where its planes begin in units of the number of rows.
    private enum Column {
        static let start = Layout(.times, 0, width: 6)
        static let duration = Layout(.times, 6, width: 4)
        static let originator = Layout(.ends, 0, width: 2)
        static let responder = Layout(.ends, 2, width: 2)
        static let originatorPort = Layout(.originatorPort, 0, width: 2)
        static let responderPort = Layout(.service, 0, width: 2)
        static let ipProtocol = Layout(.service, 2, width: 1)
        static let state = Layout(.amounts, 0, width: 1)
        static let reason = Layout(.amounts, 1, width: 1)
        static let originatorPackets = Layout(.amounts, 2, width: 6)
        static let responderPackets = Layout(.amounts, 8, width: 6)
        static let originatorBytes = Layout(.amounts, 14, width: 6)
        static let responderBytes = Layout(.amounts, 20, width: 6)
    }

    private struct Layout {
        let group: Group
        /// The first plane in the group, and among those of all groups.
        let first: Int
        let place: Int
        let width: Int

        init(_ group: Group, _ first: Int, width: Int) {
            self.group = group
            self.first = first
            place = group.first + first
            self.width = width
        }

        /// The largest value.
        var limit: UInt64 { (1 << UInt64(8 * width)) - 1 }
    }

    /// The bits of the column `reason` that mark a continued flow, one that is new to the baseline,
    /// and one whose originator may be forged.
    private static let continued: UInt64 = 0x80
    private static let new: UInt64 = 0x40
    private static let forged: UInt64 = 0x20
    private static let marks = continued | new | forged

    // MARK: - Writing

    /// A block as it is stored.
    struct Encoded {
        var count: Int
        /// Start of the earliest and end of the latest flow, in milliseconds since 1970.
        var first: Int64
        var last: Int64
        var hosts: [UInt8]
        var columns: [UInt8]
        var filter: [UInt8]
    }

    /// - Parameter flows: 1 to `rowLimit`.
    /// - Returns: nil where there is no memory.
    static func encoded(_ flows: ArraySlice<NamedFlow>) -> Encoded? {
        var table = HostTable()
        var services: Set<UInt32> = []
        var planes = Planes(count: flows.count)
        var (first, last) = (Int64.max, Int64.min)
        for (row, flow) in flows.enumerated() {
            let entry = flow.entry
            let start = max(0, entry.start.milliseconds)
            let end = max(start, entry.end.milliseconds)
            first = min(first, start)
            last = max(last, end)
            planes.put(UInt64(start), Column.start, row)
            planes.put(UInt64(end - start), Column.duration, row)
            let originator = table.number(
                of: FlowHost(address: entry.originator, name: flow.originatorName ?? ""))
            let responder = table.number(
                of: FlowHost(address: entry.responder, name: flow.responderName ?? ""))
            planes.put(UInt64(originator), Column.originator, row)
            planes.put(UInt64(responder), Column.responder, row)
            planes.put(UInt64(entry.originatorPort), Column.originatorPort, row)
            planes.put(UInt64(entry.responderPort), Column.responderPort, row)
            planes.put(UInt64(entry.ipProtocol), Column.ipProtocol, row)
            services.insert(UInt32(entry.ipProtocol) << 16 | UInt32(entry.responderPort))
            planes.put(UInt64(entry.state.rawValue), Column.state, row)
            let marks =
                (entry.isContinuation ? continued : 0) | (entry.isNew ? new : 0)
                | (entry.mayBeForged ? forged : 0)
            planes.put(UInt64(entry.reason.rawValue) | marks, Column.reason, row)
            planes.put(entry.originatorPackets, Column.originatorPackets, row)
            planes.put(entry.responderPackets, Column.responderPackets, row)
            planes.put(entry.originatorBytes, Column.originatorBytes, row)
            planes.put(entry.responderBytes, Column.responderBytes, row)
        }
        guard let hosts = ZstdFrame.compressed(table.bytes), let columns = planes.frames,
            let filter = BlockFilter(table.keys.union(keys(of: services))).frame
        else { return nil }
        return Encoded(
            count: flows.count, first: first, last: last, hosts: hosts, columns: columns,
            filter: filter)
    }

    private static func keys(of services: Set<UInt32>) -> Set<BlockFilter.Key> {
        var keys: Set<BlockFilter.Key> = []
        for service in services {
            let port = UInt16(truncatingIfNeeded: service)
            keys.insert(.port(port))
            keys.insert(.service(UInt8(truncatingIfNeeded: service >> 16), port))
        }
        return keys
    }

    /// The planes of all groups while they are filled.
    private struct Planes {
        let count: Int
        var bytes: [UInt8]

        init(count: Int) {
            self.count = count
            bytes = [UInt8](repeating: 0, count: Group.allWidths * count)
        }

        mutating func put(_ value: UInt64, _ column: Layout, _ row: Int) {
            var rest = min(value, column.limit)
            var place = column.place * count + row
            while rest > 0 {
                bytes[place] = UInt8(truncatingIfNeeded: rest)
                rest >>= 8
                place += count
            }
        }

        /// A frame for each group, one behind the other.
        var frames: [UInt8]? {
            var all: [UInt8] = []
            for group in Group.allCases {
                let start = group.first * count
                guard
                    let frame = ZstdFrame.compressed(
                        bytes, part: start..<start + group.width * count)
                else { return nil }
                all += frame
            }
            return all
        }
    }

    // MARK: - Reading

    /// - Returns: nil if the bytes are damaged.
    init?(count: Int, columns: [UInt8]) {
        guard (1...Self.rowLimit).contains(count),
            let frames = ZstdFrame.frames(in: columns, limit: Group.allCases.count),
            [1, Group.allCases.count].contains(frames.count)
        else { return nil }
        self.count = count
        self.frames = frames
        stored = columns
    }

    /// Decodes the columns of a group, unless they are.
    ///
    /// - Returns: false if they are damaged.
    mutating func load(_ group: Group) -> Bool {
        if !groups[group.rawValue].isEmpty { return true }
        guard frames.count == 1 else {
            guard
                let planes = ZstdFrame.content(
                    of: stored, part: frames[group.rawValue], size: count * group.width)
            else { return false }
            groups[group.rawValue] = planes
            return true
        }
        guard let all = ZstdFrame.content(of: stored, size: count * Group.allWidths) else {
            return false
        }
        for group in Group.allCases {
            let start = group.first * count
            groups[group.rawValue] = Array(all[start..<start + group.width * count])
        }
        return true
    }

    /// Decodes all columns.
    mutating func loadAll() -> Bool {
        for group in Group.allCases where !load(group) { return false }
        return true
    }

    /// The planes of a group that is loaded.
    func planes(_ group: Group) -> [UInt8] { groups[group.rawValue] }

    private func value(_ column: Layout, _ row: Int) -> UInt64 {
        var value: UInt64 = 0
        var place = (column.first + column.width - 1) * count + row
        for _ in 0..<column.width {
            value = value << 8 | UInt64(groups[column.group.rawValue][place])
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

    /// The protocol of a row and the responder's port.
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

    /// Whether the originator of a row may be forged.
    func mayBeForged(_ row: Int) -> Bool { value(Column.reason, row) & Self.forged != 0 }

    /// Nil: not a value that this program writes.
    func state(_ row: Int) -> ConnectionState? {
        ConnectionState(rawValue: UInt8(value(Column.state, row)))
    }

    /// A row; nil if it has values that this program does not write. All columns must be loaded.
    func flow(_ row: Int, _ table: HostTable) -> NamedFlow? {
        let ends = ends(row)
        let (start, end) = times(row)
        let reason = value(Column.reason, row)
        guard ends.originator < table.count, ends.responder < table.count,
            let state = state(row),
            let endReason = FlowEndReason(rawValue: UInt8(reason & ~Self.marks))
        else { return nil }
        let originator = table[ends.originator]
        let responder = table[ends.responder]
        let service = service(row)
        var entry = FlowEntry(
            from: originator.address, UInt16(value(Column.originatorPort, row)),
            to: responder.address, service.port, ipProtocol: service.ipProtocol,
            start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: end))
        entry.state = state
        entry.reason = endReason
        entry.isContinuation = reason & Self.continued != 0
        entry.isNew = reason & Self.new != 0
        entry.mayBeForged = reason & Self.forged != 0
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
