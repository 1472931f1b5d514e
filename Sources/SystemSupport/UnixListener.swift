internal import Glibc
package import SystemPackage

/// A Unix socket that never makes its owner wait: it takes whoever has connected, and removes its
/// file at its end.
package struct UnixListener: ~Copyable {
    /// The most bytes of a path: the field of the address ends with a zero byte.
    package static let longestPath = 107

    private let path: String
    private let descriptor: OpenFile
    private let file: Identity

    /// Which file a path leads to.
    private struct Identity: Equatable {
        var device: UInt64
        var inode: UInt64

        init(_ path: String) throws(Errno) {
            let status = try Files.status(path, followsLink: false)
            guard status.type == .socket else { throw .notSocket }
            device = UInt64(status.rawValue.st_dev)
            inode = UInt64(status.rawValue.st_ino)
        }
    }

    /// Listens at a path, for its user and group. The socket of a program that is gone is replaced.
    ///
    /// - Throws: `.addressInUse` where a program listens there, `.notSocket` where there is another
    ///   file, `.fileNameTooLong` for more than 107 bytes, or the system's error.
    package init(_ path: String) throws(Errno) {
        let address = try Self.address(path)
        do throws(Errno) {
            _ = try Identity(path)
            guard try !Self.isServed(path) else { throw Errno.addressInUse }
            try Files.remove(path)
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
        }
        let made = try Self.open()
        // SAFETY: bind reads the address only, during the call.
        try Errno.check(
            unsafe Self.call(made.number, address) { unsafe Glibc.bind($0, $1, $2) })
        // Nobody can connect before it listens.
        // SAFETY: the path is valid for the call.
        try Errno.check(unsafe chmod(path, 0o660))
        try Errno.check(Glibc.listen(made.number, Int32(SOMAXCONN)))
        let identity = try Identity(path)
        file = identity
        descriptor = made
        self.path = path
    }

    deinit { if isInPlace { try? Files.remove(path) } }

    /// Whether the path still leads to this socket.
    package var isInPlace: Bool { (try? Identity(path)) == file }

    /// The next client that has connected; reading from it does not wait.
    ///
    /// - Throws: `.wouldBlock` where there is none.
    package func accept() throws(Errno) -> OpenFile {
        let number = Glibc.accept(descriptor.number, nil, nil)
        guard number >= 0 else { throw .last }
        let client = OpenFile(owning: FileDescriptor(rawValue: number))
        guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0, fcntl(number, F_SETFL, O_NONBLOCK) == 0
        else { throw .last }
        return client
    }

    private static func open() throws(Errno) -> OpenFile {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let number = Glibc.socket(AF_UNIX, Int32(kind), 0)
        guard number >= 0 else { throw .last }
        return OpenFile(owning: FileDescriptor(rawValue: number))
    }

    private static func address(_ path: String) throws(Errno) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count <= longestPath else { throw .fileNameTooLong }
        // SAFETY: the path is shorter than the field, which is zero after it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: path.utf8)
        }
        return address
    }

    /// Whether a program listens at a path: only then can one connect, or wait for it. The call
    /// does not wait.
    ///
    /// - Throws: `.fileNameTooLong` for more than 107 bytes, or the system's error.
    package static func isServed(_ path: String) throws(Errno) -> Bool {
        let address = try address(path)
        let probe = try open()
        // SAFETY: connect reads the address only, during the call.
        let result = unsafe call(probe.number, address) { unsafe Glibc.connect($0, $1, $2) }
        if result == 0 { return true }
        switch Errno.last {
        case .connectionRefused: return false
        case .wouldBlock: return true
        case let failure: throw failure
        }
    }

    private static func call(
        _ number: Int32, _ address: sockaddr_un,
        _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32
    ) -> Int32 {
        // SAFETY: every socket address starts like sockaddr, and its size is passed.
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe function(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
