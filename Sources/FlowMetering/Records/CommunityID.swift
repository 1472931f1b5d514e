internal import NetworkAddresses

/// Community ID v1: an identifier of a flow that is the same in every tool
/// (github.com/corelight/community-id-spec).
public struct CommunityID: Sendable {
    /// The SHA-1 digest, first word first.
    private let digest: InlineArray<5, UInt32>

    /// The identifier of a flow.
    ///
    /// - Parameters:
    ///   - key: for ICMP, the ports are type and counterpart (or code), as the meter sets them.
    ///   - seed: a value chosen by the site; 0 by default.
    /// - Complexity: one SHA-1 block; no allocation.
    public init(of key: FlowKey, seed: UInt16 = 0) {
        let isICMP = key.ipProtocol == 1 || key.ipProtocol == 58
        let isOneWay =
            isICMP && !Self.isAnswered(type: key.originatorPort, ipVersion: key.ipVersion)
        let isOrdered =
            isOneWay || key.originator < key.responder
            || key.originator == key.responder && key.originatorPort <= key.responderPort
        var block = SHA1Block()
        block.append(UInt64(seed), bytes: 2)
        block.append(isOrdered ? key.originator : key.responder, version: key.ipVersion)
        block.append(isOrdered ? key.responder : key.originator, version: key.ipVersion)
        block.append(UInt64(key.ipProtocol) << 8, bytes: 2)
        switch key.ipProtocol {
        case 1, 6, 17, 58, 132:
            block.append(
                UInt64(isOrdered ? key.originatorPort : key.responderPort), bytes: 2)
            block.append(
                UInt64(isOrdered ? key.responderPort : key.originatorPort), bytes: 2)
        default: break
        }
        digest = block.digest()
    }

    /// Calls `body` with the 30 ASCII characters of the identifier: `1:` and the digest in base 64.
    public func forEachCharacter(_ body: (UInt8) -> Void) {
        body(49)
        body(58)
        for group in 0..<7 {
            var word: UInt32 = 0
            for place in 0..<3 {
                let byte = group * 3 + place
                word = word << 8
                if byte < 20 { word |= digest[byte / 4] >> (24 - UInt32(byte % 4) * 8) & 255 }
            }
            for place in 0..<4 {
                let value = UInt8(truncatingIfNeeded: word >> (18 - UInt32(place) * 6) & 63)
                body(group == 6 && place == 3 ? 61 : Self.base64(value))
            }
        }
    }

    /// The first 53 bits of the digest: a number of the flow that JSON readers keep exactly.
    public var number: UInt64 { (UInt64(digest[0]) << 32 | UInt64(digest[1])) >> 11 }

    /// The identifier as text.
    public var text: String {
        var bytes: [UInt8] = []
        forEachCharacter { bytes.append($0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func base64(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: value + 65
        case 26..<52: value + 71
        case 52..<62: value &- 4
        case 62: 43
        default: 47
        }
    }

    /// Whether ICMP messages of this type are part of a pair of request and answer.
    public static func isAnswered(type: UInt16, ipVersion: UInt8) -> Bool {
        counterpart(of: UInt8(truncatingIfNeeded: type), ipVersion: ipVersion) != nil
    }

    /// The ICMP type that answers `type`; nil for one-way messages.
    static func counterpart(of type: UInt8, ipVersion: UInt8) -> UInt8? {
        if ipVersion == 4 {
            switch type {
            case 0: return 8
            case 8: return 0
            case 9: return 10
            case 10: return 9
            case 13, 15, 17: return type + 1
            case 14, 16, 18: return type - 1
            default: return nil
            }
        }
        switch type {
        case 128, 130, 133, 135, 139, 144: return type + 1
        case 129, 131, 134, 136, 140, 145: return type - 1
        default: return nil
        }
    }
}

/// SHA-1 (FIPS 180-4) of a message that fits in one block, 55 bytes. It is used for compatible flow
/// identifiers only, not for security.
struct SHA1Block {
    private var words = InlineArray<16, UInt32>(repeating: 0)
    private var length = 0

    /// Appends the low `bytes` bytes of `value`, highest first.
    mutating func append(_ value: UInt64, bytes: Int) {
        for place in (0..<bytes).reversed() {
            precondition(length < 55)
            let byte = UInt32(truncatingIfNeeded: value >> UInt64(place * 8) & 255)
            words[length / 4] |= byte << (24 - UInt32(length % 4) * 8)
            length += 1
        }
    }

    mutating func append(_ address: IPAddress, version: UInt8) {
        if version == 4 {
            append(UInt64(address.v4), bytes: 4)
        } else {
            append(address.high, bytes: 8)
            append(address.low, bytes: 8)
        }
    }

    /// Pads and hashes.
    func digest() -> InlineArray<5, UInt32> {
        var schedule = InlineArray<80, UInt32>(repeating: 0)
        for index in 0..<16 { schedule[index] = words[index] }
        schedule[length / 4] |= 0x80 << (24 - UInt32(length % 4) * 8)
        schedule[15] = UInt32(length * 8)
        for index in 16..<80 {
            let mixed =
                schedule[index - 3] ^ schedule[index - 8] ^ schedule[index - 14]
                ^ schedule[index - 16]
            schedule[index] = mixed << 1 | mixed >> 31
        }
        let start = State()
        var now = start
        for round in 0..<20 {
            now.step((now.b & now.c) | (~now.b & now.d), 0x5A82_7999 &+ schedule[round])
        }
        for round in 20..<40 {
            now.step(now.b ^ now.c ^ now.d, 0x6ED9_EBA1 &+ schedule[round])
        }
        for round in 40..<60 {
            now.step(
                (now.b & now.c) | (now.b & now.d) | (now.c & now.d),
                0x8F1B_BCDC &+ schedule[round])
        }
        for round in 60..<80 {
            now.step(now.b ^ now.c ^ now.d, 0xCA62_C1D6 &+ schedule[round])
        }
        return [
            start.a &+ now.a, start.b &+ now.b, start.c &+ now.c, start.d &+ now.d,
            start.e &+ now.e,
        ]
    }

    /// The state between two rounds, as it begins.
    private struct State {
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xEFCD_AB89
        var c: UInt32 = 0x98BA_DCFE
        var d: UInt32 = 0x1032_5476
        var e: UInt32 = 0xC3D2_E1F0

        @inline(__always)
        mutating func step(_ mix: UInt32, _ word: UInt32) {
            let next = (a << 5 | a >> 27) &+ mix &+ e &+ word
            (a, b, c, d, e) = (next, a, b << 30 | b >> 2, c, d)
        }
    }
}
