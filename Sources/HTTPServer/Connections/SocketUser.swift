internal import Glibc

/// Looks up the owner of the other end of a connection in the kernel.
enum SocketUser {
    /// The process that connected to a Unix socket (SO_PEERCRED, unix(7)).
    static func peer(of socket: Int32) -> Peer? {
        // `struct ucred` of <sys/socket.h>, which glibc shows to GNU sources only.
        var peer = (pid: Int32(0), uid: UInt32(0), gid: UInt32(0))
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        // SAFETY: the kernel fills in three numbers of 32 bits.
        guard unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else {
            return nil
        }
        return Peer(pid: peer.pid, uid: peer.uid, gid: peer.gid)
    }

    /// The user whose socket is at the other end of a TCP connection within this node, from the
    /// kernel's table of sockets (sock_diag(7)); nil where it is unknown.
    static func user(of socket: Int32) -> UInt32? {
        guard let mine = end(of: socket, isPeer: false),
            let theirs = end(of: socket, isPeer: true)
        else { return nil }
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(AF_NETLINK, kind, sockDiagProtocol)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let request = request(from: theirs, to: mine)
        var answer = [UInt8](repeating: 0, count: 512)
        // SAFETY: both arrays are valid for their calls, and have as many bytes. The kernel answers
        // within `send`.
        guard unsafe send(descriptor, request, request.count, 0) == request.count else {
            return nil
        }
        let count = unsafe recv(descriptor, &answer, answer.count, Int32(MSG_DONTWAIT))
        guard count >= userOffset + 4, number(answer, at: 4, UInt16.self) == sockDiagByFamily else {
            return nil
        }
        return number(answer, at: userOffset, UInt32.self)
    }

    private static let sockDiagProtocol: Int32 = 4
    private static let sockDiagByFamily: UInt16 = 20
    /// `idiag_uid` of `struct inet_diag_msg`, behind the message's head.
    private static let userOffset = 16 + 4 + 48 + 12

    /// One end of a TCP connection, as `struct inet_diag_sockid` has it.
    private struct End {
        var family: Int32
        /// In the order of the network.
        var port: UInt16
        var address: [UInt8]
    }

    /// A request for one socket: `struct nlmsghdr` and `struct inet_diag_req_v2` of
    /// <linux/inet_diag.h>.
    private static func request(from client: End, to server: End) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
        }
        append(UInt32(72))
        append(sockDiagByFamily)
        append(UInt16(1))  // NLM_F_REQUEST
        append(UInt64(0))
        bytes += [UInt8(client.family), UInt8(IPPROTO_TCP), 0, 0]
        append(UInt32.max)  // in any state
        append(client.port)
        append(server.port)
        for end in [client, server] {
            bytes += end.address + [UInt8](repeating: 0, count: 16 - end.address.count)
        }
        append(UInt32(0))  // on any interface
        append(UInt64.max)  // with any cookie
        return bytes
    }

    private static func number<T: FixedWidthInteger>(
        _ bytes: [UInt8], at offset: Int, _: T.Type
    ) -> T {
        // SAFETY: every pattern of bits is an integer, and the load checks its bounds.
        unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }

    /// One end of a connection; nil where it is neither IPv4 nor IPv6.
    private static func end(of socket: Int32, isPeer: Bool) -> End? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // SAFETY: every socket address begins as sockaddr does, and its size is passed along.
        let code = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe isPeer ? getpeername(socket, $0, &size) : getsockname(socket, $0, &size)
            }
        }
        guard code == 0 else { return nil }
        let family = Int32(storage.ss_family)
        // `sockaddr_in` and `sockaddr_in6`: the port at 2, the address at 4 and at 8.
        let place: Range<Int>
        switch family {
        case AF_INET: place = 4..<8
        case AF_INET6: place = 8..<24
        default: return nil
        }
        // SAFETY: every pattern of bits is a byte, and the storage is longer than the range.
        let bytes = unsafe withUnsafeBytes(of: storage) { unsafe Array($0.prefix(24)) }
        return End(
            family: family, port: number(bytes, at: 2, UInt16.self), address: Array(bytes[place]))
    }
}
