internal import Glibc

/// Owns a file descriptor and closes it.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Passes the descriptor to another owner.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

/// Owns the file of a Unix socket and removes it, unless it was replaced by another file.
struct SocketFile: ~Copyable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Nil if there is no socket at the path.
    init?(_ path: String) {
        guard let found = Self.find(path) else { return nil }
        self.path = path
        device = found.st_dev
        inode = found.st_ino
    }

    deinit {
        guard let found = Self.find(path), found.st_dev == device, found.st_ino == inode else {
            return
        }
        // SAFETY: the pointer is valid for the call.
        unsafe _ = unlink(path)
    }

    private static func find(_ path: String) -> stat? {
        var found = stat()
        // SAFETY: the pointer is valid for the call, and the structure is a local variable.
        guard unsafe lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFSOCK else {
            return nil
        }
        return found
    }
}

/// Owns a listening socket and the file of a Unix socket; closes and removes them at its end.
package struct Listener: ~Copyable {
    /// The path, or the address with its port, for messages.
    package let address: String
    /// The port, chosen by the system if 0 was given; nil for a Unix socket.
    package let port: UInt16?
    let descriptor: Descriptor
    let file: SocketFile?

    /// Listens on a Unix socket. An existing socket is replaced; no client can connect before the
    /// mode is set.
    ///
    /// - Parameter path: at most 107 bytes.
    package static func unix(_ path: String, mode: UInt32 = 0o660) throws(ServerError) -> Listener {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .listen(address: path, step: "bind", reason: "longer than 107 bytes")
        }
        // SAFETY: the path is shorter than the field, which is zero after it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: path.utf8)
        }
        _ = SocketFile(path)
        let descriptor = try socket(AF_UNIX, path)
        try bind(descriptor.number, address, path)
        let file = SocketFile(path)
        // SAFETY: the pointer is valid for the call.
        _ = try ServerError.check(unsafe chmod(path, mode), "chmod", path)
        _ = try ServerError.check(Glibc.listen(descriptor.number, backlog), "listen", path)
        return Listener(address: path, port: nil, descriptor: descriptor, file: file)
    }

    /// Listens on 127.0.0.1; if `port` is 0, the system chooses one.
    package static func loopback(port: UInt16) throws(ServerError) -> Listener {
        try tcp("127.0.0.1", port: port)
    }

    /// Listens on an IPv4 or IPv6 address of this node; if `port` is 0, the system chooses one.
    package static func tcp(_ host: String, port: UInt16) throws(ServerError) -> Listener {
        var v4 = sockaddr_in()
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        // SAFETY: the field has the size of an address of its family.
        if unsafe inet_pton(AF_INET, host, &v4.sin_addr) == 1 {
            return try listen(AF_INET, host, v4) { $0.sin_port }
        }
        var v6 = sockaddr_in6()
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = port.bigEndian
        // SAFETY: the field has the size of an address of its family.
        guard unsafe inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 else {
            throw .listen(address: host, step: "bind", reason: "is no IP address")
        }
        return try listen(AF_INET6, "[\(host)]", v6) { $0.sin6_port }
    }

    /// - Parameters:
    ///   - address: a `sockaddr_in` or `sockaddr_in6`.
    ///   - port: reads the port in network order.
    private static func listen<T>(
        _ family: Int32, _ host: String, _ address: T, port: (T) -> UInt16
    ) throws(ServerError) -> Listener {
        let name = "\(host):\(UInt16(bigEndian: port(address)))"
        let descriptor = try socket(family, name)
        // Allows a port with connections in TIME_WAIT to be used again.
        var on: Int32 = 1
        // SAFETY: the pointer is valid for the call.
        unsafe _ = setsockopt(
            descriptor.number, SOL_SOCKET, SO_REUSEADDR, &on,
            socklen_t(MemoryLayout<Int32>.size))
        try bind(descriptor.number, address, name)
        _ = try ServerError.check(Glibc.listen(descriptor.number, backlog), "listen", name)
        var bound = address
        var size = socklen_t(MemoryLayout<T>.size)
        // SAFETY: the structure is a local variable of the given size.
        let result = unsafe withUnsafeMutablePointer(to: &bound) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor.number, $0, &size)
            }
        }
        _ = try ServerError.check(result, "getsockname", name)
        let chosen = UInt16(bigEndian: port(bound))
        return Listener(
            address: "\(host):\(chosen)", port: chosen, descriptor: descriptor, file: nil)
    }

    /// Connections that wait to be accepted; as many as the system allows, so that a burst of them
    /// does not keep other clients out: a client of a Unix socket would be refused.
    private static let backlog = Int32(SOMAXCONN)

    private static func socket(_ family: Int32, _ name: String) throws(ServerError) -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return Descriptor(
            try ServerError.check(Glibc.socket(family, kind, 0), "socket", name))
    }

    /// - Parameter address: a `sockaddr_un` or `sockaddr_in`.
    private static func bind<T>(
        _ descriptor: Int32, _ address: T, _ name: String
    ) throws(ServerError) {
        // SAFETY: every socket address starts like sockaddr, and its size is passed.
        let result = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<T>.size))
            }
        }
        _ = try ServerError.check(result, "bind", name)
    }
}
