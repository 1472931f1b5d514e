/// What clients send.
///
/// Only a login is an attempt: a server that refuses other messages refuses what nobody tried. A
/// client could split the word over two segments; a part of a line is therefore one, too.
extension LoginReader {
    /// A few bytes that do not end a line.
    private var isPartOfLine: Bool {
        count == length && length < 24 && u8(count &- 1) != 0x0A
    }

    /// Whether a line of the searched bytes begins with one of two words of four letters.
    private func hasLine(_ one: UInt32, _ other: UInt32) -> Bool {
        var at = 0
        for _ in 0..<8 {
            let word = lower32(at)
            if word == one || word == other { return true }
            while at < count, at < 200, u8(at) != 0x0A { at &+= 1 }
            at &+= 1
            guard at < count else { return false }
        }
        return false
    }

    /// RFC 959.
    var ftpRequest: LoginMessage {
        isPartOfLine || hasLine(Self.word("pass"), Self.word("pass")) ? .attempt : .none
    }

    /// RFC 4954: AUTH, and a line without spaces that continues it, in base64.
    var smtpRequest: LoginMessage {
        if isPartOfLine || hasLine(Self.word("auth"), Self.word("auth")) { return .attempt }
        switch lower32(0) {
        case Self.word("data"), Self.word("quit"), Self.word("rset"), Self.word("noop"),
            Self.word("star"):
            return .none
        default: break
        }
        guard length < 128, count == length, length >= 6, u16(count &- 2) == 0x0D0A else {
            return .none
        }
        for offset in 0..<(count &- 2) where !Self.isBase64(u8(offset)) { return .none }
        return .attempt
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2B, 0x2F...0x39, 0x3D, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    /// RFC 1939 and RFC 5034.
    var pop3Request: LoginMessage {
        isPartOfLine || hasLine(Self.word("pass"), Self.word("apop"))
            || lower32(0) == Self.word("auth") ? .attempt : .none
    }

    /// RFC 9051.
    var imapRequest: LoginMessage {
        guard !isPartOfLine else { return .attempt }
        guard let at = imapCommand else { return .none }
        switch lower32(at) {
        case Self.word("logi"), Self.word("auth"): return .attempt
        default: return .none
        }
    }

    /// The end of a line: many clients send each key by itself.
    var telnetRequest: LoginMessage {
        switch u8(count &- 1) {
        case 0x0D, 0x0A: .attempt
        case 0x00: count > 1 && u8(count &- 2) == 0x0D ? .attempt : .none
        default: .none
        }
    }

    /// RFC 4511: a bind request.
    var ldapRequest: LoginMessage {
        guard u8(0) == 0x30 else { return .none }
        var at = afterLength(1)
        at = afterLength(at &+ 1) &+ Int(u8(at &+ 1) & 7)
        return u8(at) == 0x60 || count < 8 ? .attempt : .none
    }

    /// A session setup.
    var smbRequest: LoginMessage {
        count < 18 || u32(4) == 0xFE53_4D42 && u16(16) == 0x0100 ? .attempt : .none
    }

    /// MS-TDS: a login, in clear or in TLS.
    var tdsRequest: LoginMessage {
        switch u8(0) {
        case 0x10, 0x12, 0x17: .attempt
        default: count < 8 ? .attempt : .none
        }
    }

    /// The answer to a greeting or to a change of the method, or a change of the user.
    var mysqlRequest: LoginMessage {
        count < 5 || u8(3) != 0 || u8(4) == 0x11 ? .attempt : .none
    }

    /// A startup message, which has no type, or one with a password.
    var postgresRequest: LoginMessage {
        switch u8(0) {
        case 0x00, 0x70: .attempt
        default: count < 5 ? .attempt : .none
        }
    }

    /// TNS: the second phase of a login, which has the password.
    var oracleRequest: LoginMessage {
        count < 12 || u8(4) == 6 && u8(10) == 3 && u8(11) == 0x73 ? .attempt : .none
    }

    /// OP_MSG: SASL.
    var mongoRequest: LoginMessage {
        guard count >= 34 else { return .attempt }
        guard u32(12).byteSwapped == Self.messageOfMongo else { return .none }
        let name = u64(26)
        return name == Self.code("saslStar") || name == Self.code("saslCont") ? .attempt : .none
    }

    /// AUTH, and HELLO with more than a version, as arrays or as a line. A client may say RESET
    /// before.
    var redisRequest: LoginMessage {
        if isPartOfLine { return .attempt }
        guard !hasLine(Self.word("auth"), Self.word("auth")) else { return .attempt }
        guard u8(0) == 0x2A else { return .none }
        switch (u32(4), lower32(8)) {
        case (Self.word("$4\r\n"), Self.word("auth")): return .attempt
        case (Self.word("$5\r\n"), Self.word("hell")): return u8(1) >= 0x35 ? .attempt : .none
        default: return .none
        }
    }
}
