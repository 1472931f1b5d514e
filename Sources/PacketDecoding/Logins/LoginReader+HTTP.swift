/// HTTP/1 on any port.
extension LoginReader {
    /// The bytes of a request that are searched for credentials.
    private static let searched = 512

    /// Whether a payload that begins with these bytes may be HTTP.
    @inline(__always)
    static func mayBeHTTP(_ start: UInt32, then next: UInt16) -> Bool {
        switch start {
        case 0x4854_5450, 0x4745_5420, 0x504F_5354, 0x4845_4144, 0x5055_5420, 0x5041_5443,
            0x5052_4F50, 0x434F_4E4E:
            true
        // DELETE; POP3 has DELE.
        case 0x4445_4C45: next == 0x5445
        default: false
        }
    }

    /// The message of a payload for which `mayBeHTTP` is true.
    @inline(never)
    var http: LoginMessage {
        switch u32(0) {
        case Self.word("HTTP"): status
        // A form.
        case Self.word("POST"): .attempt
        default: hasCredentials ? .attempt : .none
        }
    }

    private var status: LoginMessage {
        guard u8(4) == 0x2F, u8(8) == 0x20, count >= 12 else { return .none }
        let digits = u32(8) & 0xFF_FFFF
        switch digits {
        case 0x343031, 0x343033, 0x343037: return .refused
        default: break
        }
        switch digits >> 16 {
        case 0x32, 0x33: return .granted
        case 0x34, 0x35: return .answered
        default: return .none
        }
    }

    /// Whether a request has credentials. A first request without any, which the server answers
    /// with 401 to ask for them, is no attempt; nor is the first message of an NTLM handshake.
    ///
    /// A client could hide credentials behind long headers: a request whose headers do not end in
    /// the searched bytes counts, unless the capture cut it.
    private var hasCredentials: Bool {
        var at = 0
        while let start = nextLine(from: at, to: min(count, Self.searched)) {
            at = start
            guard u8(at) != 0x0D, u8(at) != 0x0A else { return false }
            switch lower64(at) {
            // "authoriz"
            case 0x6175_7468_6F72_697A: return !isFirstOfHandshake(at &+ 13)
            // "proxy-au"
            case 0x7072_6F78_792D_6175: return !isFirstOfHandshake(at &+ 19)
            default: break
            }
        }
        return count == length && (length > Self.searched || u32(count &- 4) != 0x0D0A_0D0A)
    }

    /// The offset after the first newline; nil without one before `end`.
    @inline(__always)
    func nextLine(from offset: Int, to end: Int) -> Int? {
        let newline: UInt64 = 0x0A0A_0A0A_0A0A_0A0A
        let ones: UInt64 = 0x0101_0101_0101_0101
        var at = offset
        while at < end {
            guard at &+ 8 <= count else {
                if u8(at) == 0x0A { return at &+ 1 }
                at &+= 1
                continue
            }
            // The first byte of the eight that is a newline, as in Hacker's Delight, 6-1.
            let eight = u64(at).byteSwapped ^ newline
            let found = (eight &- ones) & ~eight & (ones << 7)
            guard found == 0 else { return at &+ found.trailingZeroBitCount / 8 &+ 1 }
            at &+= 8
        }
        return nil
    }

    /// Whether the value of an authorization header only starts a handshake: the first message of
    /// NTLM (MS-NLMP), or of a negotiation about it (RFC 4559).
    private func isFirstOfHandshake(_ offset: Int) -> Bool {
        var at = offset
        while u8(at) == 0x3A || u8(at) == 0x20, at < count { at &+= 1 }
        switch lower32(at) {
        case Self.word("ntlm"): at &+= 5
        case Self.word("nego"): at &+= 10
        default: return false
        }
        if u64(at) == Self.code("TlRMTVNT"), u32(at &+ 8) == Self.word("UAAB") { return true }
        // A short token of SPNEGO; Kerberos needs two bytes or more for its length.
        return u8(at) == 0x59 && u8(at &+ 1) != 0x49
    }
}
