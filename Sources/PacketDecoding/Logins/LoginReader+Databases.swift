/// Databases.
extension LoginReader {
    func databaseMessage(_ port: UInt16, isRequest: Bool) -> LoginMessage {
        if isEncrypted { return isRequest ? .attempt : isLongAnswer ? .answered : .none }
        switch port {
        case 1433: return isRequest ? tdsRequest : tds
        case 3306: return isRequest ? mysqlRequest : mysql
        case 5432: return isRequest ? postgresRequest : postgres
        default: return .none
        }
    }

    /// Whether it begins with a record of application data (RFC 8446, 5.1).
    private var isEncrypted: Bool { u8(0) == 0x17 && u8(1) == 3 }

    /// Whether an encrypted message of the server is more than the end of its session, which has
    /// 24 bytes, or 31 with older ciphers: an error has a text.
    private var isLongAnswer: Bool { length > 64 }

    /// MySQL and MariaDB: errors 1045 and 1698 "access denied". The greeting is packet 0, answers
    /// to queries begin with packet 1.
    var mysql: LoginMessage {
        guard count >= 7, u8(3) >= 2 else { return .none }
        switch u8(4) {
        case 0xFF:
            let error = u16(5).byteSwapped
            return error == 1045 || error == 1698 ? .refused : .none
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
        default: return isOfPostgres ? .none : .answered
        }
    }

    /// Whether an answer begins as those of PostgreSQL do: with the byte that answers a request for
    /// TLS, a record of TLS, or a message's type and a length that may be. What does not is the
    /// rest of a message, or another service's that uses the port: no login was refused there.
    private var isOfPostgres: Bool {
        if u8(0) &- 0x14 < 4, u8(1) == 3 { return true }
        if length == 1 { return true }
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

    /// Redis: "WRONGPASS", and "ERR invalid password" before version 6.
    var redis: LoginMessage {
        switch u32(0) {
        case Self.word("-WRO"): return .refused
        case Self.word("-ERR"):
            return u64(5) == Self.code("invalid ") ? .refused : .answered
        case let start where start >> 8 == 0x2B4F4B: return .granted
        case let start where start >> 24 == 0x25 || start >> 24 == 0x2A: return .granted
        default: return .none
        }
    }

    /// SQL Server (MS-TDS): error 18456 "login failed", or anything else first, after a login.
    var tds: LoginMessage {
        guard u8(0) == 0x04 else { return .none }
        switch u8(8) {
        case 0xAA: return u32(11).byteSwapped == 18_456 ? .refused : .none
        case 0xAD, 0xE3: return .granted
        default: return .none
        }
    }
}
