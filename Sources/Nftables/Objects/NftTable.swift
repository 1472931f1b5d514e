internal import CNetfilter

/// Owns one `nftnl_table`.
@safe package struct NftTable: ~Copyable {
    private let handle: OpaquePointer

    package init(family: NftFamily, name: String) {
        guard let made = unsafe nftnl_table_alloc() else { preconditionFailure("no table") }
        unsafe handle = made
        unsafe nftnl_table_set_u32(
            made, UInt16(NFTNL_TABLE_FAMILY.rawValue), UInt32(family.rawValue))
        unsafe nftnl_table_set_str(
            made, UInt16(NFTNL_TABLE_NAME.rawValue), name)
    }

    deinit { unsafe nftnl_table_free(handle) }

    package func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_table_nlmsg_build_payload($0, handle) }
    }
}
