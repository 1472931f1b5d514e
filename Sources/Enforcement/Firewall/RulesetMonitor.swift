internal import CNetfilter
internal import Glibc
internal import Nftables
public import Quarantine

/// Somebody else changed our tables.
public struct RulesetChange: Sendable, Equatable {
    /// The program that did it, as the kernel names it, and its process number; nil: not told.
    public var program: String?
    public var process: UInt32?
    /// Whether tables, chains, sets or rules are concerned, not elements only.
    public var isStructural: Bool
    /// Whether messages were lost, so that anything may have happened.
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

/// Hears of changes to the firewall as they happen (netlink's nftables group).
///
/// Blocks a thread while it waits. Belongs to the network namespace of the creating thread.
public struct RulesetMonitor: ~Copyable, Sendable {
    private var socket: NetlinkSocket
    private let own: Set<UInt32>

    /// - Parameter own: `Firewall.port` of everyone in this process; their changes are not
    ///   reported.
    public init(ignoring own: Set<UInt32>) throws(QuarantineError) {
        self.own = own
        do {
            socket = try NetlinkSocket(
                family: NETLINK_NETFILTER, groups: 1 << (NFNLGRP_NFTABLES.rawValue - 1))
        } catch { throw QuarantineError(error) }
    }

    /// Waits for somebody else's change of our tables.
    ///
    /// - Returns: nil when `milliseconds` went by without one; other tables' changes count as none
    ///   but end the wait early.
    public mutating func wait(
        milliseconds: Int32
    ) throws(QuarantineError) -> RulesetChange? {
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
            // A transaction's messages come together, its end last.
            patience = 100
        }
        return seen
    }

    /// Takes one message in; true when it ends a transaction.
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
        // The first attribute of everything below a table is the table's name; port 0 is the
        // kernel itself, which takes out what has run out of time.
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
