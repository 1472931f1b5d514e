import Foundation
import HTTPServer
import Synchronization
import Testing

/// The socket on which a test's server listens.
enum Entrance: CaseIterable {
    case unix
    case loopback
}

extension Limits {
    /// Limits with times so long that a busy machine does not reach them. A test of a limit sets
    /// it.
    static var patient: Limits {
        var limits = Limits()
        limits.requestTime = .seconds(300)
        limits.idleTime = .seconds(300)
        limits.sendTime = .seconds(300)
        // All connections of the tests belong to one user.
        limits.shareOfUser = 1
        return limits
    }
}

/// A server for the duration of a test.
struct Site {
    let entrance: Entrance
    let path: String
    let port: UInt16

    /// Serves while `body` runs, then stops; returns the time that stopping took.
    @discardableResult
    static func serve(
        _ entrance: Entrance = .unix, limits: Limits = .patient,
        respond: @escaping @Sendable (Request) async -> Response,
        _ body: (Site) async throws -> Void
    ) async throws -> Duration {
        let path = "/tmp/lzh-\(UInt32.random(in: 0...UInt32.max)).sock"
        let listener: Listener =
            switch entrance {
            case .unix: try .unix(path)
            case .loopback: try .loopback(port: 0)
            }
        let site = Site(entrance: entrance, path: path, port: listener.port ?? 0)
        let server = try Server(listener, limits: limits, name: "test", respond: respond)
        let task = Task { await server.run() }
        let result: Result<Void, any Error>
        do {
            try await body(site)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        let time = await ContinuousClock().measure {
            task.cancel()
            await task.value
        }
        try result.get()
        return time
    }

    /// The same for routes without authentication.
    @discardableResult
    static func serve(
        _ entrance: Entrance = .unix, limits: Limits = .patient,
        routes: [Router<Void>.Route], _ body: (Site) async throws -> Void
    ) async throws -> Duration {
        let router = Router(
            routes, admit: { _ in }, problem: { ProblemDetails(.internalError, "\($0)") })
        return try await serve(
            entrance, limits: limits, respond: { await router.respond(to: $0) }, body)
    }

    func connect() throws -> Client { try Client(self) }

    /// The server's accepted connections: our descriptors that are sockets of its address.
    var connections: Int {
        (Int32(0)..<4096).count { descriptor in
            var listens: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0,
                listens == 0
            else { return false }
            switch entrance {
            case .unix:
                let address = name(of: descriptor, sockaddr_un())
                return withUnsafeBytes(of: address.sun_path) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) == path
                }
            case .loopback:
                let address = name(of: descriptor, sockaddr_in())
                return address.sin_family == AF_INET && UInt16(bigEndian: address.sin_port) == port
            }
        }
    }

    private func name<T: BitwiseCopyable>(of descriptor: Int32, _ empty: T) -> T {
        var address = empty
        var size = socklen_t(MemoryLayout<T>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size)
            }
        }
        return address
    }

    /// Sends one request unchanged on a new connection; returns everything that it receives.
    func ask(_ text: String, for seconds: Double = 60) async throws -> String {
        let client = try connect()
        client.send(text)
        return await client.rest(for: seconds)
    }

    func get(_ path: String) async throws -> String {
        try await ask("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }
}

/// A client that sends exactly the given bytes.
final class Client {
    private let socket: Int32

    init(_ site: Site) throws {
        switch site.entrance {
        case .unix:
            socket = Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: site.path.utf8) }
            try connect(address)
        case .loopback:
            socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = site.port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            try connect(address)
        }
    }

    deinit { close(socket) }

    private func connect<T: BitwiseCopyable>(_ address: T) throws {
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(socket, $0, socklen_t(MemoryLayout<T>.size))
            }
        }
        try #require(result == 0, "connect: \(String(cString: strerror(errno)))")
    }

    /// Returns false if the other side accepts no more bytes.
    @discardableResult
    func send(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Foundation.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }

    /// Closes the sending half; reading is still possible.
    func closeHalf() { shutdown(socket, Int32(SHUT_WR)) }

    /// Reads until `ends` returns true, the other side closes, or the time is over.
    func read(for seconds: Double = 60, until ends: (String) -> Bool) async -> String {
        let deadline = ContinuousClock.now + .seconds(seconds)
        var bytes: [UInt8] = []
        while ContinuousClock.now < deadline {
            var part = [UInt8](repeating: 0, count: 65_536)
            let count = recv(socket, &part, part.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                bytes += part[..<count]
            } else if count == 0 || errno != EAGAIN {
                isClosed = true
                break
            } else {
                try? await Task.sleep(for: .milliseconds(5))
            }
            if ends(String(decoding: bytes, as: UTF8.self)) { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the other side has closed, as far as was read.
    private(set) var isClosed = false

    func rest(for seconds: Double = 60) async -> String {
        await read(for: seconds) { _ in false }
    }

    /// Reads one answer with its body, by its length.
    func answer(for seconds: Double = 60) async -> String {
        await read(for: seconds) { text in
            guard let head = text.range(of: "\r\n\r\n"),
                let length = text[..<head.lowerBound].firstMatch(of: /Content-Length: (\d+)/)
            else { return false }
            return text[head.upperBound...].utf8.count >= Int(length.1) ?? 0
        }
    }
}

extension Response {
    static func text(_ text: String) -> Response { Response(type: "text/plain", text: text) }
}

/// Waits until the condition is true, for up to a minute.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<3000 {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return try await condition()
}

/// A counter for concurrent use.
final class Count: Sendable {
    private let number = Atomic<Int>(0)

    var value: Int { number.load(ordering: .relaxed) }

    func add(_ more: Int) { number.add(more, ordering: .relaxed) }
}
