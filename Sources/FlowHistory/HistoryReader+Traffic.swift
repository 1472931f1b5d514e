internal import FlowMetering
internal import SQLite
public import Timestamps

/// Who talked to whom in a time, and by which protocols without encryption.
public struct FlowTraffic: Sendable, Equatable {
    /// Flows of one workload or address to a service whose protocol has no encryption.
    public struct Plaintext: Sendable, Equatable {
        public var originator: String
        public var responder: String
        /// `telnet (tcp/23)`.
        public var service: String
        public var flows: Int64
    }

    public var flows: Int64 = 0
    /// Start of the earliest and end of the latest flow of the time.
    public var first: Timestamp?
    public var last: Timestamp?
    /// Start of the earliest flow that is kept, of any time.
    public var oldest: Timestamp?
    /// Pairs of two named workloads, and those of a workload and an address without a name.
    public var workloadPairs = 0
    public var addressPairs = 0
    /// Flows to a peer or service that the baseline did not know.
    public var newFlows: Int64 = 0
    /// Answered flows by protocols without encryption, and between whom, the most first.
    public var plaintextFlows: Int64 = 0
    public var plaintext: [Plaintext] = []
    /// Whether there were more pairs than are counted.
    public var isPartial = false
    /// Flows that could not be read, since the file is damaged there.
    public var damaged: Int64 = 0

    public init() {}
}

/// Protocols that carry content in clear text, by the port that servers use for them.
enum PlaintextService {
    private static let names: [UInt32: String] = [
        key(6, 21): "ftp", key(6, 23): "telnet", key(17, 69): "tftp", key(6, 80): "http",
        key(6, 110): "pop3", key(6, 143): "imap", key(17, 161): "snmp", key(6, 389): "ldap",
        key(6, 513): "rlogin", key(6, 514): "rsh", key(17, 514): "syslog", key(6, 1883): "mqtt",
        key(6, 2049): "nfs", key(6, 5672): "amqp", key(6, 6379): "redis", key(6, 8080): "http",
        key(6, 11_211): "memcached",
    ]

    private static func key(_ ipProtocol: UInt8, _ port: UInt16) -> UInt32 {
        UInt32(ipProtocol) << 16 | UInt32(port)
    }

    static func name(_ ipProtocol: UInt8, _ port: UInt16) -> String? {
        names[key(ipProtocol, port)]
    }

    /// Whether content was exchanged: a refused or unanswered attempt has none. Nobody answers
    /// syslog.
    static func carriesContent(
        _ ipProtocol: UInt8, _ port: UInt16, _ state: ConnectionState?
    ) -> Bool {
        switch state {
        case .s1, .sf, .s2, .s3, .rsto, .rstr: true
        case .s0: ipProtocol == 17 && port == 514
        default: false
        }
    }
}

extension HistoryReader {
    /// Blocks of one read: about a tenth of a second, since a writer's log grows meanwhile.
    private static let blocksOfRead = 32

    /// Sums up the flows that were active in a period. Memory is bounded, time is not.
    public func traffic(in period: Range<Timestamp>) throws(HistoryError) -> FlowTraffic {
        var tally = TrafficTally(period)
        var before: Int64? = .max
        while let next = before {
            before = try read { database in try Self.add(database, before: next, to: &tally) }
        }
        tally.traffic.oldest = try read { database in
            try database.first("SELECT min(first) FROM blocks") {
                $0.isInteger(0) ? Timestamp(milliseconds: $0.integer(0)) : nil
            } ?? nil
        }
        return tally.result
    }

    /// - Returns: the number before which the next read begins; nil: that was all.
    private static func add(
        _ database: borrowing Database, before: Int64, to tally: inout TrafficTally
    ) throws -> Int64? {
        let parts = try BlockParts.of(database)
        let entries = try Self.entries(
            database, tally.period.lowerBound, tally.period.upperBound, before: before)
        var blocks = 0
        while try entries.step() {
            let entry = Entry(entries)
            guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count),
                let table = HostTable(frame: try parts.hosts(entry.number)),
                var block = FlowBlock(
                    count: Int(entry.count), columns: try parts.columns(entry.number)),
                block.load(.times), block.load(.ends), block.load(.service), block.load(.amounts)
            else {
                tally.traffic.damaged += min(max(entry.count, 1), Int64(FlowBlock.rowLimit))
                continue
            }
            tally.add(block, table)
            blocks += 1
            if blocks == blocksOfRead { return entry.number }
        }
        return nil
    }
}

/// Adds up traffic. Addresses without a name are one end, so that forged ones cost nothing.
private struct TrafficTally {
    private static let pairLimit = 262_144
    private static let plaintextLimit = 65_536
    private static let address = "an address without a name"

    private struct Contact: Hashable {
        var originator: Int
        var responder: Int
        var service: String
    }

    let period: Range<Timestamp>
    var traffic = FlowTraffic()
    private var numbers: [String: Int] = [address: 0]
    private var names = [address]
    private var pairs: Set<UInt64> = []
    private var plaintext: [Contact: Int64] = [:]

    init(_ period: Range<Timestamp>) { self.period = period }

    private mutating func number(of name: String) -> Int {
        if name.isEmpty { return 0 }
        if let number = numbers[name] { return number }
        guard names.count < Self.pairLimit else {
            traffic.isPartial = true
            return 0
        }
        numbers[name] = names.count
        names.append(name)
        return names.count - 1
    }

    mutating func add(_ block: FlowBlock, _ table: HostTable) {
        let (from, to) = (period.lowerBound.milliseconds, period.upperBound.milliseconds)
        var known = [Int](repeating: -1, count: table.count)
        for row in 0..<block.count {
            let (start, end) = block.times(row)
            guard end >= from, start < to else { continue }
            let ends = block.ends(row)
            guard ends.originator < known.count, ends.responder < known.count else {
                traffic.damaged += 1
                continue
            }
            for index in [ends.originator, ends.responder] where known[index] < 0 {
                known[index] = number(of: table[index].name)
            }
            traffic.flows += 1
            traffic.first = min(traffic.first ?? .distantFuture, Timestamp(milliseconds: start))
            traffic.last = max(traffic.last ?? .distantPast, Timestamp(milliseconds: end))
            if block.amounts(row).isNew { traffic.newFlows += 1 }
            note(known[ends.originator], known[ends.responder], block, row)
        }
    }

    private mutating func note(_ one: Int, _ other: Int, _ block: FlowBlock, _ row: Int) {
        let pair = UInt64(one) << 32 | UInt64(other)
        if pairs.count < Self.pairLimit {
            pairs.insert(pair)
        } else if !pairs.contains(pair) {
            traffic.isPartial = true
        }
        let (ipProtocol, port) = block.service(row)
        guard let name = PlaintextService.name(ipProtocol, port),
            PlaintextService.carriesContent(ipProtocol, port, block.state(row))
        else { return }
        traffic.plaintextFlows += 1
        let service = "\(name) (\(FlowProtocol.name(ipProtocol))/\(port))"
        let contact = Contact(originator: one, responder: other, service: service)
        if plaintext.count < Self.plaintextLimit || plaintext[contact] != nil {
            plaintext[contact, default: 0] += 1
        } else {
            traffic.isPartial = true
        }
    }

    var result: FlowTraffic {
        var result = traffic
        let named = pairs.count { $0 >> 32 != 0 && UInt32(truncatingIfNeeded: $0) != 0 }
        result.workloadPairs = named
        result.addressPairs = pairs.count - named
        result.plaintext = plaintext.map { contact, flows in
            FlowTraffic.Plaintext(
                originator: names[contact.originator], responder: names[contact.responder],
                service: contact.service, flows: flows)
        }.sorted {
            ($1.flows, $0.originator, $0.responder, $0.service)
                < ($0.flows, $1.originator, $1.responder, $1.service)
        }
        return result
    }
}
