import PacketDecoding
import TestKit

/// Messages of Oracle and MongoDB.
extension LoginMessageTests {
    /// A packet of TNS: data, with its two flags.
    private static func tns(_ body: [UInt8], type: UInt8 = 6) -> [UInt8] {
        Frame.bytes(UInt64(body.count + 10), 2) + [0, 0, type, 0, 0, 0, 0, 0] + body
    }

    static let oracleCases: [Case] = [
        Case.to(1521, tns([3, 0x73, 4, 1]), .attempt),
        // The first phase has no password.
        Case.to(1521, tns([3, 0x76, 2, 1]), .none),
        Case.to(1521, tns([3, 0x5E, 5, 1]), .none),
        Case.from(
            1521,
            tns([4, 1, 2] + Array("ORA-01017: invalid username/password; logon denied".utf8)),
            .refused),
        Case.from(1521, tns([4, 1, 2] + Array("ORA-00942: no such table".utf8)), .none),
        Case.from(1521, tns([8, 1, 27, 1]), .granted),
        // A listener sends its client to another address, or accepts it.
        Case.from(1521, tns(Array("(ADDRESS=(PROTOCOL=tcp))".utf8), type: 5), .foreign),
        Case.from(1521, tns([1, 44], type: 2), .none),
        Case.from(1521, Array("OK 12 rows".utf8), .foreign),
    ]

    /// A message of MongoDB with the elements of its document.
    private static func mongo(_ elements: [UInt8]) -> [UInt8] {
        let document = little(elements.count + 5) + elements + [0]
        return little(document.count + 21) + little(7) + little(3) + little(2013) + little(0) + [0]
            + document
    }

    private static func little(_ number: Int) -> [UInt8] {
        Frame.bytes(UInt64(number), 4).reversed()
    }

    private static func element(_ type: UInt8, _ name: String, _ value: [UInt8]) -> [UInt8] {
        [type] + Array(name.utf8) + [0] + value
    }

    private static func answer(ok: Double, _ text: String, _ code: Int) -> [UInt8] {
        mongo(
            element(1, "ok", Frame.bytes(ok.bitPattern, 8).reversed())
                + element(2, "errmsg", little(text.utf8.count + 1) + Array(text.utf8) + [0])
                + element(0x10, "code", little(code)))
    }

    static let mongoCases: [Case] = [
        Case.to(27017, mongo(element(0x10, "saslStart", little(1))), .attempt),
        Case.to(27017, mongo(element(0x10, "saslContinue", little(1))), .attempt),
        Case.to(
            27017, mongo(element(2, "find", little(4) + Array("row\0".utf8))), .none),
        Case.from(27017, answer(ok: 0, "Authentication failed.", 18), .refused),
        Case.from(27017, answer(ok: 0, "requires authentication", 13), .none),
        Case.from(
            27017,
            mongo(
                element(0x10, "conversationId", little(1)) + element(8, "done", [1])
                    + element(5, "payload", little(0) + [0])), .granted),
        Case.from(
            27017,
            mongo(
                element(0x10, "conversationId", little(1)) + element(8, "done", [0])
                    + element(5, "payload", little(0) + [0])), .none),
        Case.from(27017, mongo(element(3, "cursor", little(5) + [0])), .foreign),
        Case.from(27017, answer(ok: 1, "", 0), .foreign),
        Case.from(27017, Array("OK 12 rows".utf8), .none),
    ]
}
