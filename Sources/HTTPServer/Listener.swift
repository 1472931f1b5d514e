internal import Glibc

/// Owns a descriptor, and closes it.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Gives it to another owner.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

/// Owns the file of a Unix socket, and removes it, unless another one has taken its place.
struct SocketFile: ~Copyable {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Nil where there is no socket.
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
        // SAFETY: the path is lent for the call.
        unsafe _ = unlink(path)
    }

    private static func find(_ path: String) -> stat? {
        var found = stat()
        // SAFETY: the path is lent for the call, and the structure is ours.
        guard unsafe lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFSOCK else {
            return nil
        }
        return found
    }
}

/// Owns a listening socket, and the file of a Unix socket; both are gone when it is.
package struct Listener: ~Copyable {
    /// For messages: a path, or an address with its port.
    package let address: String
    /// The port, which the system has chosen where 0 was asked for; nil for a Unix socket.
    package let port: UInt16?
    let descriptor: Descriptor
    let file: SocketFile?

    /// Listens on a Unix socket. One that is there is replaced; nobody can connect before the mode
    /// is set.
    ///
    /// - Parameter path: at most 107 bytes.
    package static func unix(_ path: String, mode: UInt32 = 0o660) throws(ServerError) -> Listener {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .listen(address: path, step: "bind", reason: "longer than 107 bytes")
        }
        // SAFETY: the path is shorter than the field, which is zero behind it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: path.utf8)
        }
        _ = SocketFile(path)
        let descriptor = try socket(AF_UNIX, path)
        try bind(descriptor.number, address, path)
        let file = SocketFile(path)
        // SAFETY: the path is lent for the call.
        _ = try ServerError.check(unsafe chmod(path, mode), "chmod", path)
        _ = try ServerError.check(listen(descriptor.number, backlog), "listen", path)
        return Listener(address: path, port: nil, descriptor: descriptor, file: file)
    }

    /// Listens on 127.0.0.1; on a port that the system chooses where it is 0.
    package static func loopback(port: UInt16) throws(ServerError) -> Listener {
        let name = "127.0.0.1:\(port)"
        let descriptor = try socket(AF_INET, name)
        // A port whose last connections are not forgotten yet can be used again.
        var on: Int32 = 1
        // SAFETY: the number is lent for the call.
        unsafe _ = setsockopt(
            descriptor.number, SOL_SOCKET, SO_REUSEADDR, &on,
            socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try bind(descriptor.number, address, name)
        _ = try ServerError.check(listen(descriptor.number, backlog), "listen", name)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // SAFETY: the structure is ours, and as large as said.
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor.number, $0, &size)
            }
        }
        _ = try ServerError.check(result, "getsockname", name)
        let bound = UInt16(bigEndian: address.sin_port)
        return Listener(
            address: "127.0.0.1:\(bound)", port: bound, descriptor: descriptor, file: nil)
    }

    /// Connections that wait to be taken.
    private static let backlog: Int32 = 128

    private static func socket(_ family: Int32, _ name: String) throws(ServerError) -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return Descriptor(
            try ServerError.check(Glibc.socket(family, kind, 0), "socket", name))
    }

    /// - Parameter address: a `sockaddr_un` or `sockaddr_in`.
    private static func bind<T: BitwiseCopyable>(
        _ descriptor: Int32, _ address: T, _ name: String
    ) throws(ServerError) {
        // SAFETY: every address of a socket begins as sockaddr does, and its size is said.
        let result = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<T>.size))
            }
        }
        _ = try ServerError.check(result, "bind", name)
    }
}
