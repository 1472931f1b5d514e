internal import CNetfilter
internal import Glibc

/// Owns a netlink socket (libmnl); noncopyable, so it is closed once.
///
/// The socket belongs to the network namespace of the thread that opened it.
// @unchecked: the handle has one owner, which moves as a whole from thread to thread.
@safe package struct NetlinkSocket: ~Copyable, @unchecked Sendable {
    private let handle: OpaquePointer
    /// The port of this socket; notifications contain the port of the socket that caused them.
    package let port: UInt32
    private var buffer = [UInt8](repeating: 0, count: 1 << 17)

    /// Opens a socket of one netlink family, for instance `NETLINK_NETFILTER`.
    ///
    /// - Parameter groups: bits of the multicast groups to receive.
    package init(family: CInt, groups: UInt32 = 0) throws(NetlinkError) {
        let opened = try unsafe Self.open(family, groups)
        unsafe handle = opened
        unsafe port = mnl_socket_get_portid(opened)
        // Best effort: without these options, only the kernel's error texts and very large
        // transactions are lost.
        var on: CInt = 1
        _ = unsafe mnl_socket_setsockopt(opened, NETLINK_EXT_ACK, &on, 4)
        _ = unsafe mnl_socket_setsockopt(opened, NETLINK_CAP_ACK, &on, 4)
        var size: CInt = 128 << 20
        let descriptor = unsafe mnl_socket_get_fd(opened)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &size, 4)
        size = 16 << 20
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, 4)
    }

    private static func open(
        _ family: CInt, _ groups: UInt32
    ) throws(NetlinkError) -> OpaquePointer {
        guard let opened = unsafe mnl_socket_open2(family, CInt(SOCK_CLOEXEC.rawValue)) else {
            throw failure("open a netlink socket", errno)
        }
        // By default, the kernel's port numbers start at the process number; 0 lets it choose.
        guard unsafe mnl_socket_bind(opened, groups, 0) == 0 else {
            let code = errno
            unsafe mnl_socket_close(opened)
            throw failure("bind a netlink socket", code)
        }
        return unsafe opened
    }

    // SAFETY: only this value owns the handle.
    deinit { unsafe mnl_socket_close(handle) }

    package func send(_ bytes: [UInt8], for operation: String) throws(NetlinkError) {
        // SAFETY: the kernel copies `count` bytes of the array before the call returns.
        let sent = unsafe bytes.withUnsafeBytes { raw in
            unsafe mnl_socket_sendto(handle, raw.baseAddress, raw.count)
        }
        guard sent == bytes.count else { throw Self.failure(operation, errno) }
    }

    /// Waits for a datagram; nil if none arrived within `milliseconds` (-1: no limit).
    ///
    /// - Throws: `.kernel` with ENOBUFS if messages were lost.
    package mutating func receive(
        milliseconds: Int32, for operation: String
    ) throws(NetlinkError) -> [UInt8]? {
        var wanted = unsafe pollfd(
            fd: mnl_socket_get_fd(handle), events: Int16(POLLIN), revents: 0)
        let ready = unsafe poll(&wanted, 1, milliseconds)
        if ready == 0 || (ready < 0 && errno == EINTR) { return nil }
        guard ready > 0 else { throw Self.failure(operation, errno) }
        // SAFETY: the call writes at most `raw.count` bytes to the array's buffer, which is valid
        // for the call.
        let count = unsafe buffer.withUnsafeMutableBytes { raw in
            unsafe mnl_socket_recvfrom(handle, raw.baseAddress, raw.count)
        }
        guard count >= 0 else { throw Self.failure(operation, errno) }
        return Array(buffer.prefix(count))
    }

    /// The error for an errno, with the C library's text.
    static func failure(
        _ operation: String, _ code: Int32, words: String? = nil
    ) -> NetlinkError {
        if code == EPERM || code == EACCES { return .notPermitted(operation: operation) }
        // SAFETY: the text is copied before another call could change it.
        let text = unsafe String(cString: strerror(code))
        return .kernel(
            operation: operation, code: code, words: words.map { "\(text): \($0)" } ?? text)
    }
}

extension NetlinkSocket {
    /// Sends a transaction and reads all of the kernel's replies.
    ///
    /// - Parameter batch: messages between a begin and an end; only the last one before the end
    ///   requests an acknowledgement.
    /// - Throws: the first error, with the message that caused it.
    package mutating func transact(
        _ batch: borrowing NetlinkWriter, for operation: String
    ) throws(NetlinkError) {
        guard batch.messages.count >= 3 else { return }
        try send(batch.bytes, for: operation)
        let first = batch.messages[0].sequence
        let last = batch.messages[batch.messages.count - 2].sequence
        var complaint: NetlinkError?
        var isComplete = false
        while !isComplete {
            // The kernel processes the transaction before `send` returns.
            guard let datagram = try receive(milliseconds: 10_000, for: operation) else {
                throw complaint ?? .malformedAnswer("none came for: \(operation)")
            }
            guard let answers = NetlinkMessage.split(datagram) else {
                throw .malformedAnswer("bad lengths for: \(operation)")
            }
            for answer in answers where answer.type == UInt16(NLMSG_ERROR) {
                let code = -Int32(bitPattern: answer.payload.native32)
                let about = answer.payload.dropFirst(4 + 8).native32
                if about == last || (about == first && code != 0) { isComplete = true }
                guard code != 0, complaint == nil else { continue }
                let purpose = batch.messages.first { $0.sequence == about }?.purpose.words
                let words = Self.words(of: answer)
                complaint = Self.failure(
                    [operation, purpose].compactMap(\.self).joined(separator: ": "), code,
                    words: words)
            }
        }
        while let more = try receive(milliseconds: 0, for: operation), !more.isEmpty {}
        if let complaint { throw complaint }
    }

    /// The kernel's own text in an error message (NLMSGERR_ATTR_MSG), if there is one.
    private static func words(of answer: NetlinkMessage) -> String? {
        let isCapped = answer.flags & UInt16(NLM_F_CAPPED) != 0
        let echoed = isCapped ? 16 : Int((answer.payload.dropFirst(4).native32 + 3) & ~3)
        let attributes = answer.payload.dropFirst(4 + echoed)
        return attributes.attribute(UInt16(NLMSGERR_ATTR_MSG.rawValue)).map(\.text)
    }

    /// Sends a request for a dump and calls `body` with each message; starts again if the kernel
    /// reports that its tables changed during the dump.
    package mutating func dump<T>(
        _ request: [UInt8], sequence: UInt32, for operation: String,
        _ body: (NetlinkMessage) throws(NetlinkError) -> T?
    ) throws(NetlinkError) -> [T] {
        for _ in 0..<20 {
            try send(request, for: operation)
            var found: [T] = []
            var isTorn = false
            var isDone = false
            while !isDone {
                guard let datagram = try receive(milliseconds: 10_000, for: operation),
                    let messages = NetlinkMessage.split(datagram)
                else { throw .malformedAnswer("none came for: \(operation)") }
                for message in messages where message.sequence == sequence {
                    isTorn = isTorn || message.flags & UInt16(NLM_F_DUMP_INTR) != 0
                    if message.type == UInt16(NLMSG_DONE) {
                        isDone = true
                    } else if message.type == UInt16(NLMSG_ERROR) {
                        let code = -Int32(bitPattern: message.payload.native32)
                        guard code == 0 else {
                            throw Self.failure(operation, code, words: Self.words(of: message))
                        }
                        isDone = true
                    } else if let value = try body(message) {
                        found.append(value)
                    }
                }
            }
            if !isTorn { return found }
        }
        throw .malformedAnswer("the tables kept changing during: \(operation)")
    }
}
