internal import NetworkAddresses

/// Community ID v1: one name for a flow, the same in every tool (github.com/corelight/community-id-spec).
public enum CommunityID {
    /// The identifier of a flow, `1:` and 28 characters.
    ///
    /// - Parameters:
    ///   - key: for ICMP, type and counterpart (or code) in the ports' places, as the meter has it.
    ///   - seed: chosen by the site; 0 everywhere else.
    /// - Complexity: one SHA-1 over 40 bytes at most.
    public static func text(of key: FlowKey, seed: UInt16 = 0) -> String {
        var text = "1:"
        text.unicodeScalars.append(contentsOf: base64(digest(of: key, seed: seed)))
        return text
    }

    /// SHA-1 over seed, addresses, protocol, zero and ports, the lower end first.
    private static func digest(of key: FlowKey, seed: UInt16) -> [UInt8] {
        let isOneWay =
            key.ipProtocol == 1 || key.ipProtocol == 58
            ? counterpart(of: UInt8(truncatingIfNeeded: key.originatorPort), ipVersion: key.ipVersion)
                == nil
            : false
        let isOrdered =
            isOneWay
            || (key.originator, key.originatorPort) <= (key.responder, key.responderPort)
        let low = isOrdered ? key.originator : key.responder
        let high = isOrdered ? key.responder : key.originator
        let lowPort = isOrdered ? key.originatorPort : key.responderPort
        let highPort = isOrdered ? key.responderPort : key.originatorPort
        var message: [UInt8] = [UInt8(seed >> 8), UInt8(seed & 255)]
        for address in [low, high] {
            if key.ipVersion == 4 {
                append(UInt64(address.v4), 4, &message)
            } else {
                append(address.high, 8, &message)
                append(address.low, 8, &message)
            }
        }
        message += [key.ipProtocol, 0]
        switch key.ipProtocol {
        case 1, 6, 17, 58, 132:
            append(UInt64(lowPort), 2, &message)
            append(UInt64(highPort), 2, &message)
        default: break
        }
        return SHA1.digest(message)
    }

    private static func append(_ value: UInt64, _ count: UInt64, _ message: inout [UInt8]) {
        for place in (0..<count).reversed() {
            message.append(UInt8(truncatingIfNeeded: value >> (place * 8)))
        }
    }

    private static func base64(_ bytes: [UInt8]) -> [Unicode.Scalar] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".unicodeScalars)
        var text: [Unicode.Scalar] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let rest = bytes.count - start
            let word =
                UInt32(bytes[start]) << 16 | (rest > 1 ? UInt32(bytes[start + 1]) << 8 : 0)
                | (rest > 2 ? UInt32(bytes[start + 2]) : 0)
            for place in 0..<4 {
                text.append(place > rest ? "=" : digits[Int(word >> (18 - 6 * UInt32(place)) & 63)])
            }
        }
        return text
    }

    /// Whether an ICMP message of this type is one of a pair of request and answer.
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

/// SHA-1 (FIPS 180-4), for identifiers that others compute the same way; nothing here is secret.
enum SHA1 {
    static func digest(_ message: [UInt8]) -> [UInt8] {
        var padded = message + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        let bitCount = UInt64(message.count) * 8
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            padded.append(UInt8(truncatingIfNeeded: bitCount >> shift))
        }
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        for start in stride(from: 0, to: padded.count, by: 64) {
            compress(&state, padded[start..<start + 64])
        }
        return state.flatMap { word in
            stride(from: UInt32(24), through: 0, by: -8).map {
                UInt8(truncatingIfNeeded: word >> $0)
            }
        }
    }

    private static func compress(_ state: inout [UInt32], _ block: ArraySlice<UInt8>) {
        func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
            word << count | word >> (32 - count)
        }
        var words = [UInt32](repeating: 0, count: 80)
        for (place, byte) in block.enumerated() {
            words[place / 4] = words[place / 4] << 8 | UInt32(byte)
        }
        for place in 16..<80 {
            words[place] = rotate(
                words[place - 3] ^ words[place - 8] ^ words[place - 14] ^ words[place - 16], 1)
        }
        var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
        for place in 0..<80 {
            let mix: UInt32
            switch place {
            case 0..<20: mix = ((b & c) | (~b & d)) &+ 0x5A82_7999
            case 20..<40: mix = (b ^ c ^ d) &+ 0x6ED9_EBA1
            case 40..<60: mix = ((b & c) | (b & d) | (c & d)) &+ 0x8F1B_BCDC
            default: mix = (b ^ c ^ d) &+ 0xCA62_C1D6
            }
            let next = rotate(a, 5) &+ mix &+ e &+ words[place]
            (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
        }
        for (place, word) in [a, b, c, d, e].enumerated() { state[place] &+= word }
    }
}
