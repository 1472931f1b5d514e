internal import CNetfilter

// Each of libnftnl's objects has one noncopyable owner. A failed allocation ends the program, as in
// the standard library. Attribute numbers are enum constants there, hence the raw values.

/// Owns one `nftnl_expr` until a rule or set takes ownership.
@safe package struct NftExpression: ~Copyable {
    private let handle: OpaquePointer

    package init(_ name: String) {
        guard let made = unsafe nftnl_expr_alloc(name) else { preconditionFailure("no \(name)") }
        unsafe handle = made
    }

    deinit { unsafe nftnl_expr_free(handle) }

    package func set(_ attribute: Int, _ value: UInt32) {
        unsafe nftnl_expr_set_u32(handle, UInt16(attribute), value)
    }

    package func set(_ attribute: Int, wide value: UInt64) {
        unsafe nftnl_expr_set_u64(handle, UInt16(attribute), value)
    }

    package func set(_ attribute: Int, text: String) {
        unsafe nftnl_expr_set_str(handle, UInt16(attribute), text)
    }

    package func set(_ attribute: Int, bytes: [UInt8]) {
        // SAFETY: libnftnl copies the bytes; they fit its 64-byte registers.
        _ = unsafe bytes.withUnsafeBytes { raw in
            unsafe nftnl_expr_set(handle, UInt16(attribute), raw.baseAddress, UInt32(raw.count))
        }
    }

    /// Adds `expression` to this one.
    package func set(_ attribute: Int, _ expression: consuming NftExpression) {
        // SAFETY: libnftnl keeps the object itself, whatever the length, and frees it with this
        // one.
        _ = unsafe nftnl_expr_set(
            handle, UInt16(attribute), UnsafeRawPointer(expression.release()), 0)
    }

    /// Transfers the object to a rule, a set or an expression, which frees it.
    consuming func release() -> OpaquePointer {
        let handle = unsafe handle
        discard self
        return unsafe handle
    }
}
