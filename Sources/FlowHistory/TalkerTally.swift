/// Sums by workload.
///
/// An address without a name is a talker if something else than itself tells that it is real: the
/// originator by port, MAC address or handshakes, the responder by an answer or by what such an
/// originator sent to it. All others are one talker. Memory is bounded: of addresses without a
/// name, those beyond a limit are one entry.
struct TalkerTally {
    private static let nameLimit = 65_536
    private static let pairLimit = 1_000_000
    static let others = "other addresses"
    private static let otherForged = "other addresses that may be forged"

    private var talkers: [FlowTalker] = []
    /// Whether each is more than an address that may be forged.
    private var isReal: [Bool] = []
    private var forgedCount = 0
    private var numbers: [String: Int] = [:]
    /// Pairs of talkers with flows, and those of which the baseline of the first does not know the
    /// second.
    private var pairs: Set<UInt64> = []
    private var newPairs: Set<UInt64> = []
    var isPartial = false

    private mutating func number(of host: FlowHost, isReal: Bool) -> Int {
        let name = host.name.isEmpty ? "\(host.address)" : host.name
        if let number = numbers[name] { return number }
        let count = isReal ? talkers.count - forgedCount : forgedCount
        guard count >= Self.nameLimit, host.name.isEmpty else { return add(name, isReal) }
        isPartial = true
        let rest = isReal ? Self.others : Self.otherForged
        return numbers[rest] ?? add(rest, isReal)
    }

    private mutating func add(_ name: String, _ isReal: Bool) -> Int {
        numbers[name] = talkers.count
        talkers.append(FlowTalker(name: name))
        self.isReal.append(isReal)
        if !isReal { forgedCount += 1 }
        return talkers.count - 1
    }

    /// Adds the flows of a block that were active in a time, in milliseconds since 1970.
    mutating func add(_ block: FlowBlock, _ table: HostTable, from: Int64, to: Int64) {
        // Most ends of a block have flows of the time, if any has.
        var known = [Int](repeating: -1, count: table.count)
        func end(_ index: Int, isReal real: Bool) -> Int {
            if known[index] < 0 {
                let host = table[index]
                known[index] = number(of: host, isReal: real || !host.name.isEmpty)
            }
            let number = known[index]
            if real, !isReal[number], talkers[number].name != Self.otherForged {
                isReal[number] = true
                forgedCount -= 1
            }
            return number
        }
        for row in 0..<block.count {
            let (start, finish) = block.times(row)
            guard finish >= from, start <= to else { continue }
            let ends = block.ends(row)
            guard ends.originator < known.count, ends.responder < known.count else { continue }
            let amounts = block.amounts(row)
            let originator = end(ends.originator, isReal: !block.mayBeForged(row))
            let responder = end(
                ends.responder, isReal: amounts.received > 0 || isReal[originator])
            count(originator, responder, amounts)
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

    private static func ends(_ pair: UInt64) -> (one: Int, other: Int) {
        (Int(pair >> 32), Int(pair & 0xFFFF_FFFF))
    }

    func result(by order: FlowTalkers.Order, limit: Int) -> FlowTalkers {
        func amount(_ talker: FlowTalker) -> UInt64 {
            switch order {
            case .bytes: talker.bytes
            case .flows: UInt64(talker.flows)
            case .newPeers: UInt64(talker.newPeers)
            }
        }
        let all = withoutForged
        var result = FlowTalkers()
        result.talkers = Array(
            all.sorted {
                (amount($1), $1.bytes, $0.name) < (amount($0), $0.bytes, $1.name)
            }.prefix(limit))
        result.total = talkers.count - forgedCount
        result.forged = namedForged
        result.isPartial = isPartial
        return result
    }

    /// The addresses that may be forged, without the entry for those beyond the limit.
    private var namedForged: Int { forgedCount - (numbers[Self.otherForged] == nil ? 0 : 1) }

    /// The talkers, with one for all addresses that may be forged: as a peer, too, they are one.
    private var withoutForged: [FlowTalker] {
        guard forgedCount > 0 else { return talkers }
        var all = talkers
        let more = namedForged < forgedCount ? "more than " : ""
        var sum = FlowTalker(
            name: namedForged == 1
                ? "1 address that may be forged"
                : "\(more)\(namedForged) addresses that may be forged")
        for index in talkers.indices where !isReal[index] {
            sum.flows += talkers[index].flows
            sum.bytesSent &+= talkers[index].bytesSent
            sum.bytesReceived &+= talkers[index].bytesReceived
        }
        var peers: Set<Int> = []
        for (one, other) in pairs.lazy.map(Self.ends) where !isReal[one] && isReal[other] {
            peers.insert(other)
            all[other].peers -= 1
        }
        // Both directions of a pair are in the set, unless that is full.
        for peer in peers { all[peer].peers = max(0, all[peer].peers) + 1 }
        sum.peers = peers.count
        let new = newPairs.lazy.map(Self.ends).filter { !isReal[$0.one] && isReal[$0.other] }
        sum.newPeers = Set(new.map(\.other)).count
        return all.indices.filter { isReal[$0] }.map { all[$0] } + [sum]
    }
}
