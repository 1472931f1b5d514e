import TestKit

/// A database and the conversations with it, besides PostgreSQL, which `Words` has.
enum Database: CaseIterable {
    case mysql
    case mongo
    case oracle
    case redis
    case sqlServer

    var port: UInt16 {
        switch self {
        case .mysql: 3306
        case .mongo: 27017
        case .oracle: 1521
        case .redis: 6379
        case .sqlServer: 1433
        }
    }

    /// Who ends a connection whose login was refused.
    var closer: Closer {
        switch self {
        case .mongo, .redis: .client
        case .mysql, .oracle, .sqlServer: .server
        }
    }

    /// A query over a connection of its own. Redis and MongoDB have no password here.
    func query(_ number: Int) -> [Line] {
        let rows = [UInt8](repeating: 7, count: 60 + number % 3)
        return switch self {
        case .mysql:
            login + [
                .down(Self.mysqlPacket(2, [0, 0, 0, 2, 0, 0, 0])),
                .up(Self.mysqlPacket(0, [3] + Array("select \(1000 + number)".utf8))),
                .down(Self.mysqlPacket(1, rows)), .up(Self.mysqlPacket(0, [1])),
            ]
        case .mongo:
            [
                .up(Self.mongoMessage("hello")),
                .down(Self.mongoMessage("isWritablePrimary", rows)),
                .up(Self.mongoMessage("find")), .down(Self.mongoMessage("cursor", rows)),
            ]
        case .oracle:
            login + [
                .down(Self.tns([8] + rows)), .up(Self.tns([3, 0x5E] + rows)),
                .down(Self.tns([6] + rows)), .up(Self.tns([3, 9])), .down(Self.tns([9])),
            ]
        case .redis:
            [.up("*2\r\n$3\r\nGET\r\n$4\r\n\(1000 + number)\r\n"), .down("$5\r\nvalue\r\n")]
        case .sqlServer:
            login + [
                .down(Self.tds(4, [0xE3] + rows)), .up(Self.tds(1, rows)),
                .down(Self.tds(4, [0x81] + rows)),
            ]
        }
    }

    /// A login with a wrong password.
    func refusal(_ number: Int) -> [Line] {
        switch self {
        case .mysql:
            login + [
                .down(Self.mysqlPacket(2, [0xFF, 0x15, 4] + Array("#28000Access denied".utf8)))
            ]
        case .mongo:
            [
                .up(Self.mongoMessage("hello")), .down(Self.mongoMessage("isWritablePrimary")),
                .up(Self.mongoMessage("saslStart")),
                .down(Self.mongoMessage("conversationId", Self.element(8, "done", [0]))),
                .up(Self.mongoMessage("saslContinue")), .down(Self.mongoRefusal),
            ]
        case .oracle:
            login + [
                .down(Self.tns([4, 1] + Array("ORA-01017: invalid username/password".utf8)))
            ]
        case .redis:
            [
                .up("*2\r\n$4\r\nAUTH\r\n$5\r\n\(10_000 + number)\r\n"),
                .down("-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            ]
        case .sqlServer:
            login + [.down(Self.tds(4, [0xAA, 40, 0, 0x18, 0x48, 0, 0, 1, 14]))]
        }
    }

    /// A server of MySQL that has no connection left.
    static let full: [Line] = [
        .down(mysqlPacket(0, [0xFF, 0x10, 4] + Array("Too many connections".utf8)))
    ]

    private var login: [Line] {
        let body = [UInt8](repeating: 9, count: 60)
        return switch self {
        case .mysql:
            [
                .down(Self.mysqlPacket(0, [10] + Array("8.0.36".utf8) + body)),
                .up(Self.mysqlPacket(1, [0x85, 0xA6] + body)),
            ]
        case .oracle:
            [
                .up(Self.tns(body, type: 1)), .down(Self.tns([1, 44], type: 2)),
                .up(Self.tns([3, 0x76, 1])), .down(Self.tns([8] + body)),
                .up(Self.tns([3, 0x73, 1] + body)),
            ]
        case .sqlServer:
            [
                .up(Self.tds(0x12, body)), .down(Self.tds(4, [0] + body)),
                .up(Self.tds(0x10, body)),
            ]
        case .mongo, .redis: []
        }
    }

    private static func little(_ number: Int, _ count: Int = 4) -> [UInt8] {
        Frame.bytes(UInt64(number), count).reversed()
    }

    private static func mysqlPacket(_ number: UInt8, _ body: [UInt8]) -> [UInt8] {
        little(body.count, 3) + [number] + body
    }

    private static func tds(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type, 1] + Frame.bytes(UInt64(body.count + 8), 2) + [0, 0, 1, 0] + body
    }

    /// Data with its two flags, or another packet.
    private static func tns(_ body: [UInt8], type: UInt8 = 6) -> [UInt8] {
        Frame.bytes(UInt64(body.count + 10), 2) + [0, 0, type, 0, 0, 0, 0, 0] + body
    }

    private static func element(_ type: UInt8, _ name: String, _ value: [UInt8]) -> [UInt8] {
        [type] + Array(name.utf8) + [0] + value
    }

    /// A message whose document begins with a number of this name.
    private static func mongoMessage(_ name: String, _ more: [UInt8] = []) -> [UInt8] {
        message(element(0x10, name, little(1)) + more)
    }

    private static func message(_ elements: [UInt8]) -> [UInt8] {
        let document = little(elements.count + 5) + elements + [0]
        return little(document.count + 21) + little(7) + little(3) + little(2013) + little(0)
            + [0] + document
    }

    private static let mongoRefusal = message(
        element(1, "ok", little(0, 8))
            + element(2, "errmsg", little(23) + Array("Authentication failed.".utf8) + [0])
            + element(0x10, "code", little(18)))
}
