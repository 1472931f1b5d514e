internal import CNetfilter
internal import NetworkAddresses
internal import Nftables
import ProtectedAddresses
public import Quarantine
internal import Timestamps

extension Firewall {
    mutating func begin(reserving capacity: Int = 4096) -> NetlinkWriter {
        var batch = NetlinkWriter(sequence: sequence, reserving: capacity)
        batch.beginTransaction()
        return batch
    }

    /// Commits the transaction; this is the only call that a dry run omits.
    mutating func commit(
        _ batch: inout NetlinkWriter, _ operation: String
    ) throws(QuarantineError) {
        batch.endTransaction()
        sequence = batch.sequence
        guard !options.isDryRun else { return }
        do { try socket.transact(batch, for: operation) } catch { throw QuarantineError(error) }
    }

    private mutating func dump<T>(
        _ type: nf_tables_msg_types, _ family: FirewallLayout.Family, set: String? = nil,
        for operation: String, _ body: (NetlinkMessage) -> T?
    ) throws(QuarantineError) -> [T] {
        var writer = NetlinkWriter(sequence: sequence)
        let start = writer.begin(
            type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue),
            flags: 1 | UInt16(NLM_F_DUMP), family: family.rawValue, .request(operation))
        if let set {
            writer.attribute(
                UInt16(NFTA_SET_ELEM_LIST_TABLE.rawValue), text: FirewallLayout.tableName)
            writer.attribute(UInt16(NFTA_SET_ELEM_LIST_SET.rawValue), text: set)
        }
        writer.end(start)
        sequence = writer.sequence
        do { return try socket.dump(writer.bytes, sequence: sequence, for: operation, body) } catch
        {
            throw QuarantineError(error)
        }
    }

    /// The names of the objects of `type` in our table of `family`.
    private mutating func names(
        _ type: nf_tables_msg_types, _ family: FirewallLayout.Family, table: UInt16, name: UInt16
    ) throws(QuarantineError) -> [String] {
        try dump(type, family, for: "list the \(family.word) table") { message in
            let attributes = message.payload.dropFirst(4)
            guard message.payload.first == family.rawValue,
                attributes.attribute(table)?.text == FirewallLayout.tableName
            else { return nil }
            return attributes.attribute(name)?.text
        }
    }

    private mutating func setNames(
        _ family: FirewallLayout.Family
    ) throws(QuarantineError) -> Set<String> {
        Set(
            try names(
                NFT_MSG_GETSET, family, table: UInt16(NFTA_SET_TABLE.rawValue),
                name: UInt16(NFTA_SET_NAME.rawValue)))
    }

    /// Whether all tables, chains and rules exist; also determines which actions are installed.
    public mutating func isIntact() throws(QuarantineError) -> Bool {
        var installed = actions
        // If they are not intact, the next change recreates everything.
        actions = []
        let present = try setNames(.inet)
        hasPorts = present.contains(FirewallLayout.SetSpec.name(.drop, .port))
        for action in QuarantineRule.Action.allCases {
            let name = FirewallLayout.SetSpec.name(action, .host4)
            if present.contains(name) { installed.insert(action) }
        }
        for table in layout(installed).tables {
            let sets = try setNames(table.family)
            guard table.sets.allSatisfy({ sets.contains($0.name) }) else { return false }
            let chains = try names(
                NFT_MSG_GETCHAIN, table.family, table: UInt16(NFTA_CHAIN_TABLE.rawValue),
                name: UInt16(NFTA_CHAIN_NAME.rawValue))
            let rules = try names(
                NFT_MSG_GETRULE, table.family, table: UInt16(NFTA_RULE_TABLE.rawValue),
                name: UInt16(NFTA_RULE_CHAIN.rawValue))
            for chain in table.chains {
                guard chains.contains(chain.name),
                    rules.count(where: { $0 == chain.name }) == chain.rules.count
                else { return false }
            }
        }
        actions = layout(installed).actions
        return true
    }

    public mutating func elements() throws(QuarantineError) -> [FirewallElement] {
        var found: [QuarantineRule.Key: Found] = [:]
        var seen: [(QuarantineRule.Key, FirewallLayout.Family, ElementReader.Raw)] = []
        let all = FirewallLayout(
            actions: Set(QuarantineRule.Action.allCases), hasPorts: true)
        for table in all.tables {
            let present = try setNames(table.family)
            for set in table.sets where present.contains(set.name) {
                for (target, raw) in try elements(of: set, table.family) {
                    let key = QuarantineRule.Key(target: target, action: set.action)
                    if set.key.isSeen {
                        seen.append((key, table.family, raw))
                    } else {
                        found[key, default: Found()].add(raw, table.family)
                    }
                }
            }
        }
        for (key, family, raw) in seen { found[key]?.count(raw, family) }
        return found.map { $1.element($0) }
            .sorted { ($0.target, $0.action) < ($1.target, $1.action) }
    }

    public mutating func forgetCounts(
        unless isActive: (QuarantineRule.Key) -> Bool
    ) throws(QuarantineError) {
        guard !options.isDryRun else { return }
        var stale: [FirewallLayout.Family: Elements] = [:]
        let all = FirewallLayout(actions: Set(QuarantineRule.Action.allCases))
        for table in all.tables {
            let present = try setNames(table.family)
            for set in table.sets where set.key.isSeen && present.contains(set.name) {
                for (target, _) in try elements(of: set, table.family)
                where !isActive(.init(target: target, action: set.action)) {
                    stale[table.family, default: [:]][set, default: []].append(
                        .init(target: target, timeoutMilliseconds: 0))
                }
            }
        }
        guard !stale.isEmpty else { return }
        var batch = begin()
        for (family, sets) in stale {
            for (set, elements) in sets {
                ElementWriter.write(
                    elements, to: set, families: [family], isRemoval: true, batch: &batch)
            }
        }
        try commit(&batch, "forget the counts of hosts that are not fenced")
    }

    private mutating func elements(
        of set: FirewallLayout.SetSpec, _ family: FirewallLayout.Family
    ) throws(QuarantineError) -> [(QuarantineTarget, ElementReader.Raw)] {
        let raws = try dump(
            NFT_MSG_GETSETELEM, family, set: set.name,
            for: "read the \(family.word) set \(set.name)", ElementReader.elements)
        return ElementReader.targets(raws.flatMap(\.self), key: set.key)
    }

    /// The elements of one fence in both tables.
    private struct Found {
        private var remaining: UInt64?
        private var inet = Part()
        private var bridge = Part()

        private struct Part {
            var isThere = false
            var packets: UInt64 = 0
            var bytes: UInt64 = 0

            mutating func count(_ raw: ElementReader.Raw) {
                packets &+= raw.packets
                bytes &+= raw.bytes
            }
        }

        mutating func add(_ raw: ElementReader.Raw, _ family: FirewallLayout.Family) {
            remaining = raw.remaining.map { max($0, remaining ?? 0) } ?? remaining
            if family == .inet { inet.isThere = true } else { bridge.isThere = true }
            count(raw, family)
        }

        mutating func count(_ raw: ElementReader.Raw, _ family: FirewallLayout.Family) {
            if family == .inet { inet.count(raw) } else { bridge.count(raw) }
        }

        func element(_ key: QuarantineRule.Key) -> FirewallElement {
            // A dropped packet is counted in one table only; the others pass both.
            let isDropped = [.drop, .egress, .protect].contains(key.action)
            func total(_ inet: UInt64, _ bridge: UInt64) -> UInt64 {
                isDropped ? inet &+ bridge : max(inet, bridge)
            }
            return FirewallElement(
                target: key.target, action: key.action,
                remaining: remaining.map(Interval.milliseconds),
                packets: total(inet.packets, bridge.packets),
                bytes: total(inet.bytes, bridge.bytes),
                isComplete: bridge.isThere && (inet.isThere || key.target.isLink))
        }
    }
}

extension NetlinkWriter {
    /// Begins a transaction of nftables.
    mutating func beginTransaction() {
        let message = begin(
            type: UInt16(NFNL_MSG_BATCH_BEGIN), flags: 1, family: 0,
            resource: UInt16(NFNL_SUBSYS_NFTABLES), .begin)
        end(message)
    }

    /// Requests an acknowledgement of the last message, and ends the transaction.
    mutating func endTransaction() {
        if messages.count > 1 { addFlags(UInt16(NLM_F_ACK), toMessageAt: lastStart) }
        let message = begin(
            type: UInt16(NFNL_MSG_BATCH_END), flags: 1, family: 0,
            resource: UInt16(NFNL_SUBSYS_NFTABLES), .end)
        end(message)
    }
}
