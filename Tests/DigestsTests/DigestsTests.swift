import Digests
import Testing

/// A text and its digest in NIST's examples for FIPS 180-4.
private let examples = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
            + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
    (
        String(repeating: "a", count: 1_000_000),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
]

struct SHA256Tests {
    @Test(arguments: examples)
    func aTextHasThePublishedDigest(text: String, digest: String) {
        let bytes = Array(text.utf8)
        let found = SHA256.hash(bytes.span)
        #expect(found.hexadecimal == digest)
    }

    /// A block has 64 bytes: the pieces end before, at and after its end.
    @Test(arguments: examples, [1, 63, 64, 65, 4096])
    func piecesHaveTheDigestOfTheWhole(example: (text: String, digest: String), size: Int) {
        let bytes = Array(example.text.utf8)
        let nothing: [UInt8] = []
        var hash = SHA256()
        for start in stride(from: 0, to: bytes.count, by: size) {
            hash.update(bytes[start..<min(start + size, bytes.count)].span)
            hash.update(nothing.span)
        }
        let found = hash.finalize()
        #expect(found.hexadecimal == example.digest)
    }
}

/// RFC 4231, section 4; case 5 gives the first 16 bytes only.
private struct Authentication: Sendable, CustomTestStringConvertible {
    let key: [UInt8]
    let message: [UInt8]
    let code: String

    var testDescription: String { "key of \(key.count), message of \(message.count) bytes" }

    init(_ key: [UInt8], _ message: [UInt8], _ code: String) {
        self.key = key
        self.message = message
        self.code = code
    }

    static let published = [
        Authentication(
            Array(repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        Authentication(
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Authentication(
            Array(repeating: 0xaa, count: 20), Array(repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        Authentication(
            Array(1...25), Array(repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        Authentication(
            Array(repeating: 0x0c, count: 20), Array("Test With Truncation".utf8),
            "a3b6167473100ee06e0c796c2955552b"),
        Authentication(
            Array(repeating: 0xaa, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        Authentication(
            Array(repeating: 0xaa, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size "
                    + "data. The key needs to be hashed before being used by the HMAC algorithm.")
                    .utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        // Not in the RFC; verified with Python's hmac.
        Authentication(
            [], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ]
}

struct HMACSHA256Tests {
    @Test(arguments: Authentication.published)
    fileprivate func aMessageHasThePublishedCode(authentication: Authentication) {
        let code = HMACSHA256.code(for: authentication.message.span, key: authentication.key)
        #expect(code.count == SHA256.byteCount)
        #expect(code.hexadecimal.hasPrefix(authentication.code))
    }
}

struct ComparisonTests {
    @Test(arguments: [
        ("", "", true), ("a", "a", true), ("", "a", false), ("a", "", false), ("ab", "a", false),
        ("token", "token", true), ("Token", "token", false), ("tokem", "token", false),
    ])
    func onlyTheSameBytesAreEqual(given: String, wanted: String, isEqual: Bool) {
        let (left, right) = (Array(given.utf8), Array(wanted.utf8))
        let found = isEqualInConstantTime(left.span, right.span)
        #expect(found == isEqual)
    }
}

struct HexadecimalTests {
    @Test func everyByteHasTwoDigits() {
        #expect([UInt8]().hexadecimal == "")
        #expect([0, 9, 10, 15, 16, 0x9f, 0xa0, 255].hexadecimal == "00090a0f109fa0ff")
    }
}
