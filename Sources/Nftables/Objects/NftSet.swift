internal import CNetfilter

/// Owns one `nftnl_set`.
@safe package struct NftSet: ~Copyable {
    private let handle: OpaquePointer

    /// A set whose keys are of one of nft's datatypes.
    ///
    /// - Parameters:
    ///   - number: identifies the set within its transaction.
    ///   - keyType: the number of the datatype in nft(8).
    ///   - keyLength: bytes of a key.
    ///   - isHostOrder: whether nft(8) expects the keys in the host's byte order, as for names;
    ///     otherwise they are in network order.
    package init(
        family: NftFamily, table: String, name: String, number: UInt32, flags: UInt32,
        keyType: UInt32, keyLength: Int, isHostOrder: Bool = false
    ) {
        guard let made = unsafe nftnl_set_alloc() else { preconditionFailure("no set") }
        unsafe handle = made
        func put(_ attribute: Int, _ value: UInt32) {
            unsafe nftnl_set_set_u32(made, UInt16(attribute), value)
        }
        func put(_ attribute: Int, text: String) {
            unsafe nftnl_set_set_str(made, UInt16(attribute), text)
        }
        put(Int(NFTNL_SET_FAMILY.rawValue), UInt32(family.rawValue))
        put(Int(NFTNL_SET_TABLE.rawValue), text: table)
        put(Int(NFTNL_SET_NAME.rawValue), text: name)
        put(Int(NFTNL_SET_ID.rawValue), number)
        put(Int(NFTNL_SET_FLAGS.rawValue), flags)
        put(Int(NFTNL_SET_KEY_TYPE.rawValue), keyType)
        put(Int(NFTNL_SET_KEY_LEN.rawValue), UInt32(keyLength))
        // Metadata as `nft` writes it: the key's byte order (0), four bytes long, is the host's (1)
        // or big-endian (2).
        let note: [UInt8] = [0, 4, isHostOrder ? 1 : 2, 0, 0, 0]
        // SAFETY: libnftnl copies the bytes.
        _ = unsafe note.withUnsafeBytes { raw in
            unsafe nftnl_set_set_data(
                made, UInt16(NFTNL_SET_USERDATA.rawValue), raw.baseAddress, UInt32(raw.count))
        }
    }

    deinit { unsafe nftnl_set_free(handle) }

    /// Adds `expression` to every element.
    package func add(_ expression: consuming NftExpression) {
        unsafe nftnl_set_add_expr(handle, expression.release())
    }

    package func message(_ header: NftMessage) -> [UInt8] {
        unsafe header.bytes { unsafe nftnl_set_nlmsg_build_payload($0, handle) }
    }
}
