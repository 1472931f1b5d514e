internal import CNetfilter

/// The header of a message that libnftnl writes.
package struct NftMessage {
    package var type: Int
    package var family: NftFamily
    package var flags: UInt16
    package var sequence: UInt32

    package init(type: Int, family: NftFamily, flags: UInt16, sequence: UInt32) {
        self.type = type
        self.family = family
        self.flags = flags
        self.sequence = sequence
    }

    /// The whole message; `build` writes everything after the header. No layout message comes near
    /// 16 KiB.
    func bytes(_ build: (UnsafeMutablePointer<nlmsghdr>) -> Void) -> [UInt8] {
        // SAFETY: header and payload stay within the buffer, whose first `nlmsg_len` bytes are
        // initialized after `build`.
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
