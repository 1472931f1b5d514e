/// Recognises attempts to log in and their answers in the captured payload of a TCP segment.
///
/// It reads at most some hundred bytes, of forms 2,048, allocates nothing, and never reads past
/// the payload: such bytes are zero. It looks at one segment only, so a message that is split over
/// two is missed.
struct LoginReader {
    private let frame: FrameBytes
    private let start: Int
    /// The number of captured bytes of the payload.
    let count: Int
    /// The payload's length by the headers.
    let length: Int

    /// - Parameters:
    ///   - start: the offset of the payload.
    ///   - length: the payload's length by the headers; fewer bytes may be captured.
    init(_ frame: FrameBytes, from start: Int, length: Int) {
        self.frame = frame
        self.start = start
        self.length = length
        count = min(max(0, frame.count &- start), length)
    }

    // MARK: bytes

    @inline(__always)
    func u8(_ offset: Int) -> UInt8 {
        offset < count ? frame.u8(start &+ offset) : 0
    }

    @inline(__always)
    func u16(_ offset: Int) -> UInt16 {
        offset &+ 2 <= count ? frame.u16(start &+ offset) : 0
    }

    @inline(__always)
    func u32(_ offset: Int) -> UInt32 {
        offset &+ 4 <= count ? frame.u32(start &+ offset) : 0
    }

    @inline(__always)
    func u64(_ offset: Int) -> UInt64 {
        offset &+ 8 <= count ? frame.u64(start &+ offset) : 0
    }

    /// The same in lower case, if they are letters.
    func lower32(_ offset: Int) -> UInt32 { u32(offset) | 0x2020_2020 }
    func lower64(_ offset: Int) -> UInt64 { u64(offset) | 0x2020_2020_2020_2020 }

    /// Four characters as a number.
    @inline(__always)
    static func word(_ text: StaticString) -> UInt32 { UInt32(truncatingIfNeeded: code(text)) }

    /// Up to eight characters as a number, the last one lowest.
    @inline(__always)
    static func code(_ text: StaticString) -> UInt64 {
        text.withUTF8Buffer { unsafe $0.reduce(0) { $0 << 8 | UInt64($1) } }
    }

    // MARK: services

    /// Whether a segment to or from this port is looked at, beside HTTP, which may use any port.
    @inline(__always)
    static func isLoginPort(_ port: UInt16) -> Bool {
        switch port {
        case 21, 23, 25, 110, 143, 389, 445, 587, 1433, 1521, 1883, 2121, 2525, 3268, 3306, 5432,
            5900...5909, 6379, 9042, 27017:
            true
        default: false
        }
    }

    /// The message of a segment to (`isRequest`) or from a service's port.
    @inline(never)
    func message(port: UInt16, isRequest: Bool) -> LoginMessage {
        switch port {
        case 21, 2121: isRequest ? ftpRequest : ftp
        case 25, 587, 2525: isRequest ? smtpRequest : smtp
        case 110: isRequest ? pop3Request : pop3
        case 143: isRequest ? imapRequest : imap
        case 23: isRequest ? telnetRequest : telnet
        case 389, 3268: isRequest ? ldapRequest : ldap
        case 445: isRequest ? smbRequest : smb
        case 1433, 1521, 3306, 5432, 9042, 27017: databaseMessage(port, isRequest: isRequest)
        case 1883: isRequest ? (u8(0) == 0x10 ? .attempt : .none) : mqtt
        case 6379: isRequest ? redisRequest : isEncrypted ? .none : redis
        // VNC: the answer to a challenge has 16 bytes.
        default: isRequest ? (length == 16 ? .attempt : .none) : vnc
        }
    }

    /// Three digits at the start, as in FTP and SMTP.
    private var code: UInt32 { u32(0) >> 8 }

    /// RFC 959: 530 "not logged in"; 430 "invalid username or password" is used, too.
    private var ftp: LoginMessage {
        switch code {
        case 0x353330, 0x343330: .refused
        case 0x323330: .granted
        default: .none
        }
    }

    /// RFC 4954: 535 "authentication credentials invalid". All other errors are about mail.
    private var smtp: LoginMessage {
        switch code {
        case 0x353335: .refused
        case 0x323335: .granted
        default: .none
        }
    }

    /// RFC 1939: a mailbox has other errors, so only the answer to a login counts.
    private var pop3: LoginMessage {
        switch u32(0) {
        case Self.word("-ERR"): .refused
        case let start where start >> 8 == 0x2B4F4B: .granted
        default: .none
        }
    }

    /// The offset after an IMAP tag and its space; nil without one.
    var imapCommand: Int? {
        for offset in 1..<34 where u8(offset) == 0x20 { return offset &+ 1 }
        return nil
    }

    /// RFC 9051, with the same limit. Untagged answers begin with `*`, requests for more with `+`.
    private var imap: LoginMessage {
        guard u8(0) != 0x2A, u8(0) != 0x2B, let at = imapCommand else { return .none }
        switch u32(at) >> 8 {
        case 0x4E4F20: return .refused
        case 0x4F4B20: return .granted
        case 0x424144: return .answered
        default: return .none
        }
    }

    /// The words of common servers, at the start of a line.
    private var telnet: LoginMessage {
        var at = 0
        while at < 8, u8(at) != 0, u8(at) < 0x41 { at &+= 1 }
        switch lower64(at) {
        case Self.code("login fa"), Self.code("bad pass"), Self.code("authenti"): return .refused
        case Self.code("login in"):
            let word = lower64(at &+ 6)
            return word == Self.code("incorrec") || word >> 8 == Self.code("invalid")
                ? .refused : .none
        default: return .none
        }
    }

    /// MQTT: CONNACK with "bad user name or password" or "not authorized", of version 3 or 5.
    private var mqtt: LoginMessage {
        guard u8(0) == 0x20, count >= 4 else { return .none }
        switch u8(3) {
        case 0: return .granted
        case 4, 5, 0x86, 0x87: return .refused
        default: return .none
        }
    }

    /// RFC 6143: the result of the security handshake.
    private var vnc: LoginMessage {
        switch u32(0) {
        case 1, 2: .refused
        case 0: length == 4 && count == 4 ? .granted : .none
        default: .none
        }
    }

    /// RFC 4511: a bind response with invalidCredentials, or success.
    private var ldap: LoginMessage {
        guard u8(0) == 0x30 else { return .none }
        var at = afterLength(1)
        guard u8(at) == 0x02 else { return .none }
        at = afterLength(at &+ 1) &+ Int(u8(at &+ 1) & 7)
        guard u8(at) == 0x61 else { return .none }
        at = afterLength(at &+ 1)
        guard u16(at) == 0x0A01 else { return .none }
        switch u8(at &+ 2) {
        case 0: return count > at &+ 2 ? .granted : .none
        case 49: return .refused
        default: return .none
        }
    }

    /// The offset after a length of ASN.1 BER.
    func afterLength(_ offset: Int) -> Int {
        let first = u8(offset)
        return offset &+ 1 &+ (first & 0x80 == 0 ? 0 : Int(first & 7))
    }

    /// SMB 2 and 3: the status of a session setup; the header is never encrypted there.
    private var smb: LoginMessage {
        guard u32(4) == 0xFE53_4D42, u16(16) == 0x0100 else { return .none }
        switch u32(12).byteSwapped {
        case 0: return .granted
        // Wrong user, wrong password, logon failure, account disabled, account locked out.
        case 0xC000_0064, 0xC000_006A, 0xC000_006D, 0xC000_0072, 0xC000_0234: return .refused
        default: return .none
        }
    }
}
