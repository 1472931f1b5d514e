internal import CNetfilter

/// Owns one `nftnl_rule`.
@safe package struct NftRule: ~Copyable {
    private let handle: OpaquePointer

    package init(family: NftFamily, table: String, chain: String) {
        guard let made = unsafe nftnl_rule_alloc() else { preconditionFailure("no rule") }
        unsafe handle = made
        unsafe nftnl_rule_set_u32(made, UInt16(NFTNL_RULE_FAMILY.rawValue), UInt32(family.rawValue))
        unsafe nftnl_rule_set_str(
            made, UInt16(NFTNL_RULE_TABLE.rawValue), table)
        unsafe nftnl_rule_set_str(made, UInt16(NFTNL_RULE_CHAIN.rawValue), chain)
    }

    deinit { unsafe nftnl_rule_free(handle) }

    package func add(_ expression: consuming NftExpression) {
        unsafe nftnl_rule_add_expr(handle, expression.release())
    }

    package func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_rule_nlmsg_build_payload($0, handle) }
    }
}
