import Foundation
import Synchronization

/// A descriptor that is closed with its last user: a number that is closed earlier, or twice, may
/// be that of another test by then.
final class Descriptor: Sendable {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }

    /// Ends every wait on it.
    func end() { shutdown(number, Int32(SHUT_RDWR)) }
}

/// An HTTP server on a Unix socket or a TCP port of loopback, whose answers the test provides.
public final class ScriptedServer: Sendable {
    /// One request.
    public struct Request: Sendable {
        public var target: String
        public var head: String
        public var body = ""

        public var method: String { String(head.prefix { $0 != " " }) }
    }

    /// A stream of chunks that the test writes to.
    public final class Stream: Sendable {
        private let descriptor: Descriptor
        private let isOpen = Mutex(true)
        /// Writes block here, and not on a thread that the reader needs.
        private let queue = DispatchQueue(label: "stream")

        init(_ descriptor: Descriptor) { self.descriptor = descriptor }

        public func write(_ line: String) {
            let descriptor = descriptor
            queue.async {
                let count = String(line.utf8.count + 1, radix: 16)
                _ = ScriptedServer.send("\(count)\r\n\(line)\n\r\n", to: descriptor)
            }
        }

        public func close() {
            isOpen.withLock { isOpen in
                guard isOpen else { return }
                isOpen = false
                let descriptor = descriptor
                queue.async {
                    _ = ScriptedServer.send("0\r\n\r\n", to: descriptor)
                    descriptor.end()
                }
            }
        }
    }

    public enum Answer: Sendable {
        case whole(Int, String)
        /// The closure receives the stream; the answer ends when the stream is closed.
        case stream(@Sendable (Stream) -> Void)
    }

    private let listener: Descriptor
    public let port: UInt16
    private let connections = Mutex<[ObjectIdentifier: Descriptor]>([:])

    public init(
        socket path: String? = nil, _ answer: @escaping @Sendable (Request) -> Answer
    ) throws {
        var name = sockaddr_in()
        var made: Int32 = -1
        if let path {
            unlink(path)
            made = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var local = sockaddr_un()
            local.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &local.sun_path) {
                $0.copyBytes(from: path.utf8.prefix(107))
            }
            let bound = withUnsafePointer(to: &local) { raw in
                raw.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(made, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard bound == 0 else { throw CommandFailed(description: "bind \(path): \(errno)") }
        } else {
            made = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            name.sin_family = sa_family_t(AF_INET)
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let bound = withUnsafePointer(to: &name) { raw in
                raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(made, $0, 16) }
            }
            guard bound == 0 else { throw CommandFailed(description: "bind: \(errno)") }
            var size = socklen_t(16)
            withUnsafeMutablePointer(to: &name) { raw in
                _ = raw.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getsockname(made, $0, &size)
                }
            }
        }
        listener = Descriptor(made)
        port = UInt16(bigEndian: name.sin_port)
        guard Glibc.listen(made, 64) == 0 else { throw CommandFailed(description: "listen") }
        let listener = self.listener
        Thread.detachNewThread { [weak self] in
            while true {
                let taken = accept(listener.number, nil, nil)
                guard taken >= 0 else { return }
                let descriptor = Descriptor(taken)
                guard let self else { return }
                connections.withLock { $0[ObjectIdentifier(descriptor)] = descriptor }
                Thread.detachNewThread { [weak self] in
                    Self.serve(descriptor, answer)
                    descriptor.end()
                    self?.connections.withLock { $0[ObjectIdentifier(descriptor)] = nil }
                }
            }
        }
    }

    deinit { stop() }

    /// Closes everything; no request is answered any more.
    public func stop() {
        listener.end()
        let open = connections.withLock { connections in
            defer { connections = [:] }
            return connections
        }
        for descriptor in open.values { descriptor.end() }
    }

    private static func serve(_ descriptor: Descriptor, _ answer: (Request) -> Answer) {
        var pending: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            while let request = takeRequest(&pending) {
                switch answer(request) {
                case .whole(let status, let body):
                    let isSent = send(
                        """
                        HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \
                        \(body.utf8.count)\r\n\r\n\(body)
                        """,
                        to: descriptor)
                    guard isSent else { return }
                case .stream(let body):
                    _ = send(
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", to: descriptor)
                    body(Stream(descriptor))
                }
            }
            let count = recv(descriptor.number, &bytes, bytes.count, 0)
            guard count > 0 else { return }
            pending += bytes.prefix(count)
        }
    }

    /// Removes the first request; nil if it is not complete.
    private static func takeRequest(_ pending: inout [UInt8]) -> Request? {
        guard let end = Data(pending).range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
        let words = head.split(separator: " ")
        guard words.count > 1 else { return nil }
        let field = head.lowercased().split(separator: "\r\n").first {
            $0.hasPrefix("content-length:")
        }
        let length = field.flatMap {
            Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces))
        }
        let whole = end.upperBound + (length ?? 0)
        guard pending.count >= whole else { return nil }
        let body = String(decoding: pending[end.upperBound..<whole], as: UTF8.self)
        pending.removeFirst(whole)
        return Request(target: String(words[1]), head: head, body: body)
    }

    static func send(_ text: String, to descriptor: Descriptor) -> Bool {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
