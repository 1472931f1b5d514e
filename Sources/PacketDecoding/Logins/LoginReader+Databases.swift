/// Databases.
extension LoginReader {
    func databaseMessage(_ port: UInt16, isRequest: Bool) -> LoginMessage {
        if isEncrypted { return isRequest ? .attempt : isLongAnswer ? .answered : .none }
        switch port {
        case 1433: return isRequest ? tdsRequest : tds
        case 3306: return isRequest ? mysqlRequest : mysql
        case 5432: return isRequest ? postgresRequest : postgres
        case 1521: return isRequest ? oracleRequest : oracle
        case 27017: return isRequest ? mongoRequest : mongo
        default: return .none
        }
    }

    /// Whether it begins with a record of application data (RFC 8446, 5.1).
    var isEncrypted: Bool { u8(0) == 0x17 && u8(1) == 3 }

    /// Whether it begins with any record of TLS.
    private var isTLS: Bool { u8(0) &- 0x14 < 4 && u8(1) == 3 }

    /// Whether an encrypted message of the server is more than the end of its session, which has
    /// 24 bytes, or 31 with older ciphers: an error has a text.
    private var isLongAnswer: Bool { length > 64 }

    /// MySQL and MariaDB: errors 1045 and 1698 "access denied", and 3118, 3955 and 4151 "account is
    /// locked". The greeting is packet 0, answers to queries begin with packet 1.
    ///
    /// A first packet that is longer than the segment is the rest of a message, or another
    /// service's. A server with other errors, such as too many connections, refuses no password.
    var mysql: LoginMessage {
        guard u8(2) == 0, Int(u16(0).byteSwapped) &+ 4 <= length else {
            return isTLS || count < 4 ? .none : .foreign
        }
        guard count >= 7 else { return .none }
        if u8(4) == 0xFF {
            switch u16(5).byteSwapped {
            case 1045, 1698, 3118, 3955, 4151: return .refused
            default: return .foreign
            }
        }
        guard u8(3) >= 2 else { return .none }
        switch u8(4) {
        case 0x00: return .granted
        // Fast authentication succeeded.
        case 0x01: return u8(5) == 3 && u8(0) == 2 ? .granted : .none
        default: return .none
        }
    }

    /// PostgreSQL: errors of class 28, "invalid authorization specification" and "invalid
    /// password"; AuthenticationOk and AuthenticationSASLFinal.
    var postgres: LoginMessage {
        switch u8(0) {
        case 0x45: return isRefusedByPostgres ? .refused : .none
        case 0x52:
            guard count >= 9, u32(1) >= 8 else { return .none }
            return u32(5) == 0 || u32(5) == 12 ? .granted : .none
        default: return isOfPostgres || count < min(5, length) ? .none : .foreign
        }
    }

    /// Whether an answer begins as those of PostgreSQL do: with the byte that answers a request for
    /// TLS, a record of TLS, or a message's type and a length that may be. What does not is the
    /// rest of a message, or another service's that uses the port: no login was refused there.
    private var isOfPostgres: Bool {
        if isTLS || length == 1 { return true }
        switch u8(0) {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "1")...UInt8(ascii: "3"),
            UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "n"), UInt8(ascii: "s"),
            UInt8(ascii: "t"), UInt8(ascii: "v"):
            return count < 5 || u32(1) &- 4 < 1 << 24
        default: return false
        }
    }

    /// The fields of an error are a letter, a text and a zero; the code's letter is C.
    private var isRefusedByPostgres: Bool {
        var at = 5
        for _ in 0..<4 {
            if u8(at) == 0x43 {
                let code = u64(at &+ 1) >> 24
                return code == Self.code("28P01") || code == Self.code("28000")
            }
            while at < 100, u8(at) != 0 { at &+= 1 }
            at &+= 1
        }
        return false
    }

    /// Redis: "WRONGPASS", and "ERR invalid password" before version 6, also behind the answers to
    /// what a client may say before it logs in.
    ///
    /// Data, numbers and words are for those who may use the database, except the answer to RESET.
    var redis: LoginMessage {
        let start = u32(0)
        var at = 0
        while start == Self.word("-NOA") || start == Self.word("+RES"), at < min(count, 200) {
            if u8(at) == 0x0A, isRefusedByRedis(at &+ 1) { return .refused }
            at &+= 1
        }
        switch UInt8(truncatingIfNeeded: start >> 24) {
        case UInt8(ascii: "-"):
            if isRefusedByRedis(0) { return .refused }
            return start == Self.word("-ERR") ? .answered : .none
        case UInt8(ascii: "+"):
            if start >> 8 == 0x2B4F4B { return .granted }
            return start == Self.word("+RES") ? .none : .foreign
        case UInt8(ascii: "%"), UInt8(ascii: "*"): return .granted
        case UInt8(ascii: "$"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "#"),
            UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: "="), UInt8(ascii: "~"):
            return .foreign
        default: return .none
        }
    }

    private func isRefusedByRedis(_ at: Int) -> Bool {
        switch u32(at) {
        case Self.word("-WRO"): true
        case Self.word("-ERR"): u64(at &+ 5) == Self.code("invalid ")
        default: false
        }
    }

    /// SQL Server (MS-TDS): error 18456 "login failed", or anything else first, after a login.
    ///
    /// A server's packets are answers, and its part of a handshake of TLS: 4 and 18.
    var tds: LoginMessage {
        guard u8(0) == 0x04 else {
            return u8(0) == 0x12 || isTLS || count < 8 ? .none : .foreign
        }
        switch u8(8) {
        case 0xAA: return u32(11).byteSwapped == 18_456 ? .refused : .none
        case 0xAD, 0xE3: return .granted
        default: return .none
        }
    }

    /// Oracle (TNS): the error 1017 "invalid username/password", or the parameters of a session.
    ///
    /// A listener that sends its client to another address refuses no login. What begins with no
    /// packet's type and length is another service's, or the rest of a message.
    var oracle: LoginMessage {
        guard u8(4) &- 1 < 20, u16(0) == 0 || Int(u16(0)) <= length else {
            return isTLS || count < 8 ? .none : .foreign
        }
        switch (u8(4), u8(10)) {
        case (5, _): return .foreign
        case (6, 8): return .granted
        case (6, 4):
            var at = 11
            while at < min(count, 400) {
                if u64(at) == Self.code("ORA-0101"), u8(at &+ 8) == UInt8(ascii: "7") {
                    return .refused
                }
                at &+= 1
            }
            return .none
        default: return .none
        }
    }

    /// MongoDB (OP_MSG): the error 18 "authentication failed", or the end of SASL. What it says to
    /// other commands, most of which need a login, refuses none.
    var mongo: LoginMessage {
        // The shortest document says only "ok".
        guard count >= 38, u32(12).byteSwapped == Self.messageOfMongo, u8(20) == 0 else {
            return .none
        }
        switch u64(26) {
        // "conversationId", a number, then "done".
        case Self.code("conversa"):
            return u32(46) == Self.word("done") && u8(51) == 1 ? .granted : .none
        // "ok": 0, then "errmsg", then "code".
        case let start where start >> 40 == 0x6F_6B00 && u64(29) == 0 && u8(37) == 0x02:
            let at = 49 &+ Int(u32(45).byteSwapped & 0xFFF)
            return u32(at &+ 1) == Self.word("code") && u32(at &+ 6).byteSwapped == 18
                ? .refused : .none
        default: return .foreign
        }
    }

    static let messageOfMongo: UInt32 = 2013
}
