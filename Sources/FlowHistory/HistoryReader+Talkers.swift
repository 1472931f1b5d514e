internal import SQLite
public import Timestamps

/// The traffic of one workload in a time.
public struct FlowTalker: Sendable, Equatable {
    /// The workload, or the address of a host without a name.
    public var name: String
    /// The flows that it opened or answered.
    public var flows = 0
    /// Bytes of the frames on the wire, from it and to it.
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    /// The workloads and addresses at the other ends of its flows.
    public var peers = 0
    /// Those of them to which it opened flows that its baseline does not know.
    public var newPeers = 0

    public init(name: String) { self.name = name }

    public var bytes: UInt64 { bytesSent &+ bytesReceived }
}

/// The workloads with the most traffic of a time.
public struct FlowTalkers: Sendable, Equatable {
    public enum Order: String, Sendable, CaseIterable {
        case bytes, flows
        case newPeers = "new_peers"
    }

    public var talkers: [FlowTalker] = []
    /// The number of workloads and addresses that had flows.
    public var total = 0
    /// Whether there were more flows or peers than are counted; then the latest are.
    public var isPartial = false

    public init() {}
}

extension HistoryReader {
    /// The most flows that are counted: about half a second of work.
    private static let countLimit: Int64 = 4_000_000

    /// The workloads with the most traffic in the flows that were active in a time and have ended.
    public func talkers(
        from: Timestamp, to: Timestamp, by order: FlowTalkers.Order, limit: Int
    ) throws(HistoryError) -> FlowTalkers {
        try read { database in
            var tally = TalkerTally()
            let parts = try BlockParts.of(database)
            let entries = try Self.entries(database, from, to)
            var counted: Int64 = 0
            while try entries.step() {
                let entry = Entry(entries)
                guard counted < Self.countLimit else {
                    tally.isPartial = true
                    break
                }
                counted += max(1, entry.count)
                guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count),
                    let table = HostTable(frame: try parts.hosts(entry.number)),
                    var block = FlowBlock(
                        count: Int(entry.count), columns: try parts.columns(entry.number)),
                    block.load(.times), block.load(.ends), block.load(.amounts)
                else { continue }
                tally.add(block, table, from: from.milliseconds, to: to.milliseconds)
            }
            return tally.result(by: order, limit: limit)
        }
    }
}

/// Sums by workload. Memory is bounded: addresses beyond a limit are one entry, so that forged ones
/// cost nothing more.
struct TalkerTally {
    private static let nameLimit = 65_536
    private static let pairLimit = 1_000_000
    static let others = "other addresses"

    private var talkers: [FlowTalker] = []
    private var numbers: [String: Int] = [:]
    /// Pairs of talkers with flows, and those of which the baseline of the first does not know the
    /// second.
    private var pairs: Set<UInt64> = []
    private var newPairs: Set<UInt64> = []
    var isPartial = false

    private mutating func number(of host: FlowHost) -> Int {
        let name = host.name.isEmpty ? "\(host.address)" : host.name
        if let number = numbers[name] { return number }
        if talkers.count >= Self.nameLimit, host.name.isEmpty {
            isPartial = true
            return number(of: FlowHost(address: host.address, name: Self.others))
        }
        numbers[name] = talkers.count
        talkers.append(FlowTalker(name: name))
        return talkers.count - 1
    }

    /// Adds the flows of a block that were active in a time, in milliseconds since 1970.
    mutating func add(_ block: FlowBlock, _ table: HostTable, from: Int64, to: Int64) {
        // Most ends of a block have flows of the time, if any has.
        var known = [Int](repeating: -1, count: table.count)
        for row in 0..<block.count {
            let (start, end) = block.times(row)
            guard end >= from, start <= to else { continue }
            let ends = block.ends(row)
            guard ends.originator < known.count, ends.responder < known.count else { continue }
            for index in [ends.originator, ends.responder] where known[index] < 0 {
                known[index] = number(of: table[index])
            }
            count(known[ends.originator], known[ends.responder], block.amounts(row))
        }
    }

    private mutating func count(
        _ one: Int, _ other: Int, _ amounts: (sent: UInt64, received: UInt64, isNew: Bool)
    ) {
        talkers[one].flows += 1
        talkers[one].bytesSent &+= amounts.sent
        talkers[one].bytesReceived &+= amounts.received
        guard one != other else { return }
        talkers[other].flows += 1
        talkers[other].bytesSent &+= amounts.received
        talkers[other].bytesReceived &+= amounts.sent
        note(one, other)
        note(other, one)
        if amounts.isNew, newPairs.count < Self.pairLimit,
            newPairs.insert(Self.pair(one, other)).inserted
        {
            talkers[one].newPeers += 1
        }
    }

    private mutating func note(_ one: Int, _ other: Int) {
        let pair = Self.pair(one, other)
        guard pairs.count < Self.pairLimit else {
            if !pairs.contains(pair) { isPartial = true }
            return
        }
        if pairs.insert(pair).inserted { talkers[one].peers += 1 }
    }

    private static func pair(_ one: Int, _ other: Int) -> UInt64 {
        UInt64(one) << 32 | UInt64(other)
    }

    func result(by order: FlowTalkers.Order, limit: Int) -> FlowTalkers {
        func amount(_ talker: FlowTalker) -> UInt64 {
            switch order {
            case .bytes: talker.bytes
            case .flows: UInt64(talker.flows)
            case .newPeers: UInt64(talker.newPeers)
            }
        }
        var result = FlowTalkers()
        result.talkers = Array(
            talkers.sorted {
                (amount($1), $1.bytes, $0.name) < (amount($0), $0.bytes, $1.name)
            }.prefix(limit))
        result.total = talkers.count
        result.isPartial = isPartial
        return result
    }
}
