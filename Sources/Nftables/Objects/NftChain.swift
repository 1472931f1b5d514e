internal import CNetfilter

/// Owns one `nftnl_chain`.
@safe package struct NftChain: ~Copyable {
    private let handle: OpaquePointer

    /// - Parameter base: the hook for a base chain; nil: other chains jump to it.
    package init(
        family: NftFamily, table: String, name: String, base: (hook: UInt32, priority: Int32)?
    ) {
        guard let made = unsafe nftnl_chain_alloc() else { preconditionFailure("no chain") }
        unsafe handle = made
        func set(_ attribute: Int, _ value: UInt32) {
            unsafe nftnl_chain_set_u32(made, UInt16(attribute), value)
        }
        func set(_ attribute: Int, text: String) {
            unsafe nftnl_chain_set_str(made, UInt16(attribute), text)
        }
        set(Int(NFTNL_CHAIN_FAMILY.rawValue), UInt32(family.rawValue))
        set(Int(NFTNL_CHAIN_TABLE.rawValue), text: table)
        set(Int(NFTNL_CHAIN_NAME.rawValue), text: name)
        guard let base else { return }
        set(Int(NFTNL_CHAIN_TYPE.rawValue), text: "filter")
        set(Int(NFTNL_CHAIN_HOOKNUM.rawValue), base.hook)
        set(Int(NFTNL_CHAIN_POLICY.rawValue), UInt32(NF_ACCEPT))
        unsafe nftnl_chain_set_s32(made, UInt16(NFTNL_CHAIN_PRIO.rawValue), base.priority)
    }

    deinit { unsafe nftnl_chain_free(handle) }

    package func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_chain_nlmsg_build_payload($0, handle) }
    }
}
