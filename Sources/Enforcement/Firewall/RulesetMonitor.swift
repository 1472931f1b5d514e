internal import CNetfilter
internal import Glibc
internal import Nftables
import ProtectedAddresses
public import Quarantine

/// A change of our tables by another program.
public struct RulesetChange: Sendable, Equatable {
    /// The name of the program in the kernel, and its process number; nil: not reported.
    public var program: String?
    public var process: UInt32?
    /// Whether tables, chains, sets or rules changed, not only elements.
    public var isStructural: Bool
    /// Whether messages were lost, so that any change is possible.
    public var isUncertain: Bool
}

extension RulesetChange: CustomStringConvertible {
    /// One line for log and audit trail.
    public var description: String {
        if isUncertain { return "messages about the firewall were lost" }
        let who = program.map { "\($0) (process \(process ?? 0))" } ?? "another program"
        return "\(who) changed \(isStructural ? "the tables" : "the elements") of the fence"
    }
}

/// Receives changes to the firewall as they happen (netlink's nftables group).
///
/// Blocks the thread while it waits. Belongs to the network namespace of the thread that created
/// it.
public struct RulesetMonitor: ~Copyable, Sendable {
    private var socket: NetlinkSocket
    private let own: Set<UInt32>

    /// - Parameter own: `Firewall.port` of each firewall in this process; their changes are not
    ///   reported.
    public init(ignoring own: Set<UInt32>) throws(QuarantineError) {
        self.own = own
        do {
            socket = try NetlinkSocket(
                family: NETLINK_NETFILTER, groups: 1 << (NFNLGRP_NFTABLES.rawValue - 1))
        } catch { throw QuarantineError(error) }
    }

    /// Waits for a change of our tables by another program.
    ///
    /// - Returns: nil if there was none within `milliseconds`; changes of other tables also end the
    ///   wait.
    public mutating func wait(milliseconds: Int32) throws(QuarantineError) -> RulesetChange? {
        var seen: RulesetChange?
        var isOver = false
        var patience = milliseconds
        while !isOver {
            let datagram: [UInt8]?
            do throws(NetlinkError) {
                datagram = try socket.receive(milliseconds: patience, for: "watch the firewall")
            } catch .kernel(_, ENOBUFS, _) {
                return RulesetChange(
                    program: nil, process: nil, isStructural: true, isUncertain: true)
            } catch { throw QuarantineError(error) }
            guard let datagram, let messages = NetlinkMessage.split(datagram) else { return seen }
            for message in messages { isOver = note(message, &seen) || isOver }
            // A transaction's messages arrive together, with its end last.
            patience = 100
        }
        return seen
    }

    /// Processes one message; true if it ends a transaction.
    private func note(_ message: NetlinkMessage, _ seen: inout RulesetChange?) -> Bool {
        guard message.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES) else { return false }
        let type = UInt32(message.type & 255)
        let attributes = message.payload.dropFirst(4)
        if type == NFT_MSG_NEWGEN.rawValue {
            seen?.program = attributes.attribute(UInt16(NFTA_GEN_PROC_NAME.rawValue))?.text
            seen?.process = attributes.attribute(UInt16(NFTA_GEN_PROC_PID.rawValue)).map {
                UInt32(truncatingIfNeeded: $0.big)
            }
            return true
        }
        // The first attribute of every object in a table is the table's name. Port 0 is the kernel
        // itself, which removes expired elements.
        guard message.port != 0, !own.contains(message.port),
            attributes.attribute(1)?.text == FirewallLayout.tableName,
            FirewallLayout.Family(rawValue: message.payload.first ?? 0) != nil
        else { return false }
        let isElement =
            type == NFT_MSG_NEWSETELEM.rawValue || type == NFT_MSG_DELSETELEM.rawValue
        seen = RulesetChange(
            program: nil, process: nil,
            isStructural: !isElement || seen?.isStructural ?? false, isUncertain: false)
        return false
    }
}
