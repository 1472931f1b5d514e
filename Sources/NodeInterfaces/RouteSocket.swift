internal import Glibc

/// Owns one socket of rtnetlink(7); noncopyable, so it closes once.
///
/// It belongs to the network namespace that the opening thread was in.
struct RouteSocket: ~Copyable, Sendable {
    let descriptor: Int32
    private var sequence: UInt32 = 0
    private var buffer = [UInt8](repeating: 0, count: 1 << 17)

    /// Opens a socket.
    ///
    /// - Parameters:
    ///   - groups: bits of the multicast groups to join (`RTMGRP_…`).
    ///   - family: the family of netlink(7): 0 is NETLINK_ROUTE, 12 NETLINK_NETFILTER.
    init(groups: UInt32 = 0, family: Int32 = 0) throws(InterfaceError) {
        descriptor = try Self.open(groups, family)
    }

    deinit { close(descriptor) }

    /// The messages of the next datagram; nil when none waits.
    ///
    /// - Throws: `.kernel` with ENOBUFS when messages were lost.
    mutating func receive(waits: Bool) throws(InterfaceError) -> [RouteMessage]? {
        let operation = "read a routing socket"
        while true {
            // SAFETY: the call writes at most `count` bytes into the array, which is valid for the
            // call.
            let count = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe recv(
                    descriptor, raw.baseAddress, raw.count,
                    waits ? 0 : Int32(MSG_DONTWAIT))
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                if errno == EAGAIN, !waits { return nil }
                throw Self.failure(operation, errno)
            }
            guard let messages = RouteMessage.split(buffer[..<count]) else {
                throw .malformedAnswer(operation: operation)
            }
            return messages
        }
    }

    /// Sends one request and passes every answer to `body`.
    ///
    /// - Returns: false where a list changed while it was read, and may have gaps.
    /// - Throws: `.kernel` with the error in the kernel's answer.
    mutating func ask(
        _ kind: UInt16, flags: UInt16, body request: [UInt8], for operation: String,
        _ body: (RouteMessage) -> Void
    ) throws(InterfaceError) -> Bool {
        sequence &+= 1
        let message = RouteMessage(
            kind: kind, flags: flags | RouteMessage.Flag.request, sequence: sequence,
            body: request[...])
        let bytes = message.bytes
        // SAFETY: the kernel copies the array before the call returns.
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe send(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard sent == bytes.count else { throw Self.failure(operation, errno) }
        let isDump = flags & RouteMessage.Flag.dump == RouteMessage.Flag.dump
        var isWhole = true
        while true {
            for answer in try receive(waits: true) ?? [] where answer.sequence == sequence {
                if answer.flags & RouteMessage.Flag.interrupted != 0 { isWhole = false }
                switch answer.kind {
                case RouteMessage.Kind.error, RouteMessage.Kind.done:
                    let code = answer.errorCode
                    guard code == 0 else { throw Self.failure(operation, code) }
                    return isWhole
                default:
                    body(answer)
                    if !isDump, flags & RouteMessage.Flag.acknowledge == 0 { return isWhole }
                }
            }
        }
    }

    /// Reads a list, and reads it again where it changed during the read.
    mutating func list(
        _ kind: UInt16, body request: [UInt8], for operation: String
    ) throws(InterfaceError) -> [RouteMessage] {
        var messages: [RouteMessage] = []
        for _ in 0..<8 {
            messages = []
            let isWhole = try ask(
                kind, flags: RouteMessage.Flag.dump, body: request, for: operation
            ) { messages.append($0) }
            if isWhole { break }
        }
        return messages
    }

    private static func open(_ groups: UInt32, _ family: Int32) throws(InterfaceError) -> Int32 {
        let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue)
        let opened = socket(AF_NETLINK, kind, family)
        guard opened >= 0 else { throw failure("open a routing socket", errno) }
        // Best effort: with a small buffer more events are lost, and the list is read again.
        var size: Int32 = 4 << 20
        // SAFETY: the four bytes are valid for the call; so are those below.
        _ = unsafe setsockopt(opened, SOL_SOCKET, SO_RCVBUFFORCE, &size, 4)
        // The kernel rejects what it does not understand (NETLINK_GET_STRICT_CHK).
        var on: Int32 = 1
        _ = unsafe setsockopt(opened, 270, 12, &on, 4)
        // struct sockaddr_nl: family, padding, port chosen by the kernel, groups.
        let address =
            UInt16(AF_NETLINK).nativeBytes + UInt16(0).nativeBytes + UInt32(0).nativeBytes
            + groups.nativeBytes
        // SAFETY: the kernel reads the twelve bytes of the array during the call.
        let bound = unsafe address.withUnsafeBytes { raw in
            unsafe bind(opened, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, 12)
        }
        guard bound == 0 else {
            let code = errno
            close(opened)
            throw failure("bind a routing socket", code)
        }
        return opened
    }

    static func failure(_ operation: String, _ code: Int32) -> InterfaceError {
        // SAFETY: the text is copied before another call could change it.
        .kernel(operation: operation, code: code, reason: unsafe String(cString: strerror(code)))
    }
}
