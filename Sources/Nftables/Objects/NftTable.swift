internal import CNetfilter

/// Owns one `nftnl_table`.
@safe package struct NftTable: ~Copyable {
    private let handle: OpaquePointer

    /// - Parameter flags: of `enum nft_table_flags`.
    package init(family: NftFamily, name: String, flags: UInt32 = 0) {
        guard let made = unsafe nftnl_table_alloc() else { preconditionFailure("no table") }
        unsafe handle = made
        unsafe nftnl_table_set_u32(
            made, UInt16(NFTNL_TABLE_FAMILY.rawValue), UInt32(family.rawValue))
        unsafe nftnl_table_set_str(
            made, UInt16(NFTNL_TABLE_NAME.rawValue), name)
        guard flags != 0 else { return }
        unsafe nftnl_table_set_u32(made, UInt16(NFTNL_TABLE_FLAGS.rawValue), flags)
    }

    deinit { unsafe nftnl_table_free(handle) }

    package func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_table_nlmsg_build_payload($0, handle) }
    }
}
