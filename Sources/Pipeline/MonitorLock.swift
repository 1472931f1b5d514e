internal import Enforcement
internal import Foundation
internal import Quarantine
internal import Synchronization
internal import SystemSupport

/// Brings what the guard does by itself to the events; it begins before they do.
final class RepairBox: Sendable {
    private let decisions = Mutex<DecisionThread?>(nil)

    func connect(_ thread: DecisionThread) { decisions.withLock { $0 = thread } }

    func report(
        _ finding: QuarantineGuard.Finding, tell: (String) -> Void
    ) {
        let cause = finding.cause.map { "\($0)" } ?? "watching the firewall"
        if let failure = finding.failure {
            tell("\(cause): \(failure)")
            return
        }
        let outcomes = finding.repair.outcomes
        // The command line changes the tables too, and leaves them as the ledger has it.
        if finding.repair.wasNeeded {
            tell("\(cause); put right, \(outcomes.count(where: \.isPutBack)) fences put back")
        } else if finding.cause?.isUncertain == true {
            tell("\(cause); everything is as it should be")
        }
        decisions.withLock { $0 }?.submit(outcomes)
    }
}

/// One monitor to a state directory.
final class MonitorLock {
    private let descriptor: Int32

    /// - Throws: `.input` with the process that holds it.
    init(directory: String) throws(IOError) {
        let path = directory + "/monitor.lock"
        // SAFETY: the path is lent for the call.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            // SAFETY: the text is copied before another call could change it.
            throw .output(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .input(
                path: directory,
                reason:
                    "another monitor uses this state directory; stop it, or name one with --state")
        }
    }

    func release() { close(descriptor) }
}

/// One enforcing monitor to a network namespace: each of two would take the other's fences for a stranger's, and
/// undo them.
///
/// An abstract socket lives and dies with who holds it, and is seen in its network namespace only (unix(7)).
final class EnforcerLock {
    private let descriptor: Int32

    private static let name: [UInt8] = [0] + Array("lazaret-enforces".utf8)

    /// - Throws: `.input` where another monitor enforces here.
    init() throws(IOError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_UNIX, type, 0)
        // A name that somebody took who may not enforce, or that cannot be had at all, keeps nobody from enforcing.
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
        // SAFETY: the name is shorter than the field behind the family; the call reads what is ours.
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
        let facts = (try? String(contentsOfFile: "/proc/\(peer[0])/status", encoding: .utf8)) ?? ""
        let capabilities = facts.firstMatch(of: /CapEff:\s*([0-9a-f]+)/).flatMap {
            UInt64($0.1, radix: 16)
        }
        return peer[1] == 0 || peer[1] == geteuid() || (capabilities ?? 0) >> 12 & 1 == 1
    }
}
