internal import NetworkAddresses
internal import Nftables
internal import Quarantine

extension Firewall {
    /// Deletes the connection tracking entries of what was just fenced, so that a connection does
    /// not live on in the tracker after the fence has ended.
    mutating func flushConnections(_ changes: [FirewallChange]) throws(QuarantineError) {
        let fenced = changes.compactMap { change -> IPPrefix? in
            guard case .put(let rule) = change, rule.action == .drop else { return nil }
            return rule.target.prefix
        }
        guard !fenced.isEmpty else { return }
        let hosts = Set(fenced.filter(\.isHost).map(\.address))
        let networks = fenced.filter { !$0.isHost }
        do throws(NetlinkError) {
            try socket.deleteConnections(sequence: &sequence) { address in
                hosts.contains(address) || networks.contains { $0.contains(address) }
            }
        } catch { throw QuarantineError(error) }
    }
}
