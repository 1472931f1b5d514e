internal import CNetfilter
internal import Glibc
internal import Nftables
import ProtectedAddresses
public import Quarantine

/// Ensures one enforcing monitor in a network namespace: two would undo each other's fences.
///
/// The lock is an empty table that the kernel keeps for the socket that created it
/// (NFT_TABLE_F_OWNER of nftables, Linux 5.12). Creating it requires CAP_NET_ADMIN in the network
/// namespace, as enforcing does: a process that may not enforce cannot hold the lock. The kernel
/// removes the table with the socket, also when the process is killed; no other process can remove
/// it, not even by `nft flush ruleset`. A lock file is not enough: two monitors of one network
/// namespace may have different file systems, and one file system may have monitors of many network
/// namespaces.
public final class EnforcerLock {
    static let tableName = "lazaret_enforcer"

    /// The table's owner while the lock is held; nil after it was released.
    private var socket: NetlinkSocket?

    /// The outcome of an attempt to take the lock.
    public enum Outcome: Sendable, Equatable {
        case taken
        /// Another monitor holds it.
        case held
        /// Linux before 5.12 has no tables with owners.
        case unsupported
    }

    public let outcome: Outcome

    /// Takes the lock of the network namespace that the calling thread is in.
    ///
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN; `.kernel` on any other error.
    public init() throws(QuarantineError) {
        do throws(NetlinkError) {
            var owner = try NetlinkSocket(family: NETLINK_NETFILTER)
            outcome = try Self.take(&owner)
            socket = consume owner
        } catch {
            throw QuarantineError(error)
        }
    }

    private static func take(_ owner: inout NetlinkSocket) throws(NetlinkError) -> Outcome {
        let batch = batch()
        do throws(NetlinkError) {
            try owner.transact(batch, for: "take the lock of the enforcing monitor")
            return .taken
        } catch {
            switch error {
            case .notPermitted:
                // The kernel returns the same error for another process's table and for a missing
                // capability.
                guard try isThere(&owner, sequence: batch.sequence) else { throw error }
                return .held
            case .kernel(_, EOPNOTSUPP, _), .kernel(_, EINVAL, _): return .unsupported
            default: throw error
            }
        }
    }

    /// Releases the lock: closes the socket, which removes the table.
    public func release() { socket = nil }

    /// Creates the table with its owner. A table of that name without an owner, as a saved ruleset
    /// restores it, is removed first.
    private static func batch() -> NetlinkWriter {
        var batch = NetlinkWriter(sequence: 0)
        batch.beginTransaction()
        batch.add(NFT_MSG_NEWTABLE, .inet, "make the table") {
            NftTable(family: .inet, name: tableName).message($0)
        }
        batch.add(NFT_MSG_DELTABLE, .inet, "remove the table", flags: 0) {
            NftTable(family: .inet, name: tableName).message($0)
        }
        batch.add(NFT_MSG_NEWTABLE, .inet, "own the table") {
            NftTable(family: .inet, name: tableName, flags: UInt32(NFT_TABLE_F_OWNER.rawValue))
                .message($0)
        }
        batch.endTransaction()
        return batch
    }

    /// Whether the table exists, with any owner.
    private static func isThere(
        _ socket: inout NetlinkSocket, sequence: UInt32
    ) throws(NetlinkError) -> Bool {
        let operation = "list the tables"
        var request = NetlinkWriter(sequence: sequence)
        let start = request.begin(
            type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(NFT_MSG_GETTABLE.rawValue),
            flags: 1 | UInt16(NLM_F_DUMP), family: NftFamily.inet.rawValue, .request(operation))
        request.end(start)
        let names = try socket.dump(
            request.bytes, sequence: request.sequence, for: operation
        ) { (message: NetlinkMessage) throws(NetlinkError) -> String? in
            message.payload.dropFirst(4).attribute(UInt16(NFTA_TABLE_NAME.rawValue))?.text
        }
        return names.contains(tableName)
    }
}
