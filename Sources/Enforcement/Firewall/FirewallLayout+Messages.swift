internal import CNetfilter
internal import Nftables
internal import Quarantine

extension FirewallLayout {
    /// Adds to `batch` the messages that create the tables, sets, chains and rules. Existing
    /// objects and elements stay, but the rules are replaced.
    func write(to batch: inout NetlinkWriter) {
        for table in tables {
            let family = table.family
            batch.add(NFT_MSG_NEWTABLE, family, "make the \(family.word) table") {
                NftTable(family: family, name: Self.tableName).message($0)
            }
            for (index, set) in table.sets.enumerated() {
                batch.add(NFT_MSG_NEWSET, family, "make the \(family.word) set \(set.name)") {
                    set.object(family, number: UInt32(index + 1)).message($0)
                }
            }
            for chain in table.chains {
                batch.add(NFT_MSG_NEWCHAIN, family, "make the \(family.word) chain \(chain.name)") {
                    chain.object(family).message($0)
                }
            }
            for chain in table.chains {
                batch.add(
                    NFT_MSG_DELRULE, family, "clear the \(family.word) chain \(chain.name)",
                    flags: 0
                ) {
                    NftRule(family: family, table: Self.tableName, chain: chain.name).message($0)
                }
                for rule in chain.rules {
                    batch.add(
                        NFT_MSG_NEWRULE, family, "\(family.word) \(chain.name): \(rule.text)",
                        flags: UInt16(NLM_F_CREATE | NLM_F_APPEND)
                    ) { rule.object(family, chain: chain.name).message($0) }
                }
            }
        }
    }

    /// Adds to `batch` the messages that remove our tables, whether they exist or not.
    static func writeRemoval(to batch: inout NetlinkWriter) {
        for family in Family.allCases {
            batch.add(NFT_MSG_NEWTABLE, family, "make the \(family.word) table") {
                NftTable(family: family, name: Self.tableName).message($0)
            }
            batch.add(
                NFT_MSG_DELTABLE, family, "remove the \(family.word) table", flags: 0
            ) { NftTable(family: family, name: Self.tableName).message($0) }
        }
    }
}

extension NetlinkWriter {
    mutating func add(
        _ type: nf_tables_msg_types, _ family: FirewallLayout.Family, _ what: String,
        flags: UInt16 = UInt16(NLM_F_CREATE), build: (NftMessage) -> [UInt8]
    ) {
        sequence &+= 1
        let header = NftMessage(
            type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue), family: family, flags: flags,
            sequence: sequence)
        append(build(header), .request(what))
    }
}

extension FirewallLayout.SetSpec {
    fileprivate func object(_ family: FirewallLayout.Family, number: UInt32) -> NftSet {
        var flags = UInt32((key.isSeen ? NFT_SET_EVAL : NFT_SET_TIMEOUT).rawValue)
        if key.isInterval { flags |= UInt32(NFT_SET_INTERVAL.rawValue) }
        // The elements have more than one expression.
        if rate != nil, isCounting { flags |= UInt32(NFT_SET_EXPR.rawValue) }
        let object = NftSet(
            family: family, table: FirewallLayout.tableName, name: name, number: number,
            flags: flags,
            keyType: key.typeNumber, keyLength: key.length, isHostOrder: key == .port)
        if let rate {
            let limit = NftExpression("limit")
            limit.set(NFTNL_EXPR_LIMIT_RATE, wide: rate)
            limit.set(NFTNL_EXPR_LIMIT_UNIT, wide: 1)
            limit.set(
                NFTNL_EXPR_LIMIT_BURST, UInt32(clamping: rate))
            limit.set(NFTNL_EXPR_LIMIT_TYPE, UInt32(NFT_LIMIT_PKTS.rawValue))
            limit.set(NFTNL_EXPR_LIMIT_FLAGS, UInt32(NFT_LIMIT_F_INV.rawValue))
            object.add(limit)
        }
        if isCounting { object.add(NftExpression("counter")) }
        return object
    }
}

extension FirewallLayout.Chain {
    fileprivate func object(_ family: FirewallLayout.Family) -> NftChain {
        NftChain(
            family: family, table: FirewallLayout.tableName, name: name,
            base: base.map { ($0.hook.rawValue, $0.priority) })
    }
}

extension FirewallLayout.Rule {
    fileprivate func object(_ family: FirewallLayout.Family, chain: String) -> NftRule {
        let object = NftRule(family: family, table: FirewallLayout.tableName, chain: chain)
        for expression in expressions { object.add(expression.object) }
        return object
    }
}

extension FirewallLayout.Expression {
    private var register: UInt32 { UInt32(NFT_REG_1.rawValue) }

    fileprivate var object: NftExpression {
        switch self {
        case .meta(let key):
            let made = NftExpression("meta")
            made.set(NFTNL_EXPR_META_KEY, key.number)
            made.set(NFTNL_EXPR_META_DREG, register)
            return made
        case .payload(let base, let offset, let length):
            let made = NftExpression("payload")
            made.set(NFTNL_EXPR_PAYLOAD_DREG, register)
            made.set(NFTNL_EXPR_PAYLOAD_BASE, base.rawValue)
            made.set(NFTNL_EXPR_PAYLOAD_OFFSET, offset)
            made.set(NFTNL_EXPR_PAYLOAD_LEN, length)
            return made
        case .mask(let bytes):
            let made = NftExpression("bitwise")
            made.set(NFTNL_EXPR_BITWISE_SREG, register)
            made.set(NFTNL_EXPR_BITWISE_DREG, register)
            made.set(NFTNL_EXPR_BITWISE_LEN, UInt32(bytes.count))
            made.set(NFTNL_EXPR_BITWISE_MASK, bytes: bytes)
            made.set(
                NFTNL_EXPR_BITWISE_XOR, bytes: bytes.map { _ in 0 })
            return made
        case .equals(let bytes):
            let made = NftExpression("cmp")
            made.set(NFTNL_EXPR_CMP_SREG, register)
            made.set(NFTNL_EXPR_CMP_OP, UInt32(NFT_CMP_EQ.rawValue))
            made.set(NFTNL_EXPR_CMP_DATA, bytes: bytes)
            return made
        case .differs(let bytes):
            let made = NftExpression("cmp")
            made.set(NFTNL_EXPR_CMP_SREG, register)
            made.set(NFTNL_EXPR_CMP_OP, UInt32(NFT_CMP_NEQ.rawValue))
            made.set(NFTNL_EXPR_CMP_DATA, bytes: bytes)
            return made
        case .lookup(let set):
            let made = NftExpression("lookup")
            made.set(NFTNL_EXPR_LOOKUP_SREG, register)
            made.set(NFTNL_EXPR_LOOKUP_SET, text: set)
            return made
        case .count(let set):
            let made = NftExpression("dynset")
            made.set(NFTNL_EXPR_DYNSET_SREG_KEY, register)
            made.set(NFTNL_EXPR_DYNSET_OP, UInt32(NFT_DYNSET_OP_ADD.rawValue))
            made.set(NFTNL_EXPR_DYNSET_SET_NAME, text: set)
            made.set(NFTNL_EXPR_DYNSET_EXPR, NftExpression("counter"))
            return made
        case .trackedDirection:
            let made = NftExpression("ct")
            made.set(NFTNL_EXPR_CT_DREG, register)
            made.set(NFTNL_EXPR_CT_KEY, UInt32(NFT_CT_DIRECTION.rawValue))
            return made
        case .trackedState:
            let made = NftExpression("ct")
            made.set(NFTNL_EXPR_CT_DREG, register)
            made.set(NFTNL_EXPR_CT_KEY, UInt32(NFT_CT_STATE.rawValue))
            return made
        case .verdict(let verdict):
            let made = NftExpression("immediate")
            made.set(NFTNL_EXPR_IMM_DREG, UInt32(NFT_REG_VERDICT.rawValue))
            made.set(NFTNL_EXPR_IMM_VERDICT, UInt32(bitPattern: verdict.number))
            if case .jump(let chain) = verdict { made.set(NFTNL_EXPR_IMM_CHAIN, text: chain) }
            return made
        }
    }
}

extension FirewallLayout.Expression.Verdict {
    fileprivate var number: Int32 {
        switch self {
        case .drop: 0
        case .goOn: Int32(NFT_RETURN.rawValue)
        case .jump: Int32(NFT_JUMP.rawValue)
        }
    }
}

extension FirewallLayout.Expression.Meta {
    fileprivate var number: UInt32 {
        switch self {
        case .etherType: UInt32(NFT_META_PROTOCOL.rawValue)
        case .family: UInt32(NFT_META_NFPROTO.rawValue)
        case .transport: UInt32(NFT_META_L4PROTO.rawValue)
        case .inputName: UInt32(NFT_META_IIFNAME.rawValue)
        case .outputName: UInt32(NFT_META_OIFNAME.rawValue)
        }
    }
}
