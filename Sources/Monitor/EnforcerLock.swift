internal import Glibc
internal import SystemSupport

/// The lock that allows one enforcing monitor per network namespace. Two monitors would each remove
/// the other's fences as unknown rules.
///
/// An abstract socket exists as long as its holder, and is visible only in its network namespace
/// (unix(7)).
final class EnforcerLock {
    private let descriptor: Int32

    private static let name: [UInt8] = [0] + Array("lazaret-enforces".utf8)

    /// - Throws: `.input` where another monitor enforces here.
    init() throws(IOError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_UNIX, type, 0)
        // Enforcement is also allowed if the socket cannot be created or bound at all, or if the
        // name is held by a process that may not enforce.
        guard descriptor >= 0, unsafe Self.call(bind, descriptor) != 0, errno == EADDRINUSE else {
            // Connections are never accepted: those of refused monitors stay in the queue.
            listen(descriptor, SOMAXCONN)
            return
        }
        guard unsafe Self.call(connect, descriptor) == 0, Self.mayEnforce(peerOf: descriptor)
        else { return }
        close(descriptor)
        throw .input(
            path: "--enforce",
            reason: "another monitor enforces in this network namespace, and each would undo the "
                + "other's fences; stop it, or only observe")
    }

    func release() { close(descriptor) }

    private static func call(
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let family = MemoryLayout<sa_family_t>.size
        // SAFETY: the name is shorter than the field after the family, and the call reads only
        // `address`.
        return unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe bytes[family...].copyBytes(from: name)
            return unsafe body(
                descriptor,
                bytes.assumingMemoryBound(to: sockaddr.self).baseAddress.unsafelyUnwrapped,
                socklen_t(family + name.count))
        }
    }

    private static func mayEnforce(peerOf descriptor: Int32) -> Bool {
        // struct ucred: process, user, group.
        var peer: InlineArray<3, UInt32> = [0, .max, .max]
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        // SAFETY: `peer` and `size` are local, and `size` is the size of `peer`.
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size)
        guard status == 0 else { return false }
        // A monitor of another user can have the capability without being root; CAP_NET_ADMIN is
        // 12.
        let facts =
            (try? readFile("/proc/\(peer[0])/status")).map {
                String(decoding: $0, as: UTF8.self)
            } ?? ""
        let capabilities = facts.firstMatch(of: /CapEff:\s*([0-9a-f]+)/).flatMap {
            UInt64($0.1, radix: 16)
        }
        return peer[1] == 0 || peer[1] == geteuid() || (capabilities ?? 0) >> 12 & 1 == 1
    }
}
