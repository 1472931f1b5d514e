internal import CNetfilter

// libnftnl's objects, one noncopyable owner each; a failed allocation is a programmer's end, as in
// the standard library. Attribute numbers are enum constants there, hence the raw values.

/// Owns one `nftnl_expr` until a rule or set takes it over.
@safe struct NftExpression: ~Copyable {
    private let handle: OpaquePointer

    init(_ name: String) {
        guard let made = unsafe nftnl_expr_alloc(name) else { preconditionFailure("no \(name)") }
        unsafe handle = made
    }

    deinit { unsafe nftnl_expr_free(handle) }

    func set(_ attribute: Int, _ value: UInt32) {
        unsafe nftnl_expr_set_u32(handle, UInt16(attribute), value)
    }

    func set(_ attribute: Int, wide value: UInt64) {
        unsafe nftnl_expr_set_u64(handle, UInt16(attribute), value)
    }

    func set(_ attribute: Int, text: String) {
        unsafe nftnl_expr_set_str(handle, UInt16(attribute), text)
    }

    func set(_ attribute: Int, bytes: [UInt8]) {
        // SAFETY: libnftnl copies the bytes; they fit its 64-byte registers.
        _ = unsafe bytes.withUnsafeBytes { raw in
            unsafe nftnl_expr_set(handle, UInt16(attribute), raw.baseAddress, UInt32(raw.count))
        }
    }

    /// Makes `expression` a part of this one.
    func set(_ attribute: Int, _ expression: consuming NftExpression) {
        // SAFETY: libnftnl keeps the object itself, whatever the length, and frees it with this one.
        _ = unsafe nftnl_expr_set(
            handle, UInt16(attribute), UnsafeRawPointer(expression.release()), 0)
    }

    /// Hands the object to a rule, a set or an expression, which frees it.
    consuming func release() -> OpaquePointer {
        let handle = unsafe handle
        discard self
        return unsafe handle
    }
}

/// Owns one `nftnl_rule`.
@safe struct NftRule: ~Copyable {
    private let handle: OpaquePointer

    init(family: FenceLayout.Family, chain: String) {
        guard let made = unsafe nftnl_rule_alloc() else { preconditionFailure("no rule") }
        unsafe handle = made
        unsafe nftnl_rule_set_u32(made, UInt16(NFTNL_RULE_FAMILY.rawValue), UInt32(family.rawValue))
        unsafe nftnl_rule_set_str(
            made, UInt16(NFTNL_RULE_TABLE.rawValue), FenceLayout.tableName)
        unsafe nftnl_rule_set_str(made, UInt16(NFTNL_RULE_CHAIN.rawValue), chain)
    }

    deinit { unsafe nftnl_rule_free(handle) }

    func add(_ expression: consuming NftExpression) {
        unsafe nftnl_rule_add_expr(handle, expression.release())
    }

    func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_rule_nlmsg_build_payload($0, handle) }
    }
}

/// Owns one `nftnl_table`.
@safe struct NftTable: ~Copyable {
    private let handle: OpaquePointer

    init(family: FenceLayout.Family) {
        guard let made = unsafe nftnl_table_alloc() else { preconditionFailure("no table") }
        unsafe handle = made
        unsafe nftnl_table_set_u32(
            made, UInt16(NFTNL_TABLE_FAMILY.rawValue), UInt32(family.rawValue))
        unsafe nftnl_table_set_str(
            made, UInt16(NFTNL_TABLE_NAME.rawValue), FenceLayout.tableName)
    }

    deinit { unsafe nftnl_table_free(handle) }

    func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_table_nlmsg_build_payload($0, handle) }
    }
}

/// Owns one `nftnl_chain`.
@safe struct NftChain: ~Copyable {
    private let handle: OpaquePointer

    init(family: FenceLayout.Family, chain: FenceLayout.Chain) {
        guard let made = unsafe nftnl_chain_alloc() else { preconditionFailure("no chain") }
        unsafe handle = made
        func set(_ attribute: Int, _ value: UInt32) {
            unsafe nftnl_chain_set_u32(made, UInt16(attribute), value)
        }
        func set(_ attribute: Int, text: String) {
            unsafe nftnl_chain_set_str(made, UInt16(attribute), text)
        }
        set(Int(NFTNL_CHAIN_FAMILY.rawValue), UInt32(family.rawValue))
        set(Int(NFTNL_CHAIN_TABLE.rawValue), text: FenceLayout.tableName)
        set(Int(NFTNL_CHAIN_NAME.rawValue), text: chain.name)
        guard let base = chain.base else { return }
        set(Int(NFTNL_CHAIN_TYPE.rawValue), text: "filter")
        set(Int(NFTNL_CHAIN_HOOKNUM.rawValue), base.hook.rawValue)
        set(Int(NFTNL_CHAIN_POLICY.rawValue), UInt32(NF_ACCEPT))
        unsafe nftnl_chain_set_s32(made, UInt16(NFTNL_CHAIN_PRIO.rawValue), base.priority)
    }

    deinit { unsafe nftnl_chain_free(handle) }

    func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_chain_nlmsg_build_payload($0, handle) }
    }
}

/// Owns one `nftnl_set`.
@safe struct NftSet: ~Copyable {
    private let handle: OpaquePointer

    init(family: FenceLayout.Family, set: FenceLayout.SetSpec, number: UInt32) {
        guard let made = unsafe nftnl_set_alloc() else { preconditionFailure("no set") }
        unsafe handle = made
        func put(_ attribute: Int, _ value: UInt32) {
            unsafe nftnl_set_set_u32(made, UInt16(attribute), value)
        }
        func put(_ attribute: Int, text: String) {
            unsafe nftnl_set_set_str(made, UInt16(attribute), text)
        }
        var flags = UInt32((set.key.isSeen ? NFT_SET_EVAL : NFT_SET_TIMEOUT).rawValue)
        if set.key.isInterval { flags |= UInt32(NFT_SET_INTERVAL.rawValue) }
        // More than one expression in an element.
        if set.rate != nil, set.isCounting { flags |= UInt32(NFT_SET_EXPR.rawValue) }
        put(Int(NFTNL_SET_FAMILY.rawValue), UInt32(family.rawValue))
        put(Int(NFTNL_SET_TABLE.rawValue), text: FenceLayout.tableName)
        put(Int(NFTNL_SET_NAME.rawValue), text: set.name)
        put(Int(NFTNL_SET_ID.rawValue), number)
        put(Int(NFTNL_SET_FLAGS.rawValue), flags)
        put(Int(NFTNL_SET_KEY_TYPE.rawValue), set.key.typeNumber)
        put(Int(NFTNL_SET_KEY_LEN.rawValue), UInt32(set.key.length))
        // What `nft` writes for itself: the key's byte order (0), four bytes long, is big-endian
        // (2).
        let note: [UInt8] = [0, 4, 2, 0, 0, 0]
        // SAFETY: libnftnl copies the bytes.
        _ = unsafe note.withUnsafeBytes { raw in
            unsafe nftnl_set_set_data(
                made, UInt16(NFTNL_SET_USERDATA.rawValue), raw.baseAddress, UInt32(raw.count))
        }
    }

    deinit { unsafe nftnl_set_free(handle) }

    /// Every element gets a copy of `expression`.
    func add(_ expression: consuming NftExpression) {
        unsafe nftnl_set_add_expr(handle, expression.release())
    }

    func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_set_nlmsg_build_payload($0, handle) }
    }
}

/// The header of a message that libnftnl fills.
struct NftMessage {
    var type: Int
    var family: FenceLayout.Family
    var flags: UInt16
    var sequence: UInt32

    /// The whole message; `build` writes what follows the header. No layout message comes near 16
    /// KiB.
    func bytes(_ build: (UnsafeMutablePointer<nlmsghdr>) -> Void) -> [UInt8] {
        // SAFETY: header and payload stay inside the buffer, whose first `nlmsg_len` bytes are
        // written when `build` is done.
        unsafe [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
            unsafe buffer.withMemoryRebound(to: CChar.self) { raw in
                guard let start = raw.baseAddress,
                    let header = unsafe nftnl_nlmsg_build_hdr(
                        start, UInt16(type), UInt16(family.rawValue), flags, sequence)
                else { return }
                unsafe build(header)
                count = unsafe Int(header.pointee.nlmsg_len)
            }
        }
    }
}
