import Glibc
import TestKit
import Testing

@testable import HTTPServer

/// The user at the other end of a connection within this node.
struct SocketUserTests {
    @Test(arguments: [AF_INET, AF_INET6])
    func theUserOfAConnectionIsKnown(family: Int32) throws {
        func socket() -> Int32 { Glibc.socket(family, Int32(SOCK_STREAM.rawValue), 0) }
        var name = sockaddr_storage()
        name.ss_family = sa_family_t(family)
        // 127.0.0.1 and ::1, with any free port.
        withUnsafeMutableBytes(of: &name) { bytes in
            if family == AF_INET { bytes[4] = 127 }
            bytes[family == AF_INET ? 7 : 23] = 1
        }
        var size = socklen_t(family == AF_INET ? 16 : 28)
        func with(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
            withUnsafeMutablePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
            }
        }
        let (listener, client) = (socket(), socket())
        defer {
            close(listener)
            close(client)
        }
        try #require(with { bind(listener, $0, size) } == 0 && listen(listener, 1) == 0)
        try #require(with { getsockname(listener, $0, &size) } == 0)
        try #require(with { connect(client, $0, size) } == 0)
        let taken = accept(listener, nil, nil)
        defer { close(taken) }
        #expect(SocketUser.user(of: taken) == geteuid())
    }
}
