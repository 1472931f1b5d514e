internal import NetworkAddresses
internal import Nftables
import ProtectedAddresses
internal import Quarantine

extension Firewall {
    /// Deletes the connection tracking entries of new fences, so that no old connection continues
    /// after the fence has expired.
    ///
    /// - Throws: `.connectionsKept`.
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
        } catch { throw .connectionsKept(why: "\(QuarantineError(error))") }
    }
}
