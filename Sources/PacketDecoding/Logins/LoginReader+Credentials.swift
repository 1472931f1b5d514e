/// What an attempt to log in tries: who tries the same again has not guessed.
///
/// Only messages that are complete have a digest, with user and password and nothing behind them:
/// a client could put a second attempt there.
extension LoginReader {
    /// An odd number without a pattern: the golden ratio, times 2^64.
    static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The bytes that are read.
    private static let most = 4096

    /// The authorization header of a request that has nothing but headers, or a whole form; nil if
    /// it has neither.
    @inline(never)
    var credentialsOfHTTP: UInt64? {
        guard count == length, count <= Self.most else { return nil }
        let isForm = u32(0) == Self.word("POST")
        var (digest, body): (UInt64?, Int) = (nil, 0)
        var at = 0
        while at < count {
            switch lower64(at) {
            // "authoriz", "proxy-au"
            case 0x6175_7468_6F72_697A, 0x7072_6F78_792D_6175:
                guard digest == nil else { return nil }
                digest = hash(from: at, to: 0x0A)
            case Self.code("content-"):
                if lower64(at &+ 7) == Self.code("-length:") { body = number(at &+ 15) }
            case Self.code("transfer"): return nil
            default: break
            }
            while at < count, u8(at) != 0x0A { at &+= 1 }
            at &+= 1
            // The headers end here.
            guard u8(at) == 0x0D else { continue }
            guard at &+ 2 &+ body == count else { return nil }
            return isForm ? hash(from: 0, to: nil) : body == 0 ? digest : nil
        }
        return nil
    }

    private func number(_ offset: Int) -> Int {
        var (at, value) = (offset, 0)
        while u8(at) == 0x20 { at &+= 1 }
        while value < Self.most, u8(at) &- 0x30 < 10 {
            value = value &* 10 &+ Int(u8(at) &- 0x30)
            at &+= 1
        }
        return value
    }

    /// AUTH or HELLO as an array with all its strings.
    @inline(never)
    var credentialsOfRedis: UInt64? {
        guard count == length, count <= 512, u8(0) == 0x2A, u8(1) > 0x31, u8(1) < 0x38 else {
            return nil
        }
        var lines = 0
        for offset in 0..<count where u8(offset) == 0x0A { lines &+= 1 }
        guard lines == 2 &* Int(u8(1) &- 0x30) &+ 1, u8(count &- 1) == 0x0A else { return nil }
        return hash(from: 0, to: nil)
    }

    /// A digest of a line, or of all that follows.
    private func hash(from offset: Int, to end: UInt8?) -> UInt64 {
        var (at, digest) = (offset, UInt64(0))
        while at < count, u8(at) != end {
            digest = Self.mix(digest, u8(at))
            at &+= 1
        }
        return digest
    }

    /// FNV-1a, with another factor.
    private static func mix(_ digest: UInt64, _ byte: UInt8) -> UInt64 {
        let mixed = (digest ^ UInt64(byte)) &* factor
        return mixed ^ mixed >> 29
    }
}
