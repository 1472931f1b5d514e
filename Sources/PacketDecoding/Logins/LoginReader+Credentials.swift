import NetworkAddresses

/// What an attempt to log in tries: who tries the same again has not guessed.
///
/// Only messages that are complete have a digest, with user and password and nothing behind them:
/// a client could put a second attempt there. Digests depend on a key, so that nobody can choose
/// credentials with equal ones.
extension LoginReader {
    /// The bytes that are read.
    private static let most = 2048

    /// A digest of the authorization header of a request that has nothing but headers, or of a
    /// whole form; nil if it has neither.
    @inline(never)
    var credentialsOfHTTP: UInt64? {
        guard count == length, count <= Self.most else { return nil }
        var (digest, body): (UInt64?, Int?) = (nil, nil)
        var at = 0
        while let start = nextLine(from: at, to: count) {
            at = start
            switch lower64(at) {
            // "authoriz", "proxy-au"
            case 0x6175_7468_6F72_697A, 0x7072_6F78_792D_6175:
                guard digest == nil else { return nil }
                digest = hash(from: at, to: nextLine(from: at, to: count) ?? count)
            case Self.code("content-") where lower64(at &+ 7) == Self.code("-length:"):
                guard body == nil, let size = number(at &+ 15) else { return nil }
                body = size
            case Self.code("transfer"): return nil
            default: break
            }
            switch u8(at) {
            // The headers end here.
            case 0x0D:
                guard at &+ 2 &+ (body ?? 0) == count else { return nil }
                guard u32(0) != Self.word("POST") else { return hash(from: 0, to: count) }
                return (body ?? 0) == 0 ? digest : nil
            // A header that continues, or a line that ends otherwise.
            case 0x20, 0x09, 0x0A: return nil
            default: break
            }
        }
        return nil
    }

    /// A number that fills the rest of a line; nil if it is none.
    private func number(_ offset: Int) -> Int? {
        var (at, value) = (offset, 0)
        while u8(at) == 0x20 || u8(at) == 0x09 { at &+= 1 }
        let first = at
        while value < Self.most, u8(at) &- 0x30 < 10 {
            value = value &* 10 &+ Int(u8(at) &- 0x30)
            at &+= 1
        }
        return at > first && u8(at) == 0x0D ? value : nil
    }

    /// A digest of AUTH or HELLO as an array with all its strings.
    @inline(never)
    var credentialsOfRedis: UInt64? {
        guard count == length, count <= 512, u8(0) == 0x2A, u8(1) > 0x31, u8(1) < 0x38 else {
            return nil
        }
        var (lines, at) = (0, 0)
        while let start = nextLine(from: at, to: count) { (lines, at) = (lines &+ 1, start) }
        guard lines == 2 &* Int(u8(1) &- 0x30) &+ 1, at == count else { return nil }
        return hash(from: 0, to: count)
    }

    /// A digest of some bytes.
    private func hash(from offset: Int, to end: Int) -> UInt64 {
        var (at, digest) = (offset, UInt64(end &- offset))
        while at &+ 8 <= end {
            digest = Self.mix(digest, u64(at))
            at &+= 8
        }
        while at < end {
            digest = Self.mix(digest, UInt64(u8(at)))
            at &+= 1
        }
        return digest
    }

    private static func mix(_ digest: UInt64, _ bytes: UInt64) -> UInt64 {
        UInt64(truncatingIfNeeded: KeyedHash.hash(digest, bytes, seed: 0))
    }
}
