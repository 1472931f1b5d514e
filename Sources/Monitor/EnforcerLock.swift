internal import Glibc
internal import SystemSupport

/// One enforcing monitor to a network namespace: each of two would take the other's fences for a
/// stranger's, and undo them.
///
/// An abstract socket lives and dies with who holds it, and is seen in its network namespace only
/// (unix(7)).
final class EnforcerLock {
    private let descriptor: Int32

    private static let name: [UInt8] = [0] + Array("lazaret-enforces".utf8)

    /// - Throws: `.input` where another monitor enforces here.
    init() throws(IOError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_UNIX, type, 0)
        // A name that somebody took who may not enforce, or that cannot be had at all, keeps nobody
        // from enforcing.
        guard descriptor >= 0, unsafe Self.call(bind, descriptor) != 0, errno == EADDRINUSE else {
            // Nobody takes the calls: each that was turned away stays in the queue.
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
        // SAFETY: the name is shorter than the field behind the family; the call reads what is
        // ours.
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
        // SAFETY: the numbers are ours and have the size that is passed.
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size)
        guard status == 0 else { return false }
        // A monitor of another user has the capability without being root; CAP_NET_ADMIN is 12.
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
